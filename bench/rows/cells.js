// cells.js: cells of the tables of docs/results.md, and a table of them.
import { bytes, percent } from "../../dist/report/index.js";

export { bytes, count, duration, milliseconds, ratio } from "../../dist/report/index.js";

export const accuracy = (value) => (value === undefined ? "" : percent(value / 100));
export const signed = (value, digits = 2) =>
  `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(digits)}`;
export const points = (value) => (value === undefined ? "" : signed(value));
export const times = (value) => `${value.toFixed(1)}x`;
/** A size; runs of before there were results.json have left some with two digits, as text. */
export const size = (value) => (typeof value === "string" ? value : bytes(value));
export const code = (text) => `\`${text}\``;
export const optional = (value, text) => (value === undefined || value === null ? "" : text(value));

/** A factor as papers print it. */
export const short = (value) => `${value >= 100 ? value.toFixed(0) : Number(value.toFixed(1))}x`;

/** A table in Markdown, or that there is none yet. */
export function table(head, rows) {
  if (rows.length === 0) return "Not run yet.";
  const line = (cells) => `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |").replaceAll("|  |", "| |");
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
