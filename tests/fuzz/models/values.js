// values.js: numbers, sizes, names and encodings as models may have them, the ordinary ones first.
import { elements } from "../project.js";

/** Sizes at which tiles, lanes and blocks of the kernels begin and end. */
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 17, 20, 31, 32, 33, 48, 63, 64, 65, 100, 128, 129];
const NAMES = [
  "t",
  "constructor",
  "toString",
  "0",
  "7",
  "then",
  "length",
  "é",
  "名前",
  "😀",
  "a b",
  " ",
  "__proto__x",
].concat([
  "__metadata__",
  "hasOwnProperty",
  "a.scale",
  "a.codes",
  "a.signs",
  "a.weight",
  "a.values",
  "\u2028",
  '\\"/',
  "n".repeat(194),
]);
/** Names of the buffers that a plan has behind a tensor. */
const INNER = [" (float)", " (phases)", " (input)", " (scratch)", " (staging)"];
/** Finite float32 values at the edges of their range and of what a kernel tells apart. */
export const EDGES = [
  0, -0, 1, -1, 0.5, 255, 256, 1e-45, -1e-45, 1.17549435e-38, 3.4028234663852886e38, -3.4028234663852886e38,
].map(Math.fround);

/** A typed array of values made one by one. */
export function filled(array, make) {
  for (let i = 0; i < array.length; i++) array[i] = make(i);
  return array;
}

/** Channels, height and width with at most `most` elements. */
export function drawShape(draw, most = draw.pick([256, 64, 1024, 2048])) {
  const shape = [draw.pick(SIZES), draw.pick(SIZES), draw.pick(SIZES)];
  while (elements(shape) > most) {
    const largest = shape.indexOf(Math.max(...shape));
    shape[largest] = Math.ceil(shape[largest] / 3);
  }
  return shape;
}

/** A name that is not taken. */
export function drawName(draw, taken) {
  const others = [...taken];
  const stem = others.length > 0 && draw.chance(0.2) ? draw.pick(others) + draw.pick(INNER) : draw.pick(NAMES);
  let name = stem;
  for (let i = 1; taken.has(name) || name.length > 200; i++) name = `${stem.slice(0, 190)}${i}`;
  return name;
}

const scale = (random) =>
  random.pick([0.05, 1, 2 ** -7, 3.7e-3, 110]) * (random.chance(0.5) ? 1 : 0.5 + random.uniform());

/** An encoding; one in `wild` has a scale far from any that quantizing gives. */
export function drawEncoding(draw, wild) {
  const kind = draw.pick(["linear", "linear", "levels", "float32"]);
  if (kind === "float32") return { kind };
  const random = draw.random();
  const unit = wild && random.chance(0.2) ? random.pick([3e-39, 1e-38, 1e-30, 1e30, 1.3e36]) : scale(random);
  if (kind === "linear") {
    const max = random.pick([255, 255, 15, 1, 2, 3, 16, 31, 32, 63, 64, 126, 127, 128, 254, 1 + random.below(255)]);
    return { kind, scale: unit, zero: random.pick([0, 0, max, random.below(max + 1)]), max };
  }
  const count = random.pick([2, 3, 8, 16, 17, 1 + random.below(255)]) || 2;
  const top = random.pick([255, 127, 128, 31, 32, 15]);
  const levels = [...new Set([0, top, ...Array.from({ length: count }, () => random.below(top + 1))])].sort(
    (a, b) => a - b,
  );
  const middle = (a, b) => Math.fround(a + (b - a) * random.pick([0.5, 0.5, random.uniform()]));
  const thresholds = levels.slice(1).map((level, i) => middle(levels[i], level));
  const ascending = thresholds.every((t, i) => i === 0 || t > thresholds[i - 1]);
  const even = levels.slice(1).map((_, i) => i + 0.5);
  return { kind, scale: unit, levels, thresholds: ascending ? thresholds : even };
}

/** Real values for a tensor: spread over what its encoding holds and beyond; at the edges if wild. */
export function drawReals(random, { shape, encoding }, wild) {
  const span = encoding.kind === "float32" ? 3 : encoding.scale * (encoding.max ?? encoding.levels.at(-1));
  const low = encoding.kind === "linear" ? -encoding.scale * encoding.zero : 0;
  return filled(new Float32Array(elements(shape)), () => {
    if (wild && random.chance(0.1)) return random.pick(EDGES);
    const x = low + span * (encoding.kind === "float32" ? random.normal() : random.uniform() * 1.4 - 0.2);
    return Math.min(Math.max(x, EDGES.at(-1)), EDGES.at(-2));
  });
}

/** A number for a field of JSON, which has no -0: near `size`, of either sign, or an edge if wild. */
export function drawNumber(random, size, wild) {
  if (wild && random.chance(0.1)) return random.pick(EDGES) + 0;
  return random.normal() * size;
}
