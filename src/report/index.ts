// index.ts: the door of the report room: figures and tables as text.

export { bytes, count, counted, duration, figures, milliseconds, percent, ratio } from "./figures.js";
export { type Point, type ScatterChart, scatterPage } from "./scatter.js";
export { type Align, type Column, table } from "./table.js";
