// weights.ts: a node's float weights as the integers or floats of a layer.
import { type Encoding, elements, type Weights } from "../format/index.js";
import { gridCodes, smallestExponent } from "./grid.js";
import type { ConvNode, DenseNode, WeightGrids } from "./network.js";
import { check } from "./shapes.js";

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
export function nodeWeights(node: ConvNode | DenseNode, grids: WeightGrids | null, input: Encoding): LayerWeights {
  const { name, weight } = node;
  if (!grids) {
    check(input.kind === "float32", `node ${name}`, "a float32 input, or grids to lower with", `a ${input.kind} input`);
    return { weights: { kind: "float32", values: weight.data.slice() }, units: [1], sums: new Float64Array(0) };
  }
  const grid = grids.get(name);
  check(grid !== undefined, `node ${name}`, "a weight grid", "none");
  check(input.kind !== "float32", `node ${name}`, "a quantized input", "a float32 input");
  const [outputs] = weight.shape;
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
