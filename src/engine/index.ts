// index.ts: the door of the training engine: a network compiled to float32 kernels, and the parts that rounding shares.
export * from "./arena.js";
export { compile } from "./compile.js";
export { denseGeometry } from "./convolution.js";
export * from "./engine.js";
export { type Mode, plane, volume } from "./layer.js";
export { planPadding, roundUp } from "./panels.js";
export * from "./parameters.js";
export { pause } from "./pause.js";
export { forwardPass, geometryOf, imagesPerBlock, paddedInput, runsOf } from "./tables.js";
export { MomentJob, RoundingJob, UpdateJob } from "./wasm.generated.js";
export { compileModule, instantiate } from "./wasm.js";
