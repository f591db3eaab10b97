// index.ts: the door of the quantize room: weights to powers of two, activations to small integers.
export * from "./portions.js";
