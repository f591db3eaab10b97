// index.ts: the door of the training room: float training, INQ retraining, evaluation, and the engine beneath them.
export { checkWritable, writeAtomically } from "../base/system.js";
export {
  type Aim,
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
export {
  type CompensateControl,
  type CompensateOptions,
  type CompensateResult,
  compensate,
  type Explored,
  type LayerReport,
  type LevelsOf,
  type RoundingStep,
} from "../rounding/index.js";
export { activations } from "./activations.js";
export type { EpochRecord } from "./checkpoint.js";
export { type Attempt, type DistillControl, type DistillOptions, type DistillResult, distill } from "./distill.js";
export { type Evaluation, evaluate } from "./evaluate.js";
export type { Divergence, OutputFidelity } from "./fidelity.js";
export type { LearningSet } from "./lessons.js";
export type {
  CheckpointOptions,
  CommonOptions,
  Control,
  Distillation,
  EvaluateOptions,
  ParameterGroup,
  Progress,
} from "./options.js";
export { type PruneOptions, type PruneResult, prune } from "./prune.js";
export type { RateSchedule } from "./rate-schedule.js";
export { recoverNorms } from "./recover.js";
export { type RetrainOptions, type RetrainResult, retrain } from "./retrain.js";
export { layerSensitivity, type MeasuredSensitivity } from "./sensitivity.js";
export {
  retrainStraightThrough,
  type StraightThroughOptions,
  type StraightThroughResult,
} from "./straight-through.js";
export { type TrainOptions, type TrainResult, train } from "./train.js";

// for the other rooms

export { imagesAtOnce, sampleActivations } from "./activations.js";
export { openCheckpoint } from "./checkpoint.js";
export { createFidelity, createFidelityOf, type Fidelity, fidelityTo, type Lines } from "./fidelity.js";
export { COMMON } from "./given.js";
export { holdOutSamples, samplesAt, samplesToHold, spreadOf } from "./hold-out.js";
export { firstOf } from "./lessons.js";
