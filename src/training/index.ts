// index.ts: the door of the training room.
export * from "./engine.js";
export type { Mode } from "./layer.js";
export * from "./parameters.js";
