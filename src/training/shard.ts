// shard.ts: one share of a batch on one engine, and the memory through which it is handed over.

import { type Aim, type Engine, type ParameterLayout, type SoftTargets, volume } from "../engine/index.js";
import type { Shape } from "../ops/index.js";

/** The values that all shards read: the same values in this thread and in workers. */
export interface SharedValues {
  readonly parameters: Float32Array;
  readonly runningMean: Float32Array;
  readonly runningVariance: Float32Array;
}

/** The memory that one shard reads and writes. */
export interface ShardMemory {
  /** By input, (batch, channels, height, width). */
  readonly inputs: ReadonlyMap<string, Float32Array>;
  readonly labels: Uint8Array;
  readonly gradients: Float32Array;
  readonly batchMean: Float32Array;
  readonly batchVariance: Float32Array;
}

export interface ShardRequest {
  /** train: forward and backward; frozen: the same on running statistics; statistics: a train forward; eval: forward. */
  readonly kind: "train" | "frozen" | "statistics" | "eval";
  /** Images of this shard. */
  readonly count: number;
  /** Images of the whole batch. */
  readonly divisor: number;
  readonly smoothing: number;
  /** The seed of what dropout draws; a uint32. */
  readonly seed: number;
  /** With a teacher: see SoftTargets. */
  readonly soft: (Pick<SoftTargets, "temperature" | "share"> & { readonly aims: readonly Aim[] | null }) | null;
}

export interface ShardResult {
  readonly loss: number;
  readonly correct: number;
  /** Set when the loss is not finite: the first tensor with such a value. */
  readonly nonFinite?: string;
}

const WORD = 8;
const aligned = (bytes: number): number => Math.ceil(bytes / WORD) * WORD;

/** Hands out views of one buffer, one after the other; with `buffer` null only the bytes are counted. */
function carve(buffer: ArrayBufferLike | null) {
  let top = 0;
  const take = (bytes: number): number => {
    const at = top;
    top += aligned(bytes);
    return at;
  };
  return {
    floats(length: number): Float32Array {
      const at = take(length * 4);
      return buffer ? new Float32Array(buffer, at, length) : new Float32Array(0);
    },
    bytes(length: number): Uint8Array {
      const at = take(length);
      return buffer ? new Uint8Array(buffer, at, length) : new Uint8Array(0);
    },
    size: () => top,
  };
}

const cutShared = (layout: ParameterLayout, cut: ReturnType<typeof carve>): SharedValues => ({
  parameters: cut.floats(layout.length),
  runningMean: cut.floats(layout.channels),
  runningVariance: cut.floats(layout.channels),
});

/** The inputs of a network that a shard has memory for. */
export type ShardInputs = readonly { readonly name: string; readonly shape: Shape }[];

const cutShard = (
  layout: ParameterLayout,
  inputs: ShardInputs,
  batch: number,
  cut: ReturnType<typeof carve>,
): ShardMemory => ({
  inputs: new Map(inputs.map(({ name, shape }) => [name, cut.floats(batch * volume(shape))])),
  labels: cut.bytes(batch),
  gradients: cut.floats(layout.length),
  batchMean: cut.floats(layout.channels),
  batchVariance: cut.floats(layout.channels),
});

export function sharedBytes(layout: ParameterLayout): number {
  const cut = carve(null);
  cutShared(layout, cut);
  return cut.size();
}

export function sharedValues(layout: ParameterLayout, buffer: ArrayBufferLike): SharedValues {
  return cutShared(layout, carve(buffer));
}

export function shardBytes(layout: ParameterLayout, inputs: ShardInputs, batch: number): number {
  const cut = carve(null);
  cutShard(layout, inputs, batch, cut);
  return cut.size();
}

export function shardMemory(
  layout: ParameterLayout,
  inputs: ShardInputs,
  batch: number,
  buffer: ArrayBufferLike,
): ShardMemory {
  return cutShard(layout, inputs, batch, carve(buffer));
}

/**
 * Does what a request asks for; inputs and labels are in `memory`, parameters in `shared`.
 * @param teacher compiled for as many images; its parameters stay as they are.
 */
export function runShard(
  engine: Engine,
  teacher: Engine | null,
  shared: SharedValues,
  memory: ShardMemory,
  request: ShardRequest,
): ShardResult {
  const { kind, count, divisor, smoothing, seed, soft } = request;
  engine.parameters.set(shared.parameters);
  engine.running.mean.set(shared.runningMean);
  engine.running.variance.set(shared.runningVariance);
  const values = new Map(
    Array.from(memory.inputs, ([name, all]) => [name, all.subarray(0, (all.length / engine.batch) * count)]),
  );
  // a teacher of one input may call it otherwise
  const [only] = values.values();
  const images = values.size === 1 ? only : values;
  engine.forward(images, count, kind === "statistics" ? "train" : kind, seed);
  const logits = teacher && soft ? teacher.forward(images, count, "eval") : null;
  const { loss, correct } = soft?.aims
    ? { loss: approached(engine, teacher!, soft.aims, divisor, soft.temperature), correct: 0 }
    : engine.loss(memory.labels, divisor, smoothing, logits && soft && { ...soft, logits });
  if (kind === "train" || kind === "frozen") {
    engine.backward();
    memory.gradients.set(engine.gradients);
  }
  if (kind === "train" || kind === "statistics") {
    memory.batchMean.set(engine.statistics.mean);
    memory.batchVariance.set(engine.statistics.variance);
  }
  if (Number.isFinite(loss)) return { loss, correct };
  return { loss, correct, nonFinite: engine.firstNonFinite() ?? "loss" };
}

function approached(
  engine: Engine,
  teacher: Engine,
  aims: readonly Aim[],
  divisor: number,
  temperature: number,
): number {
  const targets = aims.map(({ target }) => teacher.tensor(target));
  return engine.approach(aims, targets, divisor, temperature);
}
