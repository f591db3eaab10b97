// project.js: what the campaign attacks and what it builds its cases with, in one place.
export { createRandom, ShiftwiseError } from "../../dist/base/index.js";
export * as data from "../../dist/data/index.js";
export { crc32, hex } from "../../dist/format/index.js";
export * as graph from "../../dist/graph/index.js";
export { decodeNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
export * as format from "../../dist/model/index.js";
export { decodeModel, encodeModel, packModel, runReference, validateModel } from "../../dist/model/index.js";
export * as onnx from "../../dist/onnx/index.js";
export { CATALOG, evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
export { readTensor } from "../../dist/onnx/tensor.js";
export { decodeMessage, encodeMessage } from "../../dist/onnx/wire.js";
export {
  BINARY_FUNCTIONS,
  broadcastShape,
  convOutputShape,
  elements,
  FUNCTIONS,
  LAYERS,
  largestOf,
  PARAMETERS,
  sameEncoding,
} from "../../dist/ops/index.js";
export * as pipeline from "../../dist/pipeline/index.js";
export * as quantize from "../../dist/quantize/index.js";
export { goldenHash, Model, planMemory } from "../../dist/runtime/index.js";
export { WorkerModel } from "../../dist/runtime/worker-model/remote.js";
export * as training from "../../dist/training/index.js";
export { lookUps } from "../runtime/forms.js";
