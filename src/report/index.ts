// index.ts: the door of the report room: figures and tables as text.

export * from "./scatter.js";
export * from "./table.js";
export * from "./text.js";
