// index.ts: the runtime's door, and the package's: load a model, run it, read its outputs.
export {
  type ErrorCode,
  goldenHash,
  type ModelDef,
  type Normalization,
  type Shape,
  ShiftwiseError,
} from "../format/index.js";
export type { ExecutorKind, Outputs, StepTime } from "./executor.js";
export type { LoadProgress, ModelSource } from "./load.js";
export type { MemoryUse } from "./memory.js";
export { type LoadOptions, Model, type RunOptions } from "./model.js";
export type { Picture, RgbaPixels } from "./pictures.js";
export { type PlanOptions, planMemory } from "./plan.js";
export type { Input, InputInfo, Inputs, InputValues, OutputInfo } from "./ports.js";
