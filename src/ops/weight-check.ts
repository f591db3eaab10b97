// weight-check.ts: the weights of a layer: how many, on which levels, and that no int32 sum of them can overflow.
import { isArray } from "../base/index.js";
import { type Check, INT32_MAX, LEVEL_MAX, LEVELS_MAX, magnitudes } from "../format/index.js";
import { checkBooks } from "./books.js";
import { largestOf } from "./geometry.js";
import type { Encoding, Weights } from "./tensor.js";

/** The array that each kind of weights lies in. */
const ARRAYS = { codes: "Int8Array", codebook: "Uint8Array", float32: "Float32Array" } as const;

/** Each accumulator is a sum of depth products of a weight and a raw input 0..X: |sum| <= X sum |w|. */
export function checkWeights(weights: Weights, outputs: number, depth: number, encoding: Encoding, check: Check): void {
  const largest = largestOf(encoding);
  const count = outputs * depth;
  const { kind } = weights;
  check(Object.hasOwn(ARRAYS, kind), "weights.kind", `one of ${Object.keys(ARRAYS).join(", ")}`, kind);
  const values = weights.kind === "float32" ? weights.values : weights.codes;
  check(isArray(values, ARRAYS[kind]), "weights", `values in ${ARRAYS[kind]}`, values);
  if (weights.kind === "float32") {
    check(largest === null, "weights", "integer weights for integer inputs", "float32");
    check(weights.values.length === count, "weights", `${count} values`, weights.values.length);
    const bad = weights.values.findIndex((w) => !Number.isFinite(w));
    check(bad < 0, `weights[${bad}]`, "a finite number", String(weights.values[bad]));
    return;
  }
  check(largest !== null, "weights", "float32 weights for float32 inputs", weights.kind);
  check(weights.codes.length === count, "weights", `${count} codes`, weights.codes.length);
  if (weights.kind === "codebook") checkLevels(weights, outputs, check);
  else checkGrid(weights.bits, weights.n1, check);
  const { codes } = weights;
  const books = weights.kind === "codebook" ? weights.books : undefined;
  const sizes = (books?.tables ?? [null]).map((table) => magnitudeTable(weights, table));
  const most = Math.max(...sizes.map((size) => Math.max(...size))) * depth;
  for (let c = 0; c < outputs; c++) {
    const size = sizes[books?.of[c] ?? 0];
    const sum = channelSum(codes, size, c * depth, depth);
    if (sum < 0) {
      const bad = codes.findIndex((code, i) => i >= c * depth && size[code & 255] < 0);
      check(false, `weights[${bad}]`, "a code of the channel's levels", codes[bad]);
    }
    if (most * largest <= INT32_MAX) continue;
    check(
      sum * largest <= INT32_MAX,
      `weights of channel ${c}`,
      `sums up to ${INT32_MAX}`,
      `${sum} * ${largest}`,
      "OVERFLOW",
    );
  }
}

/** Sum of a channel's magnitudes, -1 where a code has none. Short and called often: engines compile it early. */
function channelSum(codes: Int8Array | Uint8Array, size: Int32Array, from: number, depth: number): number {
  let sum = 0;
  let signs = 0;
  for (let i = from; i < from + depth; i++) {
    const magnitude = size[codes[i] & 255];
    sum += magnitude;
    signs |= magnitude;
  }
  return signs < 0 ? -1 : sum;
}

type IntegerWeights = Exclude<Weights, { kind: "float32" }>;
type Codebook = Extract<Weights, { kind: "codebook" }>;

/**
 * |weight| in the accumulator by the code's low byte; -1 for a code that has none.
 * @param table some of a codebook's levels; null for all
 */
function magnitudeTable(weights: IntegerWeights, table: readonly number[] | null): Int32Array {
  const size = new Int32Array(256).fill(-1);
  if (weights.kind === "codebook") {
    weights.levels.forEach((level, code) => {
      if (!table || table.includes(level)) size[code] = Math.abs(level);
    });
    return size;
  }
  size[0] = 0;
  for (let m = 1; m <= magnitudes(weights.bits); m++) {
    size[m] = 2 ** (m - 1);
    size[-m & 255] = size[m];
  }
  return size;
}

function checkLevels({ levels, books }: Codebook, outputs: number, check: Check): void {
  const count = levels.length;
  check(count >= 2 && count <= LEVELS_MAX, "weights.levels", `2 to ${LEVELS_MAX} levels`, count);
  levels.forEach((level, i) => {
    const ok = Number.isInteger(level) && Math.abs(level) <= LEVEL_MAX && (i === 0 || level > levels[i - 1]);
    check(ok, `weights.levels[${i}]`, `ascending integers in ${-LEVEL_MAX}..${LEVEL_MAX}`, level);
  });
  if (books) checkBooks(books, levels, outputs, "weights.books", check);
}

function checkGrid(bits: number, n1: number, check: Check): void {
  check([2, 3, 4, 5].includes(bits), "weights.bits", "2, 3, 4 or 5", bits);
  check(Number.isInteger(n1) && n1 >= -126 && n1 <= 127, "weights.n1", "an integer in -126..127", n1);
}
