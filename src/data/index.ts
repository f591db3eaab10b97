// index.ts: the door of the data room: sets of labelled images, read, made, augmented and batched.
export * from "./calibration.js";
export * from "./cifar.js";
export * from "./idx.js";
export * from "./image.js";
export * from "./memory.js";
export * from "./npy.js";
export * from "./open.js";
export * from "./preprocessing.js";
export * from "./tar.js";
