// index.ts: the door of the data room: sets of labelled images, read, made, augmented and batched.
export { readWhole } from "./bytes.js";
export * from "./calibration.js";
export * from "./cifar.js";
export { imagesOf } from "./fit.js";
export * from "./idx.js";
export { decodeImage, type Image, resizeImage } from "./image.js";
export { contentOf } from "./kinds.js";
export * from "./memory.js";
export * from "./npy.js";
export * from "./open.js";
export * from "./preprocessing.js";
export * from "./tar.js";
