// part-sums.ts: the moments of some of a layer's inputs, summed over some chunks of images.
import { type Room, volume } from "../engine/index.js";
import { type ConvNode, type DenseNode, elements, nodeInputs, type Tensor } from "../ops/index.js";
import { createMoments, type MomentTotals } from "./moments.js";
import type { Walk } from "./walk.js";

/** The inputs of a part. */
export interface PartInputs {
  /** Input channels of each group. */
  readonly first: number;
  readonly channels: number;
  readonly isFollowed: boolean;
  /** Only every so many-th line of output positions is looked at. */
  readonly lines: number;
  readonly weighs: boolean;
}

/** Inputs of an output channel. */
export const inputsPerOutput = ({ weight }: ConvNode | DenseNode): number => elements(weight.shape.slice(1));

/** Input channels of an output; a dense layer's inputs are channels of one value. */
export const channelsOf = (node: ConvNode | DenseNode): number =>
  node.op === "conv" ? node.weight.shape[1] : inputsPerOutput(node);

/**
 * Adds what some chunks of images say of a part's inputs, from segment i of two walks; of the second where it is followed.
 * @param chunks and the images of each
 * @param batch images of a chunk at most
 */
export function addMoments(
  node: ConvNode | DenseNode,
  i: number,
  [own, twin]: readonly [Walk, Walk | null],
  chunks: Iterable<readonly [chunk: number, images: number]>,
  batch: number,
  room: Room,
  { first, channels: count, isFollowed, lines, weighs }: PartInputs,
  totals: MomentTotals,
): void {
  const followed = isFollowed ? twin : null;
  const input = own.shapes.get(node.input)!;
  const groups = node.op === "conv" ? node.groups : 1;
  const total = inputsPerOutput(node);
  const [float] = followed?.segments[i].nodes.flatMap(nodeInputs) ?? [];
  // an input channel of a convolution is a plane that all its taps read
  const channels = channelsOf(node);
  const plane = node.op === "conv" ? input[1] * input[2] : 1;
  const taps = total / channels;
  const whole = count === channels;
  const weight: Tensor = {
    shape: [node.weight.shape[0], count, ...node.weight.shape.slice(2)],
    data: pickColumns(node.weight.data, total, first * taps, count * taps),
  };
  const piece = whole ? node : { ...node, weight };
  const shape = whole ? input : node.op === "conv" ? [groups * count, input[1], input[2]] : [count, 1, 1];
  const sums = createMoments(piece, shape as typeof input, batch, isFollowed, lines, room, weighs, totals);
  for (const [chunk, images] of chunks) {
    const size = images * volume(input);
    const from = (walk: Walk, name: string) => (into: Float32Array) => {
      if (whole) return walk.read(name, chunk, into);
      const values = new Float32Array(size);
      walk.read(name, chunk, values);
      into.set(pickColumns(values, channels * plane, first * plane, count * plane));
    };
    sums.add(from(own, node.input), followed && from(followed, float), images, chunk);
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
