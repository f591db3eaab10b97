// sgd.ts: the optimizer: parameters, gradient and momentum in an instance of their own, updated by one kernel call.
import { NOWHERE, plus } from "../base/index.js";
import { createArena, instantiate, type ParameterEntry, type ParameterLayout, UpdateJob } from "../engine/index.js";
import type { WeightGrids } from "../ops/index.js";
import type { ParameterGroup } from "./options.js";

export interface SgdOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly groups: readonly ParameterGroup[];
  /** Infinity for none. */
  readonly clip: number;
  /** Decay of the moving average of the parameters; null for none. */
  readonly average: number | null;
}

export interface Optimizer {
  /** All views stay valid; ordered as the layout says. */
  readonly parameters: Float32Array;
  readonly velocity: Float32Array;
  /** The gradient of the step so far or the last one, clipped. */
  readonly gradient: Float32Array;
  /** average = decay average + (1 - decay) parameters, after every step. */
  readonly average: Float32Array | null;
  /** Momentum 0, the average at the parameters. */
  restart(): void;
  restore(velocity: Float32Array, average: Float32Array | null): void;
  /** The parameters become their average, if there is one. */
  takeAverage(): void;
  /** Gradient of the step so far: the first shard overwrites, the others add. */
  setGradient(gradient: Float32Array): void;
  addGradient(gradient: Float32Array): void;
  /** Weights that INQ has frozen keep their bits from now on; null frees all. */
  freeze(grids: WeightGrids | null): void;
  /** Clips the gradient, then updates. Returns the norm before clipping. */
  step(rate: number): number;
  /** Name of the first parameter with a NaN or an infinity. */
  firstNonFinite(): string | null;
}

export function createOptimizer(module: WebAssembly.Module, layout: ParameterLayout, options: SgdOptions): Optimizer {
  const arena = createArena();
  const bytes = layout.length * 4;
  const [w, g, v, incoming] = [0, 1, 2, 3].map(() => arena.reserve(bytes));
  const mean = options.average === null ? NOWHERE : arena.reserve(bytes);
  const mask = arena.reserve(layout.weights);
  const { momentum, clip } = options;
  const nesterov = options.nesterov ? 1 : 0;
  const updates = runsOf(layout, options).map(({ offset, length, masked, factor, decay }) => {
    const trainable = masked ? plus(mask, offset) : NOWHERE;
    const places = { w: plus(w, offset * 4), g: plus(g, offset * 4), v: plus(v, offset * 4), trainable };
    return { job: arena.record(UpdateJob, { ...places, length, momentum, decay, nesterov }), factor };
  });
  const { kernels, memory } = instantiate(module, arena.size());
  arena.fill(memory.buffer);
  const floats = (address: number) => new Float32Array(memory.buffer, address, layout.length);
  const trainable = new Uint8Array(memory.buffer, mask, layout.weights).fill(1);
  const gradient = floats(g);
  const added = floats(incoming);
  const parameters = floats(w);
  const velocity = floats(v);
  const average = options.average === null ? null : floats(mean);
  return {
    parameters,
    velocity,
    gradient,
    average,
    restart() {
      velocity.fill(0);
      average?.set(parameters);
    },
    restore(savedVelocity, savedAverage) {
      velocity.set(savedVelocity);
      average?.set(savedAverage ?? parameters);
    },
    takeAverage() {
      if (average) parameters.set(average);
    },
    setGradient: (values) => gradient.set(values),
    addGradient(values) {
      added.set(values);
      kernels.addInto(incoming, g, layout.length);
    },
    freeze(grids) {
      trainable.fill(1);
      if (!grids) return;
      for (const { node, field, offset } of layout.entries) {
        const frozen = field === "weight" ? grids.get(node)?.frozen : undefined;
        frozen?.forEach((flagged, i) => {
          trainable[offset + i] = 1 - flagged;
        });
      }
    },
    step(rate) {
      const norm = Math.sqrt(kernels.sumOfSquares(g, layout.length));
      if (norm > clip) kernels.scale(g, layout.length, clip / norm);
      for (const { job, factor } of updates) kernels.sgdStep(job, rate * factor);
      if (options.average !== null) kernels.approach(w, mean, layout.length, 1 - options.average);
      return norm;
    },
    firstNonFinite() {
      const at = kernels.firstNonFinite(w, layout.length);
      const entry = layout.entries.findLast(({ offset }) => offset <= at);
      return at < 0 || !entry ? null : `${entry.node}.${entry.field}`;
    },
  };
}

/** Neighbouring parameters that are updated alike. */
interface Run {
  readonly offset: number;
  readonly length: number;
  readonly masked: boolean;
  readonly factor: number;
  readonly decay: number;
}

function runsOf(layout: ParameterLayout, options: SgdOptions): Run[] {
  const runs: Run[] = [];
  for (const entry of layout.entries) {
    const group = options.groups.find((candidate) => belongs(entry, candidate));
    const masked = entry.field === "weight";
    const decay = group?.weightDecay ?? (masked ? options.weightDecay : 0);
    const factor = group?.rate ?? 1;
    const { length } = entry.tensor.data;
    const last = runs.at(-1);
    if (last && last.masked === masked && last.factor === factor && last.decay === decay) {
      runs[runs.length - 1] = { ...last, length: last.length + length };
    } else runs.push({ offset: entry.offset, length, masked, factor, decay });
  }
  return runs;
}

function belongs({ node, field }: ParameterEntry, { nodes, fields }: ParameterGroup): boolean {
  return (nodes?.includes(node) ?? true) && (fields?.includes(field) ?? true);
}
