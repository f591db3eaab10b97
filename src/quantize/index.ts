// index.ts: the door of the quantize room: weights to powers of two, activations to small integers.
// What a network needs to hold quantize nodes belongs to the graph room, and stays public here as well.
export { encodingGroups, insertQuantizers, quantizationPoints, removeQuantizers, rewire } from "../graph/index.js";
export * from "./activations.js";
export * from "./apply.js";
export * from "./baselines/index.js";
export * from "./budget.js";
export * from "./calibrate.js";
export * from "./channels.js";
export * from "./histogram.js";
export * from "./inq.js";
export * from "./levels.js";
export * from "./logquant.js";
export * from "./partition.js";
export * from "./portions.js";
export * from "./quantizer.js";
export * from "./sparsity.js";
export * from "./weq.js";
export * from "./widths.js";
