// inside.ts: the inner door of the runtime, for what times, checks or predicts single steps of a plan. No entry of the package.
export { toReal } from "../ops/index.js";
export { addsComplements, isPointLayer } from "./conv.js";
export { slidingOf } from "./depthwise.js";
export { endsInBytes, isPlain } from "./epilogue.js";
export { compileKernels, compileSteps, instantiate, needsSteps } from "./kernels.js";
export { BLOCK, DOUBLE, END, PARK, PART_ROWS, RAISED, SHORT, TILE } from "./layout.js";
export { type IntegerWeights, largestSums } from "./levels.js";
export { elementBytes } from "./memory.js";
export { CHUNK_BYTES } from "./patch.js";
export { phasesFor, planModel } from "./plan.js";
export { planesOf } from "./planes.js";
export { isLarge } from "./pool.js";
export { createDoor, readRaw } from "./ports.js";
export { compileSchedule, type StreamForm } from "./schedule.js";
export { type Gather, gatherOf, windowOf } from "./taps.js";
export { type Way, waysOf } from "./ways.js";
