// index.ts: the door of the ops room: every kind of layer and node, and the arithmetic that all executors share.
export { lowerMean } from "./avgpool.js";
export { BINARY_FUNCTIONS, BINARY_SLOPES, type BinaryName, binaryOf } from "./binary-functions.js";
export { levelsOfTables, longestTable } from "./books.js";
export { ERFC, log, power, roundEven } from "./elementary.js";
export {
  STEP_FUNCTIONS,
  STEP_NAMES,
  STEPS_MAX,
  type Step,
  type StepName,
  stepSlopesOf,
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
  gatheredPlaces,
  type Places,
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
export { BOOKS, ENCODING, GRID, GRIDS, NORMALIZATION, SHAPE, TENSOR, WEIGHT_NODE } from "./given.js";
export { validateGrid, type WeightGrid, type WeightGrids } from "./grid.js";
export type { Role } from "./kind.js";
export * from "./kinds.js";
export type { LayerBase } from "./lowering.js";
export { multiply } from "./matmul.js";
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
export { permutedPlaces, simplifiedOrder } from "./permute.js";
export { checkPort, dimsOf, type InputPortShape, type PortShape, planesOf, readPortShape, unusual } from "./port.js";
export { orderStores, readRecord, versionOf, writeRecord } from "./record.js";
export type {
  AxisWeights,
  ChannelBooks,
  Encoding,
  Normalization,
  Shape,
  TensorSpec,
  Values,
  Weights,
} from "./tensor.js";
