// gather.ts: lays the activations that a tile of 64 output pixels needs into rows of one patch, in tap order.
//
// Row k = (channel * taps + tap) holds, for every pixel j of the tile, the input under that tap:
//
//   patch   | channel 0, tap 0: 64 bytes | channel 0, tap 1 | ... | channel 1, tap 0 | ...
//   row     | pixel 0 | pixel 1 | ... | pixel 63 |
//
// Planes are dense (row y, column x at y * width + x), so with equal input and output widths a tap is one constant offset,
// and padding is a mask:
//
//   source(j, tap) = pixel + j + offset[tap]      valid where columns[tap][pixel + j] & rows[tap][pixel + j]
//
// Other widths go row by row (gather_u8_rows). Strides first split a plane into its phases: stride 2 into four (split_phases_u8),
// others in assembly/steps/split.ts. What is left looks each pixel up in a table (gather_*_any in assembly/steps/windows.ts). A row's
// 64 bytes are four vectors. The four lines for them are written out: a loop would add a counter and a branch to each.

import { TILE } from "../../src/runtime/layout";

/** How the patches of a layer are gathered. */
@unmanaged
export class GatherJob {
  /** The planes that are read, planeBytes apart. */
  planes!: usize;
  planeBytes!: u32;
  taps!: i32;
  /** i32 for each tap: elements from an output pixel's own place to its input. */
  offsets!: usize;
  /** The addresses of each tap's column and row masks, u32 each; a mask has a byte for each output pixel, 0 or 255. */
  tapMasks!: usize;
  /** What padding holds. */
  fill!: f32;
  /** gather_*_any only: i32 for each output pixel, the elements from the start of a plane to its own place. */
  places!: usize;
  /** gather_u8_rows only: columns of the output, and elements between the inputs of two of its rows. */
  width!: i32;
  rowStep!: i32;
}

/** Writes the mask bytes of the tile from `pixel` on: 64 of columns & rows for each tap. */
export function tile_masks(job: GatherJob, masks: usize, pixel: i32): void {
  let tapMasks = job.tapMasks;
  for (let taps = job.taps; taps > 0; taps--, tapMasks += 8, masks += TILE) {
    // an input is inside the plane where both its column and its row are
    const columns = <usize>load<u32>(tapMasks) + <usize>pixel,
      rows = <usize>load<u32>(tapMasks, 4) + <usize>pixel;
    v128.store(masks, v128.and(v128.load(columns), v128.load(rows)));
    v128.store(masks, v128.and(v128.load(columns, 16), v128.load(rows, 16)), 16);
    v128.store(masks, v128.and(v128.load(columns, 32), v128.load(rows, 32)), 32);
    v128.store(masks, v128.and(v128.load(columns, 48), v128.load(rows, 48)), 48);
  }
}

/** Gathers the rows of `channels` u8 planes, from plane `channel` on; masks are those that tile_masks leaves. */
export function gather_u8(job: GatherJob, patch: usize, masks: usize, channel: i32, channels: i32, pixel: i32): void {
  const planeBytes = job.planeBytes;
  const taps = job.taps;
  const offsets = job.offsets;
  const zero = i8x16.splat(<u8>job.fill);
  // the tile's first pixel in the first plane
  let planes = job.planes + <usize>channel * planeBytes + <usize>pixel;
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += TILE) {
      const from = planes + <usize>load<i32>(offsets + ((<usize>tap) << 2));
      const mask = masks + <usize>tap * TILE;
      v128.store(patch, v128.bitselect(v128.load(from), zero, v128.load(mask)));
      v128.store(patch, v128.bitselect(v128.load(from, 16), zero, v128.load(mask, 16)), 16);
      v128.store(patch, v128.bitselect(v128.load(from, 32), zero, v128.load(mask, 32)), 32);
      v128.store(patch, v128.bitselect(v128.load(from, 48), zero, v128.load(mask, 48)), 48);
    }
  }
}

/** Gathers as gather_u8 does where the output has another width than the rows it reads: one output row after the other. */
export function gather_u8_rows(
  job: GatherJob,
  patch: usize,
  masks: usize,
  channel: i32,
  channels: i32,
  pixel: i32,
  pixels: i32,
): void {
  const planeBytes = job.planeBytes;
  const taps = job.taps;
  const offsets = job.offsets;
  const width = job.width;
  const rowStep = job.rowStep;
  const zero = i8x16.splat(<u8>job.fill);
  // where the tile's first pixel lies
  const column = pixel % width;
  let planes = <i32>job.planes + channel * planeBytes + (pixel / width) * rowStep;
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += TILE) {
      let row = planes + load<i32>(offsets + ((<usize>tap) << 2));
      let x = column;
      // pieces of output rows, until the tile is full
      for (let j = 0; j < pixels; row += rowStep, x = 0) {
        const length = min(width - x, pixels - j);
        // whole vectors: what runs over is written again by the next row, or masked
        for (let i = 0; i < length; i += 16) {
          v128.store(patch + <usize>(j + i), v128.load(<usize>(row + x + i)));
        }
        j += length;
      }
      // padding, now that all pieces lie in the patch
      const mask = masks + <usize>tap * TILE;
      v128.store(patch, v128.bitselect(v128.load(patch), zero, v128.load(mask)));
      v128.store(patch, v128.bitselect(v128.load(patch, 16), zero, v128.load(mask, 16)), 16);
      v128.store(patch, v128.bitselect(v128.load(patch, 32), zero, v128.load(mask, 32)), 32);
      v128.store(patch, v128.bitselect(v128.load(patch, 48), zero, v128.load(mask, 48)), 48);
    }
  }
}

/** Gathers where there is one tap and no padding: 64 bytes of every plane. */
export function gather_u8_pointwise(job: GatherJob, patch: usize, channel: i32, channels: i32, pixel: i32): void {
  const planeBytes = job.planeBytes;
  let from = job.planes + <usize>channel * planeBytes + <usize>pixel;
  for (; channels > 0; channels--, from += planeBytes, patch += TILE) {
    v128.store(patch, v128.load(from));
    v128.store(patch, v128.load(from, 16), 16);
    v128.store(patch, v128.load(from, 32), 32);
    v128.store(patch, v128.load(from, 48), 48);
  }
}

/** Writes the complements max - x of a patch's `bytes` bytes behind them. */
export function complement_rows(patch: usize, bytes: i32, max: i32): void {
  const most = i8x16.splat(<u8>max);
  for (let to = patch + bytes, end = to + bytes; to < end; patch += TILE, to += TILE) {
    v128.store(to, i8x16.sub(most, v128.load(patch)));
    v128.store(to, i8x16.sub(most, v128.load(patch, 16)), 16);
    v128.store(to, i8x16.sub(most, v128.load(patch, 32)), 32);
    v128.store(to, i8x16.sub(most, v128.load(patch, 48)), 48);
  }
}

/** Planes to be split into the phases of a stride. */
@unmanaged
export class SplitJob {
  planes!: usize;
  planeBytes!: u32;
  height!: i32;
  width!: i32;
  /** split_phases_u8_any only: rows and columns from one of a phase to the next. */
  down!: i32;
  right!: i32;
  /** The phases of each channel, phaseBytes apart, channel after channel, with at least 16 bytes of slack. */
  phases!: usize;
  phaseBytes!: u32;
}

/**
 * Splits u8 planes first..last-1: phase (py, px) of a plane holds the pixels (2y + py, 2x + px), ceil(width / 2) columns
 * wide. Cells beyond the plane hold left-overs.
 *
 *   a plane      p00 p01 p02 p03 ...      phases of it    (0, 0)  p00 p02 ...      (0, 1)  p01 p03 ...
 *                p10 p11 p12 p13 ...                      (1, 0)  p10 p12 ...      (1, 1)  p11 p13 ...
 */
export function split_phases_u8(job: SplitJob, first: i32, last: i32): void {
  const width = <usize>job.width;
  const height = job.height;
  const phaseBytes = <usize>job.phaseBytes;
  const half = (width + 1) >> 1;
  let planes = job.planes + <usize>first * job.planeBytes;
  let out = job.phases + <usize>first * (phaseBytes << 2);
  for (let channel = first; channel < last; channel++, planes += job.planeBytes, out += phaseBytes << 2) {
    // a row that is read, and the row of phase (0, 0) that belongs to it
    let from = planes;
    let even = out;
    for (let y = 0; y < height; y++, from += width) {
      // odd rows go to the lower two phases; whole vectors run over a row's end, where the next row is written later
      const to = y & 1 ? even + (phaseBytes << 1) : even;
      for (let x: usize = 0; x < half; x += 16) {
        // 32 pixels: the low and the high byte of each 16-bit lane are even and odd columns
        const a = v128.load(from + (x << 1));
        const b = v128.load(from + (x << 1), 16);
        const evens = i8x16.narrow_i16x8_u(v128.and(a, i16x8.splat(0xff)), v128.and(b, i16x8.splat(0xff)));
        const odds = i8x16.narrow_i16x8_u(i16x8.shr_u(a, 8), i16x8.shr_u(b, 8));
        v128.store(to + x, evens);
        v128.store(to + phaseBytes + x, odds);
      }
      if (y & 1) even += half;
    }
  }
}
