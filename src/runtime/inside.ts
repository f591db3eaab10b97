// inside.ts: the inner door of the runtime, for programs that time or check single steps of a plan. No entry of the package.
export { toReal } from "../ops/index.js";
export { compileKernels, compileSteps, instantiate, needsSteps } from "./kernels.js";
export { planModel } from "./plan.js";
export { createDoor, readRaw } from "./ports.js";
