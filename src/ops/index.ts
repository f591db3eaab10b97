// index.ts: the door of the ops room: every kind of layer and node, and the arithmetic that all executors share.
export type { ActivationLayer, ActivationNode } from "./activation.js";
export type { AddLayer, AddNode } from "./add.js";
export { type AvgPoolLayer, type AvgPoolNode, type GlobalAvgPoolNode, lowerMean } from "./avgpool.js";
export type { BatchNormNode } from "./batchnorm.js";
export type { BinaryLayer, BinaryNode } from "./binary.js";
export { BINARY_FUNCTIONS, BINARY_SLOPES, type BinaryName, binaryOf } from "./binary-functions.js";
export type { DropoutNode, InputNode, QuantizeNode } from "./boundary.js";
export type { ConcatLayer, ConcatNode } from "./concat.js";
export type { ConstantLayer, ConstantNode } from "./constant.js";
export type { ConvLayer, ConvNode } from "./conv.js";
export type { DenseLayer, DenseNode } from "./dense.js";
export { log, power, roundEven } from "./elementary.js";
export {
  type ElementwiseLayer,
  type ElementwiseNode,
  STEP_FUNCTIONS,
  STEPS_MAX,
  type Step,
  type StepName,
  stepsOf,
  stepsSlopeOf,
} from "./elementwise.js";
export {
  checkNormalization,
  readEncoding,
  readNormalization,
  validateEncoding,
  writeEncoding,
  writeNormalization,
} from "./encoding.js";
export { type Clamp, type Ending, type Epilogue, joined, NO_ENDING, type Residual } from "./epilogue.js";
export type { Tensor } from "./field.js";
export {
  type ActivationName,
  activationOf,
  exp,
  FUNCTIONS,
  PARAMETERS,
  slopeOf,
  softmax,
} from "./functions.js";
export {
  type GatherLayer,
  type GatherNode,
  gatheredPlaces,
  type PadNode,
  type Places,
  type SliceNode,
} from "./gather.js";
export {
  broadcastShape,
  convOutputShape,
  elements,
  largestOf,
  sameEncoding,
  sameShape,
  scaleOf,
  stridesOf,
  zeroOf,
} from "./geometry.js";
export { ENCODING, GRID, GRIDS, NORMALIZATION, SHAPE, TENSOR, WEIGHT_NODE } from "./given.js";
export { validateGrid, type WeightGrid, type WeightGrids } from "./grid.js";
export type { Role } from "./kind.js";
export { LAYERS, type Layer, layerInputs, layerKind } from "./layers.js";
export type { LayerBase } from "./lowering.js";
export { type MatmulLayer, type MatmulNode, multiply } from "./matmul.js";
export type { MaxPoolLayer, MaxPoolNode } from "./maxpool.js";
export { NODES, type Node, nodeInputs, nodeKind, nodeParameters, rewire } from "./nodes.js";
export {
  decoderOf,
  encodeClamped,
  encodeInput,
  encoderOf,
  epilogueBounds,
  inputAffine,
  maximum,
  pixelTable,
  pixelToReal,
  roundHalfEven,
  toReal,
  weightValues,
} from "./numeric.js";
export { type PermuteLayer, type PermuteNode, permutedPlaces, simplifiedOrder } from "./permute.js";
export { checkPort, dimsOf, type InputPortShape, type PortShape, planesOf, readPortShape, unusual } from "./port.js";
export { orderStores, readRecord, versionOf, writeRecord } from "./record.js";
export type { LeakyReluNode, ReluNode } from "./relu.js";
export type { ResampleLayer, ResampleNode } from "./resample.js";
export type { SoftmaxLayer, SoftmaxNode } from "./softmax.js";
export type { AxisWeights, Encoding, Normalization, Shape, TensorSpec, Values, Weights } from "./tensor.js";
