// checkpoint.ts: everything a run needs to go on as if it had never stopped, in one file.

import { ShiftwiseError } from "../base/index.js";
import { reason, writeAtomically } from "../base/system.js";
import type { ParameterLayout } from "../engine/index.js";
import {
  fields,
  openFile,
  sealFile,
  storeBytes,
  storeFloats,
  type TensorSource,
  tensorSource,
} from "../format/index.js";
import { decodeNetwork, encodeNetwork, type Network } from "../graph/index.js";
import { elements, nodeParameters, type WeightGrids } from "../ops/index.js";

/** Means over one finished epoch. */
export interface EpochRecord {
  readonly stage: number;
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly seconds: number;
}

/** The position of a run: steps done in an epoch of a stage. Batches follow from seed, epoch and step alone. */
export interface Position {
  readonly stage: number;
  readonly epoch: number;
  readonly step: number;
  /** Sums over this epoch's steps: of the batch losses, and of right answers. */
  readonly loss: number;
  readonly correct: number;
  /** Loss that later losses are compared with, to find a run that diverges. */
  readonly firstLoss: number | null;
  readonly seconds: number;
  readonly history: readonly EpochRecord[];
  /** The measurements at the ends of finished stages. */
  readonly tests: readonly (number | null)[];
}

export interface Checkpoint {
  readonly network: Network;
  readonly grids: WeightGrids | null;
  readonly velocity: Float32Array;
  /** Moving average of the parameters. */
  readonly average: Float32Array | null;
  /** 0 for each weight that pruningMask has cut. */
  readonly kept: Uint8Array | null;
  readonly position: Position;
  /** From runRecord. */
  readonly run: Readonly<Record<string, string>>;
}

/** The sizes of a run that a checkpoint of it must fit. */
export interface RunPlan {
  readonly stages: readonly { readonly epochs: number; readonly cut?: ReadonlyMap<string, number> }[];
  /** The steps of an epoch. */
  readonly steps: number;
  /** Images of a step. */
  readonly batchSize: number;
  /** Whether parameters are averaged. */
  readonly averaging: boolean;
}

/** @throws IO when it cannot be written; an older file at `path` is whole then. */
export async function saveCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { network, grids, velocity, average, kept, position, run } = checkpoint;
  const bytes = sealFile(
    "checkpoint",
    { position, run, quantizing: grids !== null, averaging: average !== null, cutting: kept !== null },
    new Map([
      ["network", storeBytes(encodeNetwork(network, grids ? { grids } : {}))],
      ["velocity", storeFloats([velocity.length], velocity)],
      ...(average ? ([["average", storeFloats([average.length], average)]] as const) : []),
      ...(kept ? ([["kept", storeBytes(kept)]] as const) : []),
    ]),
  );
  await writeAtomically(path, bytes);
}

/**
 * Opens the file of a checkpoint, and holds the run that it is of against the one that wants to go on.
 * @param names the fields of its graph, with `run` among them
 * @returns null when there is no file.
 * @throws IO for a file that cannot be read; BAD_FILE, TRUNCATED, CHECKSUM for a damaged file; BAD_OPTION naming what differs
 *   for one of another run.
 * @internal
 */
export async function openCheckpoint(
  path: string,
  run: Readonly<Record<string, string>>,
  names: readonly string[],
): Promise<{ readonly graph: Readonly<Record<string, unknown>>; readonly source: TensorSource } | null> {
  const { readFile } = process.getBuiltinModule("node:fs/promises");
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return null;
    throw new ShiftwiseError("IO", "cannot read the checkpoint", { where: path, found: reason(cause), cause });
  });
  if (!bytes) return null;
  // a Buffer's slices are views, a Uint8Array's are copies: readers count on the latter
  const file = openFile(new Uint8Array(bytes), ["checkpoint"], path);
  const graph = fields.record(file.graph, path, names);
  const saved = fields.texts(graph.run, fields.at(path, "run"));
  for (const name of new Set([...Object.keys(run), ...Object.keys(saved)])) {
    if (saved[name] === run[name]) continue;
    throw new ShiftwiseError("BAD_OPTION", "the checkpoint is of another run", {
      where: fields.at(path, name),
      expected: run[name] ?? "none",
      found: saved[name] ?? "none",
    });
  }
  return { graph, source: tensorSource(file.tensors, path) };
}

/**
 * Reads a checkpoint and holds it against the run that wants to go on from it.
 * @returns null when there is no file.
 * @throws IO for a file that cannot be read; BAD_FILE, TRUNCATED, CHECKSUM for a damaged file; BAD_OPTION naming what differs
 *   for one of another run; BAD_FILE for a position that is none of the run's.
 */
export async function loadCheckpoint(
  path: string,
  run: Readonly<Record<string, string>>,
  layout: ParameterLayout,
  plan: RunPlan,
): Promise<Checkpoint | null> {
  const opened = await openCheckpoint(path, run, ["position", "run", "quantizing", "averaging", "cutting"]);
  if (!opened) return null;
  const { graph, source } = opened;
  const has = (field: "quantizing" | "averaging" | "cutting") => fields.boolean(graph[field], fields.at(path, field));
  const stored = source.bytes("network", null);
  const velocity = source.floats("velocity", [layout.length]);
  const average = has("averaging") ? source.floats("average", [layout.length]) : null;
  const kept = has("cutting") ? source.bytes("kept", [layout.weights]).slice() : null;
  source.done();
  checkValues("velocity", velocity, Number.isFinite, "a finite number", path);
  checkValues("average", average ?? [], Number.isFinite, "a finite number", path);
  checkValues("kept", kept ?? [], (flag) => flag <= 1, "0 or 1", path);
  const { network, grids } = decodeNetwork(stored, fields.at(path, "network"));
  const quantizing = has("quantizing");
  fields.expect(quantizing || grids.size === 0, fields.at(path, "network"), "no grids", `${grids.size}`);
  const position = readPosition(graph.position, fields.at(path, "position"));
  checkPosition(position, plan, fields.at(path, "position"));
  const place = fields.at(path, "averaging");
  fields.expect(plan.averaging === (average !== null), place, String(plan.averaging), average !== null);
  const cutting = plan.stages[position.stage].cut !== undefined;
  fields.expect(cutting === (kept !== null), fields.at(path, "cutting"), String(cutting), kept !== null);
  return { network, grids: quantizing ? grids : null, velocity, average, kept, position, run };
}

function checkValues(
  tensor: string,
  values: ArrayLike<number>,
  isGood: (value: number) => boolean,
  expected: string,
  path: string,
): void {
  const bad = Array.prototype.findIndex.call(values, (value) => !isGood(value));
  fields.expect(bad < 0, fields.at(path, `tensor ${tensor}[${bad}]`), expected, values[bad]);
}

function readPosition(value: unknown, where: string): Position {
  const names = ["stage", "epoch", "step", "loss", "correct", "firstLoss", "seconds", "history", "tests"];
  const p = fields.record(value, where, names);
  const integer = (name: string) => fields.integer(p[name], `${where}.${name}`);
  const history = fields.list(p.history, `${where}.history`, (entry, place): EpochRecord => {
    const e = fields.record(entry, place, ["stage", "epoch", "loss", "accuracy", "seconds"]);
    return {
      stage: fields.integer(e.stage, `${place}.stage`),
      epoch: fields.integer(e.epoch, `${place}.epoch`),
      loss: fields.number(e.loss, `${place}.loss`),
      accuracy: fields.number(e.accuracy, `${place}.accuracy`),
      seconds: fields.number(e.seconds, `${place}.seconds`),
    };
  });
  return {
    stage: integer("stage"),
    epoch: integer("epoch"),
    step: integer("step"),
    loss: fields.number(p.loss, `${where}.loss`),
    correct: integer("correct"),
    firstLoss: p.firstLoss === null ? null : fields.number(p.firstLoss, `${where}.firstLoss`),
    seconds: fields.number(p.seconds, `${where}.seconds`),
    history,
    tests: fields.list(p.tests, `${where}.tests`, (value, place) =>
      value === null ? null : fields.number(value, place),
    ),
  };
}

/**
 * A position that the run comes by: past its end nothing would be left to do, and that would pass for a finished run.
 * @throws BAD_FILE
 */
function checkPosition(position: Position, { stages, steps, batchSize }: RunPlan, where: string): void {
  const { stage, epoch, step, correct, history, tests } = position;
  const within = (name: string, value: number, low: number, high: number) => {
    if (value >= low && value <= high) return;
    throw new ShiftwiseError("BAD_FILE", "the checkpoint stands where this run never does", {
      where: `${where}.${name}`,
      expected: low === high ? low : `${low}..${high}`,
      found: value,
    });
  };
  within("stage", stage, 0, stages.length - 1);
  const { epochs } = stages[stage];
  within("epoch", epoch, 0, epochs);
  within("step", step, 0, epoch < epochs ? steps : 0);
  within("correct", correct, 0, step * batchSize);
  const done = stages.slice(0, stage).flatMap((before, s) => Array.from({ length: before.epochs }, () => s));
  const expected = [...done, ...Array.from({ length: epoch }, () => stage)];
  within("history.length", history.length, expected.length, expected.length);
  for (const [i, record] of history.entries()) {
    within(`history[${i}].stage`, record.stage, expected[i], expected[i]);
    const first = expected.indexOf(expected[i]);
    within(`history[${i}].epoch`, record.epoch, i - first, i - first);
  }
  within("tests.length", tests.length, stage, stage);
}

/** Copies all parameters of one network into another of the same structure. */
export function copyParameters(from: Network, to: Network): void {
  const source = new Map(from.nodes.map((node) => [node.name, new Map(nodeParameters(node))]));
  for (const node of to.nodes) {
    for (const [field, tensor] of nodeParameters(node)) {
      const values = source.get(node.name)?.get(field);
      if (!values || elements(values.shape) !== tensor.data.length) {
        throw new ShiftwiseError("BAD_FILE", "the checkpoint's network has another structure", {
          where: `${node.name}.${field}`,
          expected: tensor.shape.join("x"),
          found: values?.shape.join("x") ?? "none",
        });
      }
      tensor.data.set(values.data);
    }
  }
}
