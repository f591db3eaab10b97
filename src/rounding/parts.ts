// parts.ts: a layer's weights in parts that are rounded one after the other, each with the moments of its inputs.

import type { ConvNode, DenseNode, Node } from "../ops/index.js";
import { createMeter } from "../quantize/index.js";
import type { Lanes } from "./lanes.js";
import { type GroupMoments, momentTotals, readMoments } from "./moments.js";
import { channelsOf, inputsPerOutput, type PartInputs } from "./part-sums.js";

/** Weights of the output channels of one group, and of some of their inputs. */
export interface Part {
  /** Output channels. */
  readonly from: number;
  readonly rows: number;
  /** Inputs of each of them: positions in a row of weights. */
  readonly first: number;
  readonly n: number;
  readonly moments: GroupMoments;
}

/** Options of the measurement; see CompensateOptions. */
export interface PartSettings {
  readonly follow?: boolean;
  readonly damping?: number;
}

/** Output positions that a layer's moments are taken from, where there are more: this many, or so many an input. */
const LEAST_POSITIONS = 50_000;
const POSITIONS_AN_INPUT = 200;

/**
 * Inputs of one output that a layer may have for their covariance to be taken whole. Where there are more, blocks of so many
 * are rounded by themselves, as if inputs of two blocks did not vary together: the covariance of n inputs has n^2 numbers.
 */
const MOST_INPUTS = 4_608;
const BLOCK_INPUTS = 1_024;

/** Whether a layer has so many inputs that they are taken in blocks, which share their output channels' scales. */
export const isBlocked = (node: ConvNode | DenseNode): boolean => inputsPerOutput(node) > MOST_INPUTS;

/** Input channels that one part of a layer has: all, or those of a block. */
function partChannels(node: ConvNode | DenseNode): number {
  const total = inputsPerOutput(node);
  const channels = channelsOf(node);
  return isBlocked(node) ? Math.ceil(channels / Math.ceil(total / BLOCK_INPUTS)) : channels;
}

/** The most inputs of an output that a part of a layer has. */
export const blockInputs = (node: ConvNode | DenseNode): number =>
  (partChannels(node) * inputsPerOutput(node)) / channelsOf(node);

/**
 * Makes the parts of a layer, one at a time, from segment i.
 * @param head the node as the lanes have it
 * @throws OVERFLOW
 */
export async function* partsOf(
  node: ConvNode | DenseNode,
  head: Node,
  i: number,
  lanes: Lanes,
  { follow, damping }: PartSettings,
): AsyncGenerator<Part, void, undefined> {
  const [, height, width] = lanes.shapes.get(node.name)!;
  const groups = node.op === "conv" ? node.groups : 1;
  const rows = node.weight.shape[0] / groups;
  const total = inputsPerOutput(node);
  const positions = lanes.images * height * width;
  const step = Math.floor(positions / Math.max(LEAST_POSITIONS, POSITIONS_AN_INPUT * total));
  const channels = channelsOf(node);
  const taps = total / channels;
  const most = partChannels(node);
  for (let first = 0; first < channels; first += most) {
    const inputs: PartInputs = {
      first,
      channels: Math.min(most, channels - first),
      isFollowed: lanes.hasTwin && follow !== false,
      lines: Math.min(Math.max(step, 1), height),
      weighs: damping === undefined,
    };
    const n = inputs.channels * taps;
    const sizes = { groups, rows, depth: n };
    const totals = momentTotals(sizes, inputs.isFollowed, lanes.allocate);
    await lanes.moments(i, node === head ? null : node, inputs, totals);
    for (const [group, moments] of readMoments(sizes, totals).entries()) {
      yield { from: group * rows, rows, first: first * taps, n, moments };
    }
  }
}

/** The variance of each input of a layer, taps of one input channel alike; groups are averaged. */
export async function inputVariances(node: ConvNode | DenseNode, lanes: Lanes): Promise<Float64Array> {
  const total = inputsPerOutput(node);
  const [channels, height, width] = lanes.shapes.get(node.input)!;
  // each group of an image counts as an image of its own
  const meter = createMeter(node.op === "conv" ? [channels / node.groups, height, width] : [total, 1, 1]);
  for await (const values of lanes.read(node.input)) meter.add(values);
  const { variance } = meter.read();
  return Float64Array.from({ length: total }, (_, i) => variance[Math.floor((i * variance.length) / total)]);
}
