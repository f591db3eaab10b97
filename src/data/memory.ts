// memory.ts: the part of the data room's door that needs no files: what training builds on, and all that a browser has.
export type { Augmentation } from "./augment.js";
export * from "./batches.js";
export * from "./dataset.js";
export * from "./generate.js";
export * from "./samples.js";
