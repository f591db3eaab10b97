// index.ts: the door of the graph room: the float network and the passes over it.

export { createRandom, type Random, type Shuffleable } from "../base/index.js";
export {
  type ActivationNode,
  type AddNode,
  type AvgPoolNode,
  type BatchNormNode,
  type BinaryNode,
  type ConcatNode,
  type ConstantNode,
  type ConvNode,
  type DenseNode,
  type DropoutNode,
  type ElementwiseNode,
  type GatherNode,
  type GlobalAvgPoolNode,
  type InputNode,
  type InputPortShape,
  type LeakyReluNode,
  type MatmulNode,
  type MaxPoolNode,
  type Node,
  nodeInputs,
  nodeParameters,
  type PadNode,
  type PermuteNode,
  type QuantizeNode,
  type ReluNode,
  type ResampleNode,
  type SliceNode,
  type SoftmaxNode,
  type Step,
  type StepName,
  type Tensor,
  type Unnamed,
  type WeightGrid,
  type WeightGrids,
} from "../ops/index.js";
export { buildNetwork, type ConvOptions, type NetworkBuilder } from "./build.js";
export { decodeNetwork, encodeNetwork, type NetworkExtra, type NetworkFile } from "./file.js";
export { parseLabels } from "./labels.js";
export { type LowerOptions, lower } from "./lower.js";
export type { Network } from "./network.js";
export { demoNetwork, resnet20, vgg } from "./networks.js";
export { encodingGroups, insertQuantizers, quantizationPoints, removeQuantizers } from "./quantizers.js";
export { inferShapes } from "./shapes.js";
export { statedEncodings } from "./stated.js";
export { validateNetwork } from "./validate.js";

// for the other rooms

export { rewire } from "../ops/index.js";
export { type Chain, findChains, liveNodes } from "./chains.js";
export { liftClamps } from "./clamps.js";
export { fuseElementwise } from "./elementwise.js";
export { NETWORK } from "./given.js";
export { classCount, withLabels } from "./labels.js";
export { joinMoves } from "./moves.js";
export { inputsOf } from "./network.js";
export { joinPermutes } from "./permutes.js";
export { floatPoints } from "./quantizers.js";
export { readersOf } from "./shapes.js";
export { withoutInputBounds } from "./stated.js";
export { joinPhases } from "./transposed.js";
