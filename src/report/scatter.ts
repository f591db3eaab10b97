// scatter.ts: named points in a chart, as SVG.
import { escaped } from "./html.js";

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly label: string;
  /** Points of one series have one colour. */
  readonly series: string;
}

export interface ScatterChart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly points: readonly Point[];
}

const COLOURS = ["#0b6e4f", "#1d5fa8", "#c8542b", "#7b4fa6", "#a37608", "#6b6b6b", "#b23a26", "#1f8080", "#b8478a"];
const WIDTH = 880;
const HEIGHT = 440;
/** Room for names and numbers: top, right, bottom, left. */
const ROOM = [16, 120, 48, 64] as const;
/** Height of a line of names, and lines that a name moves down at most before it is left to the tooltip. */
const LINE = 13;
const TICKS = 6;

/** Round numbers that cover a range. */
function ticks(low: number, high: number): number[] {
  const raw = (high - low || Math.abs(high) || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw)!;
  const first = Math.floor(low / step);
  const count = Math.ceil(high / step) - first;
  return Array.from({ length: Math.max(count, 1) + 1 }, (_, i) => (first + i) * step);
}

/** The least and the greatest of the values of points, of which there may be many, and of others. */
function rangeOf(others: readonly number[], points: readonly Point[], of: (point: Point) => number): [number, number] {
  let [low, high] = [Math.min(...others), Math.max(...others)];
  for (const point of points) [low, high] = [Math.min(low, of(point)), Math.max(high, of(point))];
  return [low, high];
}

const numeral = (value: number): string => Number(value.toPrecision(6)).toLocaleString("en-US");

/** The chart as SVG; every point has its name beside it, and with its numbers as its title. */
export function scatter({ title, x, y, points }: ScatterChart): string {
  const [top, right, bottom, left] = ROOM;
  const across = ticks(...rangeOf([0], points, (point) => point.x));
  const up = ticks(...rangeOf([], points, (point) => point.y));
  const px = (value: number) => left + ((value - across[0]) / (across.at(-1)! - across[0])) * (WIDTH - left - right);
  const py = (value: number) => HEIGHT - bottom - ((value - up[0]) / (up.at(-1)! - up[0])) * (HEIGHT - top - bottom);
  const at = (value: number): string => value.toFixed(1);
  const grid = [
    ...across.map(
      (value) =>
        `<line x1="${at(px(value))}" x2="${at(px(value))}" y1="${top}" y2="${HEIGHT - bottom}"/><text class="soft" x="${at(px(value))}" y="${HEIGHT - bottom + 16}" text-anchor="middle">${numeral(value)}</text>`,
    ),
    ...up.map(
      (value) =>
        `<line x1="${left}" x2="${WIDTH - right}" y1="${at(py(value))}" y2="${at(py(value))}"/><text class="soft" x="${left - 8}" y="${at(py(value) + 4)}" text-anchor="end">${numeral(value)}</text>`,
    ),
  ];
  const series = [...new Set(points.map((point) => point.series))];
  const taken: { x: number; y: number; width: number }[] = [];
  const marks = [...points]
    .sort((a, b) => b.y - a.y)
    .map((point) => {
      const [cx, cy] = [px(point.x), py(point.y)];
      const width = 7 * point.label.length;
      let line = cy + 4;
      // a name below another rather than on it
      while (taken.some((one) => Math.abs(one.y - line) < LINE && one.x < cx + 8 + width && cx + 8 < one.x + one.width))
        line += LINE;
      const fits = line < HEIGHT - bottom;
      if (fits) taken.push({ x: cx + 8, y: line, width });
      const colour = COLOURS[series.indexOf(point.series) % COLOURS.length];
      const name = `${point.label}: ${numeral(point.x)}, ${numeral(Number(point.y.toFixed(2)))}`;
      const text = fits ? `<text x="${at(cx + 8)}" y="${at(line)}">${escaped(point.label)}</text>` : "";
      return `<g><title>${escaped(name)}</title><circle cx="${at(cx)}" cy="${at(cy)}" r="5" fill="${colour}"/>${text}</g>`;
    });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(title)}">
${grid.join("\n")}
<text class="soft" x="${(left + WIDTH - right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escaped(x)}</text>
<text class="soft" transform="translate(14 ${(top + HEIGHT - bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>
${marks.join("\n")}
</svg>`;
}
