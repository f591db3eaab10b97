// convolution.ts: convolution as panels of pixels; one driver serves the forward pass and the data gradient.
import { gemmPanel, gemmTaps } from "./shared/gemm";
import { interleavePlanes, packPanel } from "./shared/panels";

/** One product of panels. */
@unmanaged
export class PanelJob {
  /** u32 byte offsets: of the taps, and for each pixel of its first tap and of its result. */
  taps!: usize;
  inputs!: usize;
  outputs!: usize;
  depth!: i32;
  rows!: i32;
  /** Bytes from one row of y to the next. */
  stride!: u32;
  /** True adds the products to y; false replaces it. */
  accumulate!: bool;
  /** depth * 32 bytes of panel, then rows * 32 bytes of tile, then 64 bytes. */
  scratch!: usize;
}

/**
 * Computes for every pixel p < pixels and row m < rows:
 *   y[m * stride + outputs[p]] = bias[m] + sum over k of a[m][k] x[taps[k] + inputs[p]]          (all offsets in bytes)
 * Forward: rows are output channels, taps are (input channel, ky, kx) offsets into the padded planes.
 * Data gradient: rows are input channels, x the padded planes of dy, taps (output channel, ky, kx) of one stride phase.
 * `a` and `bias` as in gemmPanel.
 */
export function convPanels(job: PanelJob, x: usize, pixels: i32, a: usize, bias: usize, y: usize): void {
  const taps = job.taps;
  const depth = job.depth;
  const rows = job.rows;
  const stride = <usize>job.stride;
  const accumulate = job.accumulate;
  const scratch = job.scratch;
  let inputs = job.inputs;
  let outputs = job.outputs;
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

/** The weight gradient of one group. */
@unmanaged
export class WeightJob {
  /** u32 byte offsets, rounded up to 4 by repeating the last. */
  taps!: usize;
  depth!: i32;
  /** See gemmRuns. */
  runs!: usize;
  /** dy of one image: `rows` planes of `plane` pixels; the next image's is `imageBytes` further. */
  rows!: i32;
  plane!: i32;
  imageBytes!: u32;
  /** images * plane * 32 bytes for each 8 rows begun. */
  scratch!: usize;
}

/** Over one block of images: sums[m / 8][k][m % 8] += sum over pixels of dy[m][pixel] x[taps[k] + offset of the pixel]. */
export function convWeightGradient(job: WeightJob, x: usize, dy: usize, images: i32, sums: usize): void {
  const rows = job.rows;
  const plane = job.plane;
  const pixels = images * plane;
  const blockBytes = (<usize>pixels) << 5;
  let scratch = job.scratch;
  for (let n = 0; n < images; n++) {
    interleavePlanes(dy + <usize>n * job.imageBytes, rows, plane, scratch + ((<usize>(n * plane)) << 5), blockBytes);
  }
  const depth = (job.depth + 3) & ~3;
  const sumBytes = (<usize>depth) << 5;
  for (let m = 0; m < rows; m += 8, scratch += blockBytes, sums += sumBytes) {
    gemmTaps(x, job.taps, depth, job.runs, pixels, scratch, sums);
  }
}
