// index.ts: the door of the report room: figures and tables as text, and reports as pages.

export type { BarChart } from "./bars.js";
export { bytes, count, counted, duration, figures, milliseconds, percent, ratio } from "./figures.js";
export { type Report, type ReportPicture, reportPage, type Section } from "./page.js";
export type { Point, ScatterChart } from "./scatter.js";
export { type Align, type Column, table } from "./table.js";
