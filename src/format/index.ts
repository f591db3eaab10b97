// index.ts: the door of the format room: the model as data, its file, its errors.
export * from "./error.js";
export * from "./model.js";
