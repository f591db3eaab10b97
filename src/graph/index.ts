// index.ts: the door of the graph room: the float network and the passes over it.

export { createRandom, type Random } from "../base/index.js";
export {
  type Node,
  nodeInputs,
  nodeParameters,
  rewire,
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
export { inferShapes, readersOf } from "./shapes.js";
export { validateNetwork } from "./validate.js";
