// index.ts: the door of the graph room: the float network and the passes over it.

export { createRandom, type Random } from "../base/index.js";
export {
  type Node,
  nodeInputs,
  nodeParameters,
  type Tensor,
  type WeightGrid,
  type WeightGrids,
} from "../ops/index.js";
export { buildNetwork, type ConvOptions, type NetworkBuilder } from "./build.js";
export { fuseElementwise } from "./elementwise.js";
export { decodeNetwork, encodeNetwork, type NetworkExtra, type NetworkFile } from "./file.js";
export { type LowerOptions, lower } from "./lower.js";
export type { Network } from "./network.js";
export { demoNetwork, resnet20 } from "./networks.js";
export { encodingGroups, insertQuantizers, quantizationPoints, removeQuantizers } from "./quantizers.js";
export { inferShapes } from "./shapes.js";
export { validateNetwork } from "./validate.js";

// for the other rooms

export { rewire } from "../ops/index.js";
export { findChains, liveNodes } from "./chains.js";
export { readersOf } from "./shapes.js";
