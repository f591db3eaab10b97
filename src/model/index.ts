// index.ts: the door of the model room, and the package's `shiftwise/format`: the deployable model as data and its file.
export { ShiftwiseError } from "../base/index.js";
export {
  type Container,
  type Dtype,
  goldenHash,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from "../format/index.js";
export type {
  ActivationLayer,
  ActivationName,
  AddLayer,
  AvgPoolLayer,
  AxisWeights,
  BinaryLayer,
  BinaryName,
  Clamp,
  ConcatLayer,
  ConstantLayer,
  ConvLayer,
  DenseLayer,
  ElementwiseLayer,
  Encoding,
  Epilogue,
  GatherLayer,
  Layer,
  MatmulLayer,
  MaxPoolLayer,
  Normalization,
  PermuteLayer,
  Places,
  ResampleLayer,
  Residual,
  Shape,
  SoftmaxLayer,
  Step,
  StepName,
  TensorSpec,
  Weights,
} from "../ops/index.js";
export { decodeModel } from "./decode.js";
export { type InputValues, type ReferenceResult, runReference } from "./execute.js";
export type { InputPort, ModelDef, Port } from "./model.js";
export { packModel } from "./pack.js";
export { validateModel } from "./validate.js";
export { encodeModel } from "./write.js";

// for the other rooms

export { readOpened } from "./read.js";
export { ownModel } from "./validate.js";
