// bars.ts: named values as bars beside each other, which any width shows.
import { escaped } from "./html.js";

/** Bars from 0 to the largest value. */
export interface BarChart {
  /** Words for what the bars are, for people who do not see them. */
  readonly label: string;
  /** Values below this are of another colour. */
  readonly low?: number;
  readonly bars: readonly { readonly name: string; readonly value: number | null; readonly text: string }[];
}

/** The chart as HTML. */
export function bars({ label, low = Number.NEGATIVE_INFINITY, bars: all }: BarChart): string {
  const largest = all.reduce((most, { value }) => Math.max(most, value ?? 0), Number.MIN_VALUE);
  const cells = all.map(({ name, value, text }) => {
    const share = Math.max(0, Math.min(1, (value ?? 0) / largest));
    const kind = value !== null && value < low ? "b low" : "b";
    return `<span class="n">${escaped(name)}</span><span class="${kind}" style="width:${(100 * share).toFixed(1)}%"></span><span class="v">${escaped(text)}</span>`;
  });
  return `<div class="bars" role="group" aria-label="${escaped(label)}">${cells.join("\n")}</div>`;
}
