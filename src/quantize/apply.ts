// apply.ts: a quantizer on all weights of a network.

import { given, is, ShiftwiseError } from "../base/index.js";
import { NETWORK, type Network } from "../graph/index.js";
import type { ConvNode, DenseNode, WeightGrid, WeightGrids } from "../ops/index.js";
import type { LayerLevels } from "./channels.js";
import { checkBits, type LayerBits, WIDTHS } from "./portions.js";
import { checkQuantizerBits, FIT, type Fit, QUANTIZER, type Quantizer } from "./quantizer.js";

/**
 * Conv and dense nodes, in network order.
 * @internal
 */
export function weightNodes(network: Network): (ConvNode | DenseNode)[] {
  return network.nodes.filter((node) => node.op === "conv" || node.op === "dense");
}

/**
 * Returns the bits of one layer.
 * @throws BAD_OPTION for a layer that a map of bits does not name
 * @internal
 */
export function bitsOfLayer(bits: LayerBits, layer: string): number {
  if (typeof bits === "number") return bits;
  const found = bits.get(layer);
  if (found === undefined) throw new ShiftwiseError("BAD_OPTION", "no bits for a layer", { where: layer });
  return found;
}

/**
 * Writes the weights that a fit stands for: fround(scale[c] * level).
 * @internal
 */
export function writeFit({ levels, scale, codes }: Fit, into: Float32Array): void {
  const depth = codes.length / scale.length;
  for (let c = 0; c < scale.length; c++) {
    const values = Float32Array.from(levels, (level) => scale[c] * level);
    for (let i = c * depth; i < (c + 1) * depth; i++) into[i] = values[codes[i]];
  }
}

/**
 * The levels that a quantizer gives each layer's weights, for `compensate` and `distill`, which fit the scales of the
 * output channels themselves.
 * @throws what the quantizer throws, when a layer is asked for, and BAD_OPTION for a layer without bits
 */
export function quantizerLevels(quantizer: Quantizer, bits: LayerBits): (node: ConvNode | DenseNode) => LayerLevels {
  given({ quantizer, bits }, { quantizer: QUANTIZER, bits: WIDTHS });
  return (node) => levelsFor(node, quantizer, bitsOfLayer(bits, node.name));
}

/**
 * The levels that a quantizer gives the weights of one layer.
 * @throws what the quantizer throws
 * @internal
 */
export function levelsFor({ name, weight }: ConvNode | DenseNode, quantizer: Quantizer, bits: number): LayerLevels {
  if (quantizer.exponents) return { kind: "powers", bits, scale: "channel" };
  if (quantizer.tables) {
    checkQuantizerBits(bits, quantizer.bits, { name, shape: weight.shape, bits });
    return { kind: "codebooks", tables: quantizer.tables(bits) };
  }
  const { levels } = quantizer.fit(weight.data, { name, shape: weight.shape, bits });
  return { kind: "codebook", levels };
}

/** The grid of a fit, every weight decided. */
function fitGrid({ levels, scale, codes, books }: Fit, { exponents }: Quantizer, bits: number): WeightGrid {
  const frozen = new Uint8Array(codes.length).fill(1);
  if (!exponents) return { kind: "codebook", levels, scale, frozen, ...(books && { books }) };
  const n1 = Math.round(Math.log2(scale[0] * levels[levels.length - 1]));
  return { kind: "powers", bits: checkBits(bits), n1, scale: null, frozen };
}

/**
 * Quantizes every conv and dense node in place, first and last included; biases and batch norm stay.
 * @param before fits by node name to go on from
 * @returns the grids that `lower` wants.
 * @throws what the quantizer throws, naming the layer; some layers have changed then
 */
export function quantizeWeights(
  network: Network,
  quantizer: Quantizer,
  bits: LayerBits,
  before: ReadonlyMap<string, Fit> = new Map(),
): WeightGrids {
  given(
    { network, quantizer, bits, before },
    { network: NETWORK, quantizer: QUANTIZER, bits: WIDTHS, before: is.map(FIT) },
  );
  return new Map(
    weightNodes(network).map((node) => {
      const width = bitsOfLayer(bits, node.name);
      const fit = quantizeWeightsOf(node, quantizer, width, before.get(node.name));
      return [node.name, fitGrid(fit, quantizer, width)];
    }),
  );
}

/**
 * Quantizes one node's weights in place.
 * @internal
 */
export function quantizeWeightsOf(
  { name, weight }: ConvNode | DenseNode,
  quantizer: Quantizer,
  bits: number,
  before?: Fit,
): Fit {
  const fit = quantizer.fit(weight.data, { name, shape: weight.shape, bits }, before);
  writeFit(fit, weight.data);
  return fit;
}
