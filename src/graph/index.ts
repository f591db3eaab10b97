// index.ts: the door of the graph room: the float network and the passes over it.
export * from "./build.js";
export * from "./file.js";
export * from "./lower.js";
export * from "./network.js";
export * from "./networks.js";
export * from "./random.js";
export { inferShapes, nodeInputs, nodeParameters, readersOf } from "./shapes.js";
export * from "./validate.js";
