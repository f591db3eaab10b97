// project.js: what the campaign attacks and what it builds its cases with, in one place.
export * as data from "../../dist/data/index.js";
export * as format from "../../dist/format/index.js";
export {
  ACTIVATIONS,
  BINARY_FUNCTIONS,
  broadcastShape,
  convOutputShape,
  crc32,
  decodeModel,
  elements,
  encodeModel,
  hex,
  largestOf,
  ShiftwiseError,
  sameEncoding,
  validateModel,
} from "../../dist/format/index.js";
export { LAYER_FIELDS } from "../../dist/format/read.js";
export * as graph from "../../dist/graph/index.js";
export { createRandom, decodeNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
export * as onnx from "../../dist/onnx/index.js";
export { CATALOG, evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
export { readTensor } from "../../dist/onnx/tensor.js";
export { decodeMessage, encodeMessage } from "../../dist/onnx/wire.js";
export * as quantize from "../../dist/quantize/index.js";
export { runReference } from "../../dist/reference/index.js";
export { goldenHash, Model, planMemory } from "../../dist/runtime/index.js";
export { WorkerModel } from "../../dist/runtime/remote.js";
export * as training from "../../dist/training/index.js";
