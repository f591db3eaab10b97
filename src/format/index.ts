// index.ts: the door of the format room: the model as data, its file, its errors.
export * from "./checksum.js";
export * from "./codebook.js";
export * from "./codes.js";
export * from "./container.js";
export * from "./error.js";
export * as fields from "./fields.js";
export * from "./functions.js";
export * from "./geometry.js";
export * from "./model.js";
export * from "./numeric.js";
export { decodeModel, readEncoding, readNormalization, readTaps } from "./read.js";
export * from "./safetensors.js";
export * from "./validate.js";
export * from "./write.js";
