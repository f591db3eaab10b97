// index.ts: the door of the format room: the container, its checksum, packed codes, and typed reading of JSON.
export { type Check, checker, INT32_MAX, isFloat32, isWritable } from "./check.js";
export { crc32, goldenHash, type HashableArray, hex } from "./checksum.js";
export { codebookWidth, LEVEL_MAX, LEVELS_MAX, packIndices, unpackIndices } from "./codebook.js";
export {
  type CodeBits,
  digitsPerByte,
  magnitudes,
  type PackedCodes,
  packCodes,
  unpackCodes,
} from "./codes.js";
export {
  type FileKind,
  FORMAT_VERSIONS,
  isGzip,
  type OpenedFile,
  openFile,
  sealFile,
  storeBytes,
  storeFloats,
  type TensorSource,
  tensorSource,
} from "./container.js";
export * as fields from "./fields.js";
export { at, type Json } from "./fields.js";
export { entropyBytes, headerSize, packedSize, packFile } from "./pack.js";
export {
  type Container,
  type Dtype,
  HEADER_LIMIT,
  type Header,
  headerLength,
  parseJson,
  readHeader,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from "./safetensors.js";
