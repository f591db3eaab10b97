// weights.ts: the weights of a layer: their field in the file, and how the float weights of a node become them.
import { type CodeBits, fields as json, LEVELS_MAX, unpackCodes, unpackIndices } from "../format/index.js";
import { checkBooks, levelsOfTables, longestTable, mapCodes } from "./books.js";
import type { Field, Reading, Tensor } from "./field.js";
import { elements } from "./geometry.js";
import { check, checkGrid, gridCodes, smallestExponent, type WeightGrids } from "./grid.js";
import type { Encoding, Shape, Weights } from "./tensor.js";

/** Reads each kind of weights that files know as an array of this shape. Codebooks have a table for each channel. */
const STORED: Readonly<
  Record<
    Weights["kind"] | "codebooks",
    {
      readonly fields: readonly string[];
      read(given: json.Json, place: string, shape: readonly number[], reading: Reading): Weights;
    }
  >
> = {
  codes: {
    fields: ["kind", "bits", "n1"],
    read(given, place, shape, { name, source }) {
      const bits = json.oneOf(json.number(given.bits, `${place}.bits`), `${place}.bits`, [2, 3, 4, 5]) as CodeBits;
      const n1 = json.integer(given.n1, `${place}.n1`, -126, 127);
      source.unpack(elements(shape));
      const packed = {
        magnitudes: source.bytes(`${name}.codes`, null),
        signs: source.bytes(`${name}.signs`, null),
      };
      return { kind: "codes", bits, n1, codes: unpackCodes(packed, elements(shape), bits, place) };
    },
  },
  codebook: {
    fields: ["kind", "levels"],
    read(given, place, shape, reading) {
      const levels = json.list(given.levels, `${place}.levels`, json.number);
      return { kind: "codebook", levels, codes: indicesOf(levels, levels.length, place, shape, reading) };
    },
  },
  codebooks: {
    fields: ["kind", "tables"],
    read(given, place, shape, reading) {
      const tables = json.list(given.tables, `${place}.tables`, (value, p) => json.list(value, p, json.number));
      const books = { tables, of: reading.source.bytes(`${reading.name}.books`, [shape[0]]).slice() };
      const levels = levelsOfTables(tables);
      checkBooks(books, levels, shape[0], place, json.expect);
      const indices = indicesOf(levels, longestTable(books), place, shape, reading);
      return { kind: "codebook", levels, books, codes: mapCodes(indices, levels, books, false) };
    },
  },
  float32: {
    fields: ["kind"],
    read: (_, __, shape, { name, source }) => ({ kind: "float32", values: source.floats(`${name}.weight`, shape) }),
  },
};
const KINDS = Object.keys(STORED) as (keyof typeof STORED)[];

/** Reads a code below `most` for each weight. */
function indicesOf(
  { length }: readonly number[],
  most: number,
  place: string,
  shape: readonly number[],
  { name, source }: Reading,
): Uint8Array {
  json.expect(length >= 2 && length <= LEVELS_MAX, place, `2 to ${LEVELS_MAX} levels`, length);
  const count = elements(shape);
  source.unpack(count);
  return unpackIndices(source.bytes(`${name}.codes`, null), count, most, place);
}

/**
 * Weights whose array has a shape that follows from the fields before them.
 * @param shapeFor given the fields so far, and the shapes of tensors
 */
export function weightsOf<L>(
  shapeFor: (layer: L, shapeOf: (tensor: string) => Shape, place: string) => readonly number[],
): Field<Weights> {
  return {
    sinceOf: (weights) => (weights.kind === "codebook" && weights.books ? 2 : 1),
    read(value, place, reading) {
      const shape = shapeFor(reading.sofar as L, reading.shapeOf, reading.where);
      const named = json.text(json.dictionary(value, place).kind, `${place}.kind`);
      const kind = json.oneOf(named as keyof typeof STORED, `${place}.kind`, KINDS);
      return STORED[kind].read(json.record(value, place, STORED[kind].fields), place, shape, reading);
    },
    write: (weights, { owner, shapeOf, storeWeights }) => storeWeights(weights, shapeFor(owner as L, shapeOf, "")),
  };
}

export interface LayerWeights {
  readonly weights: Weights;
  /** Real value of one integer unit by output channel, or one value for all; 1 for float weights. */
  readonly units: ArrayLike<number>;
  /** Sums of the integer weights by output channel; empty for float weights. */
  readonly sums: Float64Array;
}

/**
 * The weights of a conv or dense node as its input's encoding demands.
 * @throws BAD_GRAPH: with grids where the node has none, its input is float32 or a weight is off the grid; without
 *   grids where its input is quantized
 */
export function nodeWeights(
  node: { readonly name: string; readonly weight: Tensor },
  grids: WeightGrids | null,
  input: Encoding,
): LayerWeights {
  const { name, weight } = node;
  if (!grids) {
    check(input.kind === "float32", `node ${name}`, "a float32 input, or grids to lower with", `a ${input.kind} input`);
    return { weights: { kind: "float32", values: weight.data.slice() }, units: [1], sums: new Float64Array(0) };
  }
  const grid = grids.get(name);
  check(grid !== undefined, `node ${name}`, "a weight grid", "none");
  check(input.kind !== "float32", `node ${name}`, "a quantized input", "a float32 input");
  const [outputs] = weight.shape;
  checkGrid(grid, weight.data.length, outputs, `grid of ${name}`);
  const codes = gridCodes(weight.data, outputs, grid, `node ${name}.weight`);
  const depth = elements(weight.shape.slice(1));
  const sums = new Float64Array(outputs);
  if (grid.kind === "codebook") {
    const { levels, scale, books } = grid;
    codes.forEach((code, i) => {
      sums[Math.floor(i / depth)] += levels[code];
    });
    const weights: Weights = { kind: "codebook", levels, codes: new Uint8Array(codes), ...(books && { books }) };
    return { weights, units: scale, sums };
  }
  codes.forEach((code, i) => {
    if (code !== 0) sums[Math.floor(i / depth)] += Math.sign(code) * 2 ** (Math.abs(code) - 1);
  });
  const { bits, n1, scale } = grid;
  const unit = 2 ** smallestExponent(bits, n1);
  const units = scale ? Float64Array.from(scale, (s) => s * unit) : [unit];
  return { weights: { kind: "codes", bits, n1, codes }, units, sums };
}

/** Weights of a depthwise 1x1 convolution that changes nothing. */
export function unitWeights(channels: number, input: Encoding): LayerWeights {
  const sums = new Float64Array(channels).fill(1);
  if (input.kind === "float32") {
    return { weights: { kind: "float32", values: new Float32Array(channels).fill(1) }, units: [1], sums };
  }
  return { weights: { kind: "codes", bits: 2, n1: 0, codes: new Int8Array(channels).fill(1) }, units: [1], sums };
}
