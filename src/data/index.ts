// index.ts: the door of the data room: sets of labelled images, read, made, augmented and batched.
export * from "./dataset.js";
