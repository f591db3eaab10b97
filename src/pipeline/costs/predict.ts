// predict.ts: milliseconds of a model's steps on one thread, without running it.
import { type ModelDef, validateModel } from "../../model/index.js";
import type { Counts, Feature } from "./features.js";
import { COSTS } from "./shipped.js";
import { type StepCounts, stepCounts } from "./steps.js";
import type { CostTable } from "./table.js";
import { type LayerGeometry, layerCounts } from "./weighted.js";
import type { ChannelWork } from "./work.js";

/**
 * A step and its predicted time.
 * @internal
 */
export interface PredictedStep {
  readonly name: string;
  readonly op: StepCounts["op"];
  readonly milliseconds: number;
}

/** Returns what units of work cost together, in milliseconds. */
export function priceOf(counts: Counts, { nanoseconds }: CostTable): number {
  let total = 0;
  for (const [name, count] of Object.entries(counts) as [Feature, number][]) total += count * nanoseconds[name];
  return total / 1e6;
}

/**
 * Predicts the time of every step of a model on one thread, as `Model.profile` would measure it.
 * @throws what validateModel throws; OVERFLOW
 * @internal
 */
export function predictModel(def: ModelDef, table: CostTable = COSTS): readonly PredictedStep[] {
  validateModel(def);
  return stepCounts(def).map(({ name, op, counts }) => ({ name, op, milliseconds: priceOf(counts, table) }));
}

/**
 * Predicts the milliseconds of one layer on integers, whose output ends by the short way where it is linear.
 * @param work of a mean channel, by channelWork or levelWork
 * @param branches of the whole model, by modelBranches: of a small model a core learns some
 * @internal
 */
export function predictLayer(
  geometry: LayerGeometry,
  work: ChannelWork,
  table: CostTable = COSTS,
  branches = Number.POSITIVE_INFINITY,
): number {
  const isPlain = geometry.output.encoding.kind === "linear" && geometry.residual?.kind !== "float32";
  return priceOf(layerCounts(geometry, work, isPlain, branches), table);
}
