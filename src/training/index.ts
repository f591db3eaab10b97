// index.ts: the door of the training room: float training, INQ retraining, evaluation, and the engine beneath them.
export { checkWritable, writeAtomically } from "../base/index.js";
export {
  type BatchLoss,
  createEngine,
  type Engine,
  type EngineOptions,
  type Mode,
  type ParameterEntry,
  type ParameterLayout,
  parameterLayout,
  readParameters,
  readStatistics,
  type SoftTargets,
  type StatisticsEntry,
  writeParameters,
} from "../engine/index.js";
export * from "../rounding/index.js";
export type { EpochRecord } from "./checkpoint.js";
export * from "./distill.js";
export * from "./evaluate.js";
export type { Divergence } from "./fidelity.js";
export type { CheckpointOptions, CommonOptions, Control, Distillation, ParameterGroup, Progress } from "./options.js";
export * from "./prune.js";
export * from "./recipes.js";
export * from "./recover.js";
export * from "./retrain.js";
export * from "./schedule.js";
export * from "./sensitivity.js";
export * from "./straight-through.js";
export * from "./train.js";
