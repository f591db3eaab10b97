// index.ts: the door of the training engine: a network compiled to float32 kernels, and the parts that rounding shares.
export type { Aim } from "./approach.js";
export { type Arena, createArena } from "./arena.js";
export { compile } from "./compile.js";
export { convolutionLayer, denseGeometry } from "./convolution.js";
export { planDataGradient, planWeightGradient } from "./convolution-gradients.js";
export { type BatchLoss, createEngine, type Engine, type EngineOptions, type SoftTargets } from "./engine.js";
export { imagesWithin, type Mode, plane, volume } from "./layer.js";
export { panelScratch, planPadding } from "./panels.js";
export {
  type ParameterEntry,
  type ParameterLayout,
  parameterLayout,
  readParameters,
  readStatistics,
  type StatisticsEntry,
  writeParameters,
} from "./parameters.js";
export { pause } from "./pause.js";
export { forwardPass, type Geometry, geometryOf, imagesPerBlock, type Pass, paddedInput, runsOf } from "./tables.js";
export { createVariants, type Variants } from "./variants.js";
export { MomentJob, PanelJob, RoundingJob, UpdateJob } from "./wasm.generated.js";
export { compileModule, createRoom, instantiate, type Room, type TrainingKernels } from "./wasm.js";
