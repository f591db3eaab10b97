// page.ts: a report as one HTML page that opens without a network: facts, tables, charts and pictures.
import { type BarChart, bars } from "./bars.js";
import { escaped } from "./html.js";
import { pngOf } from "./png.js";
import { type ScatterChart, scatter } from "./scatter.js";
import type { Column } from "./table.js";

/** A picture with words below it. */
export interface ReportPicture {
  /** Channel planes 0..255, one or three of them. */
  readonly pixels: Uint8Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly title: string;
  readonly lines: readonly string[];
}

/** One part of a report, in this order. */
export interface Section {
  readonly title: string;
  readonly text?: readonly string[];
  readonly bars?: BarChart;
  readonly scatter?: ScatterChart;
  readonly columns?: readonly Column[];
  readonly rows?: readonly (readonly string[])[];
  readonly pictures?: readonly ReportPicture[];
}

/** A report: what was run, on what, when and with which command, and what came out. */
export interface Report {
  readonly title: string;
  /** The words of the command line. */
  readonly command: string;
  readonly when: Date;
  /** Names and values. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly sections: readonly Section[];
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1c1c1c;--paper:#fff;--soft:#5a5a5a;--line:#d5d5d5;--bar:#1d5fa8;--low:#b3401c}
@media (prefers-color-scheme:dark){:root{--ink:#ececec;--paper:#161616;--soft:#b0b0b0;--line:#444;--bar:#6aa9ec;--low:#ef8a63}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;max-width:960px;padding:1.5rem 1rem 4rem}
h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p{margin:.4rem 0;overflow-wrap:anywhere}
code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.8rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:.6rem 0}.wide:focus-visible{outline:2px solid var(--bar)}
table{border-collapse:collapse;font-size:.9rem}th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600}th.r,td.r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bars{display:grid;grid-template-columns:minmax(5rem,max-content) 1fr max-content;gap:.2rem .6rem;align-items:center;font-size:.85rem;margin:.6rem 0}
.bars .n{overflow-wrap:anywhere;max-width:20rem}.bars .v{text-align:right;font-variant-numeric:tabular-nums}
.bars .b{height:.8rem;background:var(--bar);min-width:1px}.bars .low{background:var(--low)}
svg{display:block}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}svg line{stroke:var(--line)}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:1rem;margin:.8rem 0}
figure{margin:0;font-size:.85rem}figure img{width:100%;max-width:14rem;image-rendering:pixelated;display:block}figcaption{overflow-wrap:anywhere}
@media (max-width:480px){dl{grid-template-columns:1fr}dt{margin-top:.4rem}.bars{grid-template-columns:1fr max-content}.bars .n{grid-column:1/-1;max-width:none;margin-top:.3rem}}
@media (max-width:640px){th,td{padding:.3rem .4rem}svg{width:100%;min-width:30rem;height:auto}svg text{font-size:17px}}
@media (max-width:480px){table{font-size:.8rem}th.r,td.r:last-child{white-space:normal}svg{min-width:0}svg text{font-size:21px}}
`;

/** The report as a page. */
export function reportPage({ title, command, when, facts, sections }: Report): string {
  const all = [
    ["command", ""],
    ["made", `${when.toISOString().slice(0, 16).replace("T", " ")} UTC`],
    ...facts,
  ] as const;
  const list = all.map(([name, value]) => {
    const shown = name === "command" ? `<code>${escaped(command)}</code>` : escaped(value);
    return `<dt>${escaped(name)}</dt><dd>${shown}</dd>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(title)}</title>
<style>${STYLE}</style></head><body><main><h1>${escaped(title)}</h1>
<dl>${list.join("\n")}</dl>
${sections.map(sectionHtml).join("\n")}
</main></body></html>
`;
}

function sectionHtml(section: Section): string {
  const { title, text = [], bars: chart, scatter: points, columns, rows, pictures = [] } = section;
  return [
    `<section><h2>${escaped(title)}</h2>`,
    ...text.map((line) => `<p>${escaped(line)}</p>`),
    ...(chart ? [bars(chart)] : []),
    ...(points ? [`<div class="wide" tabindex="0">${scatter(points)}</div>`] : []),
    ...(columns && rows ? [tableHtml(columns, rows)] : []),
    ...(pictures.length > 0 ? [`<div class="pictures">${pictures.map(pictureHtml).join("\n")}</div>`] : []),
    "</section>",
  ].join("\n");
}

function tableHtml(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const side = (i: number): string => (columns[i]?.[1] === "right" ? ' class="r"' : "");
  const head = columns.map(([name], i) => `<th scope="col"${side(i)}>${escaped(name)}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell, i) => `<td${side(i)}>${escaped(cell)}</td>`).join("")}</tr>`);
  return `<div class="wide" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table></div>`;
}

function pictureHtml({ title, lines, ...picture }: ReportPicture): string {
  const data = Buffer.from(pngOf(picture)).toString("base64");
  const words = [`<strong>${escaped(title)}</strong>`, ...lines.map(escaped)].join("<br>");
  return `<figure><img alt="${escaped(title)}" src="data:image/png;base64,${data}"><figcaption>${words}</figcaption></figure>`;
}
