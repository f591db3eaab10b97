// float.ts: float32 convolution, the multiply baseline: 4 output channels x 8 pixels a GEMM tile.
//
// weights: blocks of 4 output channels, [depth][4], or of one channel, [depth], for groups of one output; panels as gather.ts
// lays them: [8 panels][depth][8 pixels].
// Each output adds its products in the order of the depth, one rounding a product and one a sum.
//
//   a tile of sums   row i of 256 bytes: 64 pixels of channel i. A call writes 8 pixels of four rows, a0..a3 the first
//                    four pixels and b0..b3 the others
//
// The eight sums are locals, since only locals stay in registers.
import { Epilogue, encode_lanes } from "../runtime/shared/epilogue";

/** Sums 4 channels x 8 pixels: of the tile's 4 rows of 64 float32, 8 pixels from `sums` on are written. */
function gemm_c4px8(weights: usize, panel: usize, depth: i32, sums: usize): void {
  let a0 = f32x4.splat(0),
    a1 = a0,
    a2 = a0,
    a3 = a0;
  let b0 = a0,
    b1 = a0,
    b2 = a0,
    b3 = a0;
  for (const end = weights + ((<usize>depth) << 4); weights < end; weights += 16, panel += 32) {
    // 8 pixels of one input, times its weights in 4 channels
    const p = v128.load(panel),
      q = v128.load(panel, 16);
    const w0 = v128.load32_splat(weights),
      w1 = v128.load32_splat(weights, 4);
    a0 = f32x4.add(a0, f32x4.mul(w0, p));
    b0 = f32x4.add(b0, f32x4.mul(w0, q));
    a1 = f32x4.add(a1, f32x4.mul(w1, p));
    b1 = f32x4.add(b1, f32x4.mul(w1, q));
    const w2 = v128.load32_splat(weights, 8),
      w3 = v128.load32_splat(weights, 12);
    a2 = f32x4.add(a2, f32x4.mul(w2, p));
    b2 = f32x4.add(b2, f32x4.mul(w2, q));
    a3 = f32x4.add(a3, f32x4.mul(w3, p));
    b3 = f32x4.add(b3, f32x4.mul(w3, q));
  }
  v128.store(sums, a0);
  v128.store(sums, b0, 16);
  v128.store(sums, a1, 256);
  v128.store(sums, b1, 272);
  v128.store(sums, a2, 512);
  v128.store(sums, b2, 528);
  v128.store(sums, a3, 768);
  v128.store(sums, b3, 784);
}

/** The weights of a convolution, and how it ends. */
@unmanaged
export class FloatJob {
  /** The weights of one group lie behind those of the other, groupBytes each. */
  weights!: usize;
  groupBytes!: u32;
  /** Inputs and outputs of a group. */
  depth!: i32;
  outputs!: i32;
  epilogue: Epilogue = changetype<Epilogue>(0);
}

/** Computes groups first..last-1 of one tile, whose patch holds the rows of just these. */
export function conv_f32(
  job: FloatJob,
  patch: usize,
  first: i32,
  last: i32,
  sums: usize,
  pixel: i32,
  pixels: i32,
): void {
  const depth = job.depth;
  const outputs = job.outputs;
  const rowsBytes = (<usize>depth) << 5;
  const blockBytes = (<usize>depth) << 4;
  const panelBytes = <usize>(last - first) * rowsBytes;
  for (let group = first; group < last; group++, patch += rowsBytes) {
    let weights = job.weights + <usize>group * job.groupBytes;
    for (let channel = group * outputs, end = channel + outputs; channel < end; channel += 4, weights += blockBytes) {
      // four channels, 8 pixels at a time
      for (let j = 0; j < pixels; j += 8) {
        gemm_c4px8(weights, patch + (<usize>j >> 3) * panelBytes, depth, sums + ((<usize>j) << 2));
      }
      // the last block of a group may have fewer channels than four
      const count = min(4, end - channel);
      for (let i = 0; i < count; i++) {
        encode_lanes(job.epilogue, channel + i, sums + ((<usize>i) << 8), pixel, pixels, false, false);
      }
    }
  }
}

/** Sums one channel x 32 pixels, from four panels. */
function gemm_c1px32(weights: usize, panel: usize, panelBytes: usize, depth: i32, sums: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  const second = panel + panelBytes;
  const third = second + panelBytes;
  const fourth = third + panelBytes;
  for (let k: usize = 0, end = (<usize>depth) << 5; k < end; k += 32, weights += 4) {
    // one weight, 32 pixels of its input
    const w = v128.load32_splat(weights);
    a0 = f32x4.add(a0, f32x4.mul(w, v128.load(panel + k)));
    b0 = f32x4.add(b0, f32x4.mul(w, v128.load(panel + k, 16)));
    a1 = f32x4.add(a1, f32x4.mul(w, v128.load(second + k)));
    b1 = f32x4.add(b1, f32x4.mul(w, v128.load(second + k, 16)));
    a2 = f32x4.add(a2, f32x4.mul(w, v128.load(third + k)));
    b2 = f32x4.add(b2, f32x4.mul(w, v128.load(third + k, 16)));
    a3 = f32x4.add(a3, f32x4.mul(w, v128.load(fourth + k)));
    b3 = f32x4.add(b3, f32x4.mul(w, v128.load(fourth + k, 16)));
  }
  v128.store(sums, a0);
  v128.store(sums, b0, 16);
  v128.store(sums, a1, 32);
  v128.store(sums, b1, 48);
  v128.store(sums, a2, 64);
  v128.store(sums, b2, 80);
  v128.store(sums, a3, 96);
  v128.store(sums, b3, 112);
}

/** Does what conv_f32 does, for groups of one output. */
export function conv_f32_single(
  job: FloatJob,
  patch: usize,
  first: i32,
  last: i32,
  sums: usize,
  pixel: i32,
  pixels: i32,
): void {
  const depth = job.depth;
  const rowsBytes = (<usize>depth) << 5;
  const panelBytes = <usize>(last - first) * rowsBytes;
  let weights = job.weights + <usize>first * job.groupBytes;
  for (let channel = first; channel < last; channel++, patch += rowsBytes, weights += job.groupBytes) {
    gemm_c1px32(weights, patch, panelBytes, depth, sums);
    if (pixels > 32) gemm_c1px32(weights, patch + (panelBytes << 2), panelBytes, depth, sums + 128);
    encode_lanes(job.epilogue, channel, sums, pixel, pixels, false, false);
  }
}

/** Sums float32 products: weights lie in blocks of 16 output channels, [input][16]; sums go in the order of the inputs. */
export function dense_f32_c16(weights: usize, input: usize, inputs: i32, sums: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, sums += 64) {
    let s0 = f32x4.splat(0),
      s1 = s0,
      s2 = s0,
      s3 = s0;
    for (let at = input, end = input + ((<usize>inputs) << 2); at < end; at += 4, weights += 64) {
      const x = v128.load32_splat(at);
      s0 = f32x4.add(s0, f32x4.mul(v128.load(weights), x));
      s1 = f32x4.add(s1, f32x4.mul(v128.load(weights, 16), x));
      s2 = f32x4.add(s2, f32x4.mul(v128.load(weights, 32), x));
      s3 = f32x4.add(s3, f32x4.mul(v128.load(weights, 48), x));
    }
    v128.store(sums, s0);
    v128.store(sums, s1, 16);
    v128.store(sums, s2, 32);
    v128.store(sums, s3, 48);
  }
}
