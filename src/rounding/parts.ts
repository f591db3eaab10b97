// parts.ts: a layer's weights in parts that are rounded one after the other, each with the moments of its inputs.

import { volume } from "../engine/index.js";
import { type ConvNode, type DenseNode, elements, nodeInputs, type Tensor } from "../ops/index.js";
import { createMeter } from "../quantize/index.js";
import { createMoments, type GroupMoments } from "./moments.js";
import type { Walk } from "./walk.js";

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

/** The things that the parts are measured on. */
export interface PartSettings {
  /** Images that are run at a time. */
  readonly batch: number;
  readonly module: WebAssembly.Module;
  /** See CompensateOptions. */
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

/** Inputs of an output channel. */
const inputsPerOutput = ({ weight }: ConvNode | DenseNode): number => elements(weight.shape.slice(1));

/** Whether a layer has so many inputs that they are taken in blocks, which share their output channels' scales. */
export const isBlocked = (node: ConvNode | DenseNode): boolean => inputsPerOutput(node) > MOST_INPUTS;

/** Input channels of an output; a dense layer's inputs are channels of one value. */
const channelsOf = (node: ConvNode | DenseNode): number =>
  node.op === "conv" ? node.weight.shape[1] : inputsPerOutput(node);

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
 * Makes the parts of a layer, one at a time, from segment i of two walks; without the second nothing is followed.
 * @throws OVERFLOW
 */
export function* partsOf(
  node: ConvNode | DenseNode,
  i: number,
  own: Walk,
  twin: Walk | null,
  settings: PartSettings,
): Iterable<Part> {
  const { batch, module, damping } = settings;
  const followed = settings.follow === false ? null : twin;
  const [, height, width] = own.shapes.get(node.name)!;
  const input = own.shapes.get(node.input)!;
  const groups = node.op === "conv" ? node.groups : 1;
  const total = inputsPerOutput(node);
  const positions = own.chunks.reduce((sum, count) => sum + count, 0) * height * width;
  const step = Math.floor(positions / Math.max(LEAST_POSITIONS, POSITIONS_AN_INPUT * total));
  const lines = Math.min(Math.max(step, 1), height);
  const [float] = followed?.segments[i].nodes.flatMap(nodeInputs) ?? [];
  // an input channel of a convolution is a plane that all its taps read
  const channels = channelsOf(node);
  const plane = node.op === "conv" ? input[1] * input[2] : 1;
  const taps = total / channels;
  const most = partChannels(node);
  for (let c = 0; c < channels; c += most) {
    const count = Math.min(most, channels - c);
    const whole = count === channels;
    const weight: Tensor = {
      shape: [node.weight.shape[0], count, ...node.weight.shape.slice(2)],
      data: pickColumns(node.weight.data, total, c * taps, count * taps),
    };
    const piece = whole ? node : { ...node, weight };
    const shape = whole ? input : node.op === "conv" ? [groups * count, input[1], input[2]] : [count, 1, 1];
    const sums = createMoments(
      piece,
      shape as typeof input,
      batch,
      followed !== null,
      lines,
      module,
      damping === undefined,
    );
    for (const [chunk, images] of own.chunks.entries()) {
      const size = images * volume(input);
      const from = (walk: Walk, name: string) => (into: Float32Array) => {
        if (whole) return walk.read(name, chunk, into);
        const values = new Float32Array(size);
        walk.read(name, chunk, values);
        into.set(pickColumns(values, channels * plane, c * plane, count * plane));
      };
      sums.add(from(own, node.input), followed && from(followed, float), images);
    }
    const rows = node.weight.shape[0] / groups;
    for (const [group, moments] of sums.read().entries()) {
      yield { from: group * rows, rows, first: c * taps, n: count * taps, moments };
    }
  }
}

/** The numbers first..first + count - 1 of every row of `width` numbers. */
export function pickColumns<T extends Float32Array | Uint8Array>(
  values: T,
  width: number,
  first: number,
  count: number,
): T {
  if (count === width) return values;
  const rows = values.length / width;
  const picked = new (values.constructor as new (length: number) => T)(rows * count);
  for (let r = 0; r < rows; r++) picked.set(values.subarray(r * width + first, r * width + first + count), r * count);
  return picked;
}

/** The variance of each input of a layer, taps of one input channel alike; groups are averaged. */
export function inputVariances(node: ConvNode | DenseNode, own: Walk): Float64Array {
  const total = inputsPerOutput(node);
  const [channels, height, width] = own.shapes.get(node.input)!;
  // each group of an image counts as an image of its own
  const meter = createMeter(node.op === "conv" ? [channels / node.groups, height, width] : [total, 1, 1]);
  for (const [chunk, images] of own.chunks.entries()) {
    const values = new Float32Array(images * channels * height * width);
    own.read(node.input, chunk, values);
    meter.add(values);
  }
  const { variance } = meter.read();
  return Float64Array.from({ length: total }, (_, i) => variance[Math.floor((i * variance.length) / total)]);
}
