// index.ts: the runtime's only door, and the package's: load a model, run it, read its outputs.
export {
  type ErrorCode,
  goldenHash,
  type ModelDef,
  type Normalization,
  type Shape,
  ShiftwiseError,
} from "../format/index.js";
export type { ModelSource } from "./load.js";
export type { MemoryUse } from "./memory.js";
export {
  type InputInfo,
  type LoadOptions,
  Model,
  type OutputInfo,
  type Outputs,
  type StepTime,
} from "./model.js";
export { type PlanOptions, planMemory } from "./plan.js";
export type { Inputs, InputValues } from "./ports.js";
