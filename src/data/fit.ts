// fit.ts: whether an array is samples of what a network reads, and how they lie in it.

import { given, is, ShiftwiseError } from "../base/index.js";
import { SHAPE, type Shape } from "../ops/index.js";
import { allocate } from "./bytes.js";

/** The place of the samples in an array of some dimensions. */
export interface ArrayFit {
  readonly count: number;
  /** Dimensions of one. */
  readonly sample: readonly number[];
  /** Whether a pixel's channels lie side by side. */
  readonly channelsLast: boolean;
}

/**
 * Finds samples of a shape in an array: its last axes are those of the shape, (channels, height, width), or with the channels
 * last; axes of length 1 may be there or not, neighbouring axes may be one, such as 784 for 28 x 28. All axes before count
 * samples; one sample may stand alone.
 * @returns null where the array holds none, or in another order.
 */
export function fitOf(dimensions: readonly number[], [channels, height, width]: Shape): ArrayFit | null {
  const elements = channels * height * width;
  for (let from = dimensions.length; from >= 0; from--) {
    const sample = dimensions.slice(from);
    if (product(sample) !== elements) continue;
    const first = sameOrder(sample, [channels, height, width]);
    if (!first && !sameOrder(sample, [height, width, channels])) return null;
    return { count: product(dimensions.slice(0, from)), sample, channelsLast: !first };
  }
  return null;
}

/** The sizes of a sample without axes of length 1 at the end, which vectors have not. */
export function plainSizes(shape: Shape): number[] {
  const plain = [...shape];
  while (plain.length > 1 && plain.at(-1) === 1) plain.pop();
  return plain;
}

/** The shapes of arrays that hold samples, in words. */
export function layoutsOf(shape: Shape): string {
  const [channels, height, width] = shape;
  const plain = plainSizes(shape);
  const last = height * width > 1 && channels > 1 ? [[height, width, channels]] : [];
  const all = [plain, ...(plain.length === 3 ? last : []), ...(plain.length > 1 ? [[channels * height * width]] : [])];
  return all.map((sizes) => `(count, ${sizes.join(", ")})`).join(" or ");
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Whether one of two shapes of equally many elements is the other with neighbouring axes made one. */
function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  // where an axis begins, in elements from the end; those of length 1 begin nowhere of their own
  const begins = (sizes: readonly number[]) =>
    new Set(sizes.map((_, axis) => product(sizes.slice(axis))).filter((begin) => begin > 1));
  const [one, other] = [begins(a), begins(b)];
  return [...one].every((begin) => other.has(begin)) || [...other].every((begin) => one.has(begin));
}

/**
 * The samples in an array, (count, channels, height, width), as fitOf finds them.
 * @throws BAD_DATA for an array of another shape, or one without samples; OVERFLOW
 */
export function imagesOf<T extends Float32Array | Uint8Array>(
  data: T,
  dimensions: readonly number[],
  shape: Shape,
  where: string,
): T {
  given(
    { data, dimensions, shape, where },
    { data: is.array("Float32Array", "Uint8Array"), dimensions: is.list(is.integer(0)), shape: SHAPE, where: is.text },
  );
  const fit = fitOf(dimensions, shape);
  if (!fit) {
    throw new ShiftwiseError("BAD_DATA", "the network does not take such an array", {
      where,
      expected: layoutsOf(shape),
      found: `(${dimensions.join(", ")})`,
    });
  }
  if (data.length === 0) {
    throw new ShiftwiseError("BAD_DATA", "an array without samples", { where, found: `(${dimensions.join(", ")})` });
  }
  if (!fit.channelsLast) return data;
  const [channels, height, width] = shape;
  const type = data.constructor as { new (length: number): T; readonly BYTES_PER_ELEMENT: number };
  const planes = allocate(type, data.length, "array", where);
  const plane = height * width;
  for (let n = 0, from = 0; n < fit.count; n++) {
    const start = n * channels * plane;
    for (let at = 0; at < plane; at++) {
      for (let c = 0; c < channels; c++) planes[start + c * plane + at] = data[from++];
    }
  }
  return planes;
}
