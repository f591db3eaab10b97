// index.ts: the door of the report room: figures and tables as text.

export { type Point, type ScatterChart, scatterPage } from "./scatter.js";
export { type Align, type Column, table } from "./table.js";
export { bytes, count, duration, milliseconds, percent, ratio } from "./text.js";
