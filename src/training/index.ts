// index.ts: the door of the training room: float training, INQ retraining, evaluation, and the engine beneath them.
export { writeAtomically } from "./atomic.js";
export type { EpochRecord } from "./checkpoint.js";
export * from "./compensate.js";
export * from "./distill.js";
export * from "./engine.js";
export * from "./evaluate.js";
export type { Divergence } from "./judge.js";
export type { Mode } from "./layer.js";
export type { CheckpointOptions, CommonOptions, Control, Distillation, ParameterGroup, Progress } from "./options.js";
export * from "./parameters.js";
export * from "./prune.js";
export * from "./recipes.js";
export * from "./recover.js";
export * from "./retrain.js";
export * from "./schedule.js";
export * from "./sensitivity.js";
export * from "./straight-through.js";
export * from "./train.js";
