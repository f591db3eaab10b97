// index.ts: the runtime's door, and the package's: load a model, run it, read its outputs.
export { type ErrorCode, type ErrorDetails, type ErrorValue, ShiftwiseError } from "../base/index.js";
export { goldenHash, type HashableArray } from "../format/index.js";
export type { InputValues, ModelDef } from "../model/index.js";
export type { Normalization, Shape } from "../ops/index.js";
export type { StepTime, Visit } from "./executor.js";
export type { Input, InputInfo, Inputs, PictureFile, PictureInputs } from "./inputs.js";
export type { MemoryOptions, MemoryUse } from "./memory.js";
export { Model } from "./model.js";
export type { ExecutorKind, LoadOptions, LoadProgress, RunOptions } from "./options.js";
export type { Output, Outputs } from "./outputs.js";
export type { Picture, RgbaPixels } from "./pictures.js";
export { type PlanOptions, planMemory } from "./plan.js";
export type { OutputInfo } from "./ports.js";
export type { Runner } from "./runner.js";
export type { ModelSource } from "./source.js";
export { softmax, type TopClass, topK } from "./top.js";
