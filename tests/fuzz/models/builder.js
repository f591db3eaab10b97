// builder.js: a model while it grows: tensors that layers may read, and the pieces that several kinds of layers share.
import { elements, largestOf } from "../project.js";
import { drawName, drawNumber, EDGES, filled } from "./values.js";

/** Largest sum that an accumulator holds, and the largest level of a codebook. */
const SUM_MAX = 0x7fffffff;
const LEVEL_MAX = 16383;

/** @param wild whether numbers far from ordinary ones may occur */
export function createBuilder(wild) {
  const tensors = {};
  const layers = [];
  const names = new Set();
  const layerNames = new Set();
  return {
    wild,
    tensors,
    layers,
    spec: (name) => tensors[name],
    /** Adds a tensor that something writes. */
    tensor(draw, spec) {
      const name = drawName(draw, names);
      names.add(name);
      tensors[name] = spec;
      return name;
    },
    /** A tensor that exists and is accepted, the last one first; null for none. */
    source(draw, accept = () => true) {
      const found = [...names].reverse().filter((name) => accept(tensors[name], name));
      return found.length === 0 ? null : found[Math.min(draw.below(found.length), draw.below(found.length))];
    },
    /** Adds a layer and the tensor it writes. */
    layer(draw, spec, fields) {
      const name = drawName(draw, layerNames);
      layerNames.add(name);
      const { op, ...rest } = fields;
      layers.push({ op, name, output: this.tensor(draw, spec), ...rest });
    },
  };
}

/** Bounds of real values, or none. */
function drawClamp(draw, span, wild) {
  const random = draw.random();
  const low = random.pick([0, drawNumber(random, span, wild)]);
  return draw.pick([
    {},
    { low: 0 },
    { low, high: low + Math.abs(drawNumber(random, span, false)) },
    { high: drawNumber(random, span, wild) },
  ]);
}

/**
 * An epilogue that brings sums of about `size` into the range of the output.
 * @param channels lengths of scale and offset
 */
export function drawEpilogue(draw, channels, size, encoding, wild) {
  const random = draw.random();
  const span = largestOf(encoding) ?? 4;
  const values = (make) =>
    filled(new Float32Array(channels), () => (wild && random.chance(0.05) ? random.pick(EDGES) : make()));
  const real = encoding.kind === "float32" ? span : encoding.scale * span;
  return {
    scale: values(() => ((random.uniform() - 0.3) * 2 * span) / size),
    offset: values(() => (random.normal() + 1) * span * 0.4),
    clamp: drawClamp(draw, real, wild),
  };
}

/**
 * Weights for an input, with what a sum of them is about.
 * @returns weights and size
 */
export function drawWeights(draw, outputs, depth, encoding) {
  const random = draw.random();
  const length = outputs * depth;
  const largest = largestOf(encoding);
  if (largest === null) {
    const values = filled(new Float32Array(length), random.normal);
    return { weights: { kind: "float32", values }, size: 2 * Math.sqrt(depth) };
  }
  const zeros = draw.pick([0.2, 0, 0.6, 0.95]);
  if (draw.chance(0.6)) {
    const bits = draw.pick([5, 4, 3, 2]);
    const top = 2 ** (bits - 2);
    const sign = draw.pick([0.5, 0, 1]);
    const codes = filled(new Int8Array(length), () => {
      if (random.uniform() < zeros) return 0;
      return (1 + random.below(top)) * (random.uniform() < sign ? -1 : 1);
    });
    return {
      weights: { kind: "codes", bits, n1: draw.pick([0, -1, 5, -126, 127]), codes },
      size: Math.sqrt(depth) * largest * 2 ** (top - 2),
    };
  }
  const most = Math.min(LEVEL_MAX, Math.floor(SUM_MAX / (largest * depth)));
  const reach = Math.max(1, Math.min(most, draw.pick([90, most, 7, 128, 129, 1000, 2])));
  const levels = drawLevels(draw, random, reach);
  const zero = levels.indexOf(0);
  const codes = filled(new Uint8Array(length), () =>
    zero >= 0 && random.uniform() < zeros ? zero : random.below(levels.length),
  );
  const weights = { kind: "codebook", levels, codes };
  const booked = draw.chance(0.5) ? withBooks(draw, random, weights, outputs) : weights;
  return { weights: booked, size: Math.sqrt(depth) * largest * reach };
}

/** The same levels in tables of some of them, of which every channel has one. */
function withBooks(draw, random, { kind, levels, codes }, outputs) {
  const tables = [levels];
  for (let more = draw.pick([1, 0, 3, 40]); more > 0; more--) {
    const from = random.below(levels.length - 1);
    tables.push(levels.slice(from, from + 2 + random.below(levels.length - from - 1)));
  }
  const of = filled(new Uint8Array(outputs), () => random.below(tables.length));
  const depth = codes.length / outputs;
  const own = codes.map((code, i) => {
    const table = tables[of[Math.floor(i / depth)]];
    return levels.indexOf(table[code % table.length]);
  });
  return { kind, levels, codes: own, books: { tables, of } };
}

/** 2 to 128 distinct integers up to `reach` in size, ascending. */
function drawLevels(draw, random, reach) {
  const count = draw.pick([5, 2, 3, 4, 8, 9, 16, 17, 18, 33, 64, 127, 128]);
  const side = draw.pick([0, 1, -1]);
  const levels = new Set();
  if (draw.chance(0.3))
    for (let i = 0; i < count; i++) levels.add(i - (side === 0 ? count >> 1 : side < 0 ? count - 1 : 0));
  else
    for (let i = 0; i < count; i++)
      levels.add(side === 0 ? random.below(2 * reach + 1) - reach : side * random.below(reach + 1));
  const fitting = [...levels].filter((level) => Math.abs(level) <= reach);
  for (let level = 0; fitting.length < 2; level++) if (!fitting.includes(level - reach)) fitting.push(level - reach);
  return fitting.map((level) => level + 0).sort((a, b) => a - b);
}

/** A tensor of this shape to add, or null. */
export function drawResidual(draw, builder, shape) {
  const name = builder.source(draw, (spec) => String(spec.shape) === String(shape));
  const random = draw.random();
  return name === null ? null : { tensor: name, scale: Math.fround(drawNumber(random, 0.7, builder.wild)) };
}

/** Integers in -1..n - 1, or 0..n - 1 without gaps. */
export function drawPlaces(random, n, length, gaps) {
  return Array.from({ length }, () => (gaps && random.chance(0.15) ? -1 : random.below(n)));
}

/** Three sizes with this product. */
export function drawFactors(draw, product, axes) {
  const factors = new Array(axes).fill(1);
  factors[0] = product;
  for (let i = 1; i < axes; i++) {
    const divisors = Array.from({ length: Math.min(factors[0], 64) }, (_, k) => k + 1).filter(
      (k) => factors[0] % k === 0,
    );
    factors[i] = draw.pick(divisors);
    factors[0] /= factors[i];
  }
  return factors;
}

export { elements };
