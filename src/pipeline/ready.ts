// ready.ts: networks that were quantized elsewhere: weights on their grids are kept, and where all are, no images are needed.

import { given, ShiftwiseError } from "../base/index.js";
import {
  floatPoints,
  insertQuantizers,
  lower,
  NETWORK,
  type Network,
  quantizationPoints,
  statedEncodings,
  withoutInputBounds,
} from "../graph/index.js";
import { type Encoding, pixelToReal, type WeightGrids } from "../ops/index.js";
import { addToHistogram, bitsOfGrid, createHistogram, fitLinear, readyGrids, weightNodes } from "../quantize/index.js";
import { checkFloat } from "./network.js";
import type { ConversionResult, QuantizedLayer } from "./notes.js";

/** Names that an error lists. */
const NAMED_MAX = 8;

/** The grids of the layers that came ready, without those that are to be rounded in any case, and layers of zeros, which rounding keeps. */
export function readyIn(network: Network, rounded: ReadonlyMap<string, unknown>): WeightGrids {
  const zeros = new Set(weightNodes(network).flatMap(({ name, weight }) => (weight.data.some(Boolean) ? [] : [name])));
  return new Map([...readyGrids(network)].filter(([name]) => !rounded.has(name) && !zeros.has(name)));
}

/** The layers that came ready, in network order. */
export function readyLayers(network: Network, ready: WeightGrids): QuantizedLayer[] {
  return weightNodes(network).flatMap(({ name, weight }) => {
    const grid = ready.get(name);
    return grid ? [{ name, weights: weight.data.length, bits: bitsOfGrid(grid) }] : [];
  });
}

/**
 * Turns a network whose weights all lie on grids already, and whose file says how activations are rounded, into a model. It takes no
 * images, and nothing is fitted: weights and ranges are those of the file. An input of pixels whose range the file does not say
 * gets the range that its normalization gives pixels 0..255.
 * @param float importOnnx of shiftwise/onnx makes it.
 * @throws BAD_GRAPH naming the layers whose weights are on no grid, and the tensors without a range.
 */
export function quantizeReady(float: Network): ConversionResult {
  given({ network: float }, { network: NETWORK });
  checkFloat(float);
  const network = withoutInputBounds(float);
  const grids = readyGrids(network);
  const free = weightNodes(network).filter(({ name }) => !grids.has(name));
  if (free.length > 0) throw notReady("weights that are on no grid", free);
  const encodings = new Map([...pixelEncodings(network), ...statedEncodings(network)]);
  const bare = new Set([...floatPoints(network)].filter((name) => !encodings.has(name)));
  const open = quantizationPoints(network).filter((name) => !encodings.has(name) && !bare.has(name));
  if (open.length > 0) {
    throw notReady(
      "activations without a range",
      open.map((name) => ({ name })),
    );
  }
  const simulated = insertQuantizers(network, encodings, bare);
  const layers = readyLayers(network, grids);
  const total = layers.reduce((sum, { weights }) => sum + weights, 0);
  return {
    model: { ...lower(simulated, { grids }), notes: { weights: "as they came", activations: "as they came" } },
    network: simulated,
    grids,
    layers,
    averageBits: layers.reduce((sum, { weights, bits }) => sum + (weights * bits) / total, 0),
    warnings: [],
  };
}

function notReady(what: string, nodes: readonly { readonly name: string }[]): ShiftwiseError {
  const rest = nodes.length - NAMED_MAX;
  const names = nodes.slice(0, NAMED_MAX).map(({ name }) => name);
  return new ShiftwiseError("BAD_GRAPH", "the network is not quantized already", {
    where: [...names, ...(rest > 0 ? [`${rest} more`] : [])].join(", "),
    found: what,
    expected: "images to calibrate with: quantizeFromImages, on the command line --calibrate",
  });
}

/** The encodings of inputs that take pixels: 8 bits over what pixels 0..255 become. */
function pixelEncodings({ nodes }: Network): Map<string, Encoding> {
  return new Map(
    nodes.flatMap((node) => {
      if (node.op !== "input" || !node.normalization) return [];
      const { normalization, name } = node;
      const histogram = createHistogram();
      const ends = normalization.mean.flatMap((_, c) => [0, 255].map((pixel) => pixelToReal(pixel, c, normalization)));
      addToHistogram(histogram, Float32Array.from(ends), name);
      return [[name, fitLinear(histogram, { bits: 8, clip: "minmax" })] as const];
    }),
  );
}

/** Whether all weights lie on grids already, so that nothing is to be chosen. */
export const areReady = (network: Network, ready: WeightGrids): boolean =>
  weightNodes(network).every(({ name }) => ready.has(name));
