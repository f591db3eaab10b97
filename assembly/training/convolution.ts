// convolution.ts: convolution as panels of pixels; one driver serves the forward pass and the data gradient.
import { gemmPanel, gemmTaps } from "./gemm";
import { interleavePlanes, packPanel } from "./pack";

/**
 * For every pixel p < pixels and row m < rows:
 *   y[m * stride + outputs[p]] = bias[m] + sum over k of a[m][k] x[taps[k] + inputs[p]]          (all offsets in bytes)
 * Forward: rows are output channels, taps are (input channel, ky, kx) offsets into the padded planes.
 * Data gradient: rows are input channels, x the padded planes of dy, taps (output channel, ky, kx) of one stride phase.
 * `a` and `bias` as in gemmPanel. Scratch: depth * 32 bytes of panel, then rows * 32 bytes of tile, then 64 bytes.
 */
export function convPanels(
  x: usize,
  taps: usize,
  depth: i32,
  inputs: usize,
  outputs: usize,
  pixels: i32,
  a: usize,
  bias: usize,
  rows: i32,
  y: usize,
  stride: u32,
  accumulate: bool,
  scratch: usize,
): void {
  const tile = scratch + ((<usize>depth) << 5);
  const lastInputs = tile + ((<usize>rows) << 5);
  for (let p = 0; p < pixels; p += 8, inputs += 32, outputs += 32) {
    const count = min<i32>(8, pixels - p);
    let at = inputs;
    if (count < 8) {
      // the missing pixels of the last tile repeat its last pixel
      for (let i = 0; i < 8; i++) {
        store<u32>(lastInputs + ((<usize>i) << 2), load<u32>(inputs + ((<usize>min<i32>(i, count - 1)) << 2)));
      }
      at = lastInputs;
    }
    packPanel(x, taps, depth, at, scratch);
    const first = <usize>load<u32>(outputs);
    if (count === 8 && <usize>load<u32>(outputs, 28) - first === 28) {
      gemmPanel(a, scratch, y + first, stride, depth, rows, bias, accumulate);
      continue;
    }
    gemmPanel(a, scratch, tile, 32, depth, rows, bias, false);
    for (let i = 0; i < count; i++) {
      let to = y + <usize>load<u32>(outputs + ((<usize>i) << 2));
      let from = tile + ((<usize>i) << 2);
      for (let m = 0; m < rows; m++, to += stride, from += 32) {
        store<f32>(to, accumulate ? load<f32>(to) + load<f32>(from) : load<f32>(from));
      }
    }
  }
}

/**
 * Weight gradient of one group over one block of images:
 *   sums[m / 8][k][m % 8] += sum over pixels of dy[m][pixel] x[taps[k] + offset of the pixel]
 * dy: `images` times `rows` planes of `plane` pixels, `imageBytes` apart. taps: depth rounded up to 4 by repeating the
 * last. runs: see gemmRuns. Scratch: images * plane * 32 bytes for each 8 rows begun.
 */
export function convWeightGradient(
  x: usize,
  taps: usize,
  depthRounded: i32,
  runs: usize,
  dy: usize,
  images: i32,
  imageBytes: u32,
  rows: i32,
  plane: i32,
  sums: usize,
  scratch: usize,
): void {
  const pixels = images * plane;
  const blockBytes = (<usize>pixels) << 5;
  for (let n = 0; n < images; n++) {
    interleavePlanes(dy + <usize>n * imageBytes, rows, plane, scratch + ((<usize>(n * plane)) << 5), blockBytes);
  }
  const sumBytes = (<usize>depthRounded) << 5;
  for (let m = 0; m < rows; m += 8, scratch += blockBytes, sums += sumBytes) {
    gemmTaps(x, taps, depthRounded, runs, pixels, scratch, sums);
  }
}
