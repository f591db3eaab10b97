// weights.ts: the weights of a layer: their field in the file, and how the float weights of a node become them.
import {
  type CodeBits,
  fields as json,
  LEVELS_MAX,
  packCodes,
  packIndices,
  storeBytes,
  storeFloats,
  unpackCodes,
  unpackIndices,
} from "../format/index.js";
import type { Field, Reading, Tensor, Writing } from "./field.js";
import { elements } from "./geometry.js";
import { check, checkGrid, gridCodes, smallestExponent, type WeightGrids } from "./grid.js";
import type { Encoding, Shape, Weights } from "./tensor.js";

/** Stores each kind of weights, and reads it again as an array of this shape. */
const STORAGE: {
  readonly [K in Weights["kind"]]: {
    readonly fields: readonly string[];
    read(given: json.Json, place: string, shape: readonly number[], reading: Reading): Extract<Weights, { kind: K }>;
    write(weights: Extract<Weights, { kind: K }>, shape: readonly number[], store: Writing["store"]): object;
  };
} = {
  codes: {
    fields: ["kind", "bits", "n1"],
    read(given, place, shape, { name, source }) {
      const bits = json.oneOf<CodeBits>(
        json.number(given.bits, `${place}.bits`) as CodeBits,
        `${place}.bits`,
        [2, 3, 4, 5],
      );
      const n1 = json.integer(given.n1, `${place}.n1`, -126, 127);
      source.unpack(elements(shape));
      const packed = { magnitudes: source.bytes(`${name}.codes`, null), signs: source.bytes(`${name}.signs`, null) };
      return { kind: "codes", bits, n1, codes: unpackCodes(packed, elements(shape), bits, place) };
    },
    write({ kind, bits, n1, codes }, _, store) {
      const { magnitudes, signs } = packCodes(codes, bits);
      store("codes", storeBytes(magnitudes), "second");
      store("signs", storeBytes(signs), "last");
      return { kind, bits, n1 };
    },
  },
  codebook: {
    fields: ["kind", "levels"],
    read(given, place, shape, { name, source }) {
      const levels = json.list(given.levels, `${place}.levels`, json.number);
      const many = levels.length >= 2 && levels.length <= LEVELS_MAX;
      json.expect(many, place, `2 to ${LEVELS_MAX} levels`, levels.length);
      source.unpack(elements(shape));
      const packed = source.bytes(`${name}.codes`, null);
      return { kind: "codebook", levels, codes: unpackIndices(packed, elements(shape), levels.length, place) };
    },
    write({ kind, levels, codes }, _, store) {
      store("codes", storeBytes(packIndices(codes, levels.length)), "second");
      return { kind, levels };
    },
  },
  float32: {
    fields: ["kind"],
    read: (_, __, shape, { name, source }) => ({ kind: "float32", values: source.floats(`${name}.weight`, shape) }),
    write({ kind, values }, shape, store) {
      store("weight", storeFloats(shape, values), "second");
      return { kind };
    },
  },
};
const KINDS = Object.keys(STORAGE) as Weights["kind"][];

/**
 * Weights whose array has a shape that follows from the fields before them.
 * @param shapeFor given the fields so far, and the shapes of tensors
 */
export function weightsOf<L>(
  shapeFor: (layer: L, shapeOf: (tensor: string) => Shape, place: string) => readonly number[],
): Field<Weights> {
  return {
    read(value, place, reading) {
      const shape = shapeFor(reading.sofar as L, reading.shapeOf, reading.where);
      const named = json.text(json.dictionary(value, place).kind, `${place}.kind`);
      const kind = json.oneOf(named as Weights["kind"], `${place}.kind`, KINDS);
      return STORAGE[kind].read(json.record(value, place, STORAGE[kind].fields), place, shape, reading);
    },
    write(weights, { owner, shapeOf, store }) {
      const { write } = STORAGE[weights.kind] as (typeof STORAGE)["codes"];
      return write(weights as Extract<Weights, { kind: "codes" }>, shapeFor(owner as L, shapeOf, ""), store);
    },
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
    const { levels, scale } = grid;
    codes.forEach((code, i) => {
      sums[Math.floor(i / depth)] += levels[code];
    });
    return { weights: { kind: "codebook", levels, codes: new Uint8Array(codes) }, units: scale, sums };
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
