// augment.ts: random changes to training images that keep their class.

import { is, type Random, ShiftwiseError } from "../base/index.js";
import type { Shape } from "../ops/index.js";

/**
 * Random changes of an image, made anew each time it is drawn. Those that are absent are not made. Lengths are in
 * pixels.
 */
export interface Augmentation {
  /** Pad by this much with the mean grey on all sides, then cut out a window of the old size anywhere. */
  readonly crop?: number;
  /** Move by up to this much each way, repeating the edge. For objects that touch the border; excludes crop. */
  readonly shift?: number;
  /** Mirror left to right every other time. */
  readonly flip?: boolean;
  /** Cover a square of this side, anywhere and cut at the border, with the mean grey. */
  readonly cutout?: number;
}

const LENGTH = is.optional(is.number);
/**
 * Checks the kinds of the options of augmentation.
 * @internal
 */
export const AUGMENTATION = is.record<Augmentation>({
  crop: LENGTH,
  shift: LENGTH,
  flip: is.optional(is.boolean),
  cutout: LENGTH,
});

/** The change of one image. Source pixel of (x, y) is (x + dx, y + dy), counted from the right edge if mirrored. */
export interface Change {
  readonly dx: number;
  readonly dy: number;
  readonly mirror: boolean;
  readonly repeatEdge: boolean;
  /** Rows top..bottom - 1 and columns left..right - 1 are covered. */
  readonly hole: {
    readonly left: number;
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
  } | null;
}

/**
 * Checks augmentation options against an image shape.
 * @throws BAD_OPTION for a length that is no integer in 0..side, or crop and shift together.
 */
export function checkAugmentation(augment: Augmentation, [, height, width]: Shape): void {
  const most = Math.min(height, width);
  for (const name of ["crop", "shift", "cutout"] as const) {
    const length = augment[name] ?? 0;
    if (!Number.isInteger(length) || length < 0 || length > most) {
      throw new ShiftwiseError("BAD_OPTION", "augmentation out of range", {
        expected: `an integer in 0..${most}`,
        found: length,
        where: `augment.${name}`,
      });
    }
  }
  if (augment.crop && augment.shift) {
    throw new ShiftwiseError("BAD_OPTION", "crop and shift exclude each other", { where: "augment" });
  }
}

/** Draws what happens to the next image. */
export function drawChange(augment: Augmentation, [, height, width]: Shape, random: Random): Change {
  const reach = augment.crop || augment.shift || 0;
  const dx = reach ? random.below(2 * reach + 1) - reach : 0;
  const dy = reach ? random.below(2 * reach + 1) - reach : 0;
  const mirror = augment.flip === true && random.below(2) === 1;
  let hole: Change["hole"] = null;
  if (augment.cutout) {
    const left = random.below(width) - (augment.cutout >> 1);
    const top = random.below(height) - (augment.cutout >> 1);
    hole = {
      left: Math.max(left, 0),
      top: Math.max(top, 0),
      right: Math.min(left + augment.cutout, width),
      bottom: Math.min(top + augment.cutout, height),
    };
  }
  return { dx, dy, mirror, repeatEdge: !!augment.shift, hole };
}

/**
 * Writes one changed and normalized image.
 * @param pixels channel planes of the image.
 * @param table normalized value of each pixel value, 256 a channel.
 * @param out where to write, starting at `at`; the mean grey is 0 there.
 */
export function writeChanged(
  pixels: Uint8Array,
  [channels, height, width]: Shape,
  table: Float32Array,
  change: Change,
  out: Float32Array,
  at: number,
): void {
  const { dx, dy, mirror, repeatEdge, hole } = change;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const to = at + (c * height + y) * width;
      const row = repeatEdge ? Math.min(Math.max(y + dy, 0), height - 1) : y + dy;
      if (row < 0 || row >= height) {
        out.fill(0, to, to + width);
        continue;
      }
      const from = (c * height + row) * width;
      for (let x = 0; x < width; x++) {
        let column = mirror ? width - 1 - x - dx : x + dx;
        if (repeatEdge) column = Math.min(Math.max(column, 0), width - 1);
        out[to + x] = column >= 0 && column < width ? table[c * 256 + pixels[from + column]] : 0;
      }
    }
    if (!hole) continue;
    for (let y = hole.top; y < hole.bottom; y++) {
      const row = at + (c * height + y) * width;
      out.fill(0, row + hole.left, row + hole.right);
    }
  }
}
