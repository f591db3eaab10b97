// index.ts: the door of the graph room: the float network and the passes over it.
export * from "./network.js";
export * from "./random.js";
