// index.ts: the door of the data room: sets of labelled images, read, made, augmented and batched.
export type { Augmentation } from "./augment.js";
export * from "./batches.js";
export * from "./cifar.js";
export * from "./dataset.js";
export * from "./generate.js";
export * from "./idx.js";
export * from "./image.js";
export * from "./open.js";
export * from "./tar.js";
