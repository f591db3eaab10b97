// elementwise.ts: kernels over flat runs of floats, and the per-channel sums of a bias gradient.

/** y = min(max(a + b, low), high); b 0 for none. */
export function clampSum(a: usize, b: usize, y: usize, length: i32, low: f32, high: f32): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  let i = 0;
  for (; i + 4 <= length; i += 4, a += 16, y += 16) {
    let v = v128.load(a);
    if (b) {
      v = f32x4.add(v, v128.load(b));
      b += 16;
    }
    v128.store(y, f32x4.min(f32x4.max(v, lows), highs));
  }
  for (; i < length; i++, a += 4, y += 4) {
    let v = load<f32>(a);
    if (b) {
      v += load<f32>(b);
      b += 4;
    }
    store<f32>(y, min<f32>(max<f32>(v, low), high));
  }
}

/** dx = dy where low < y < high, else 0; with `accumulate` added to dx. dx may be dy. */
export function clampBackward(
  y: usize,
  dy: usize,
  dx: usize,
  length: i32,
  low: f32,
  high: f32,
  accumulate: bool,
): void {
  const lows = f32x4.splat(low);
  const highs = f32x4.splat(high);
  let i = 0;
  for (; i + 4 <= length; i += 4, y += 16, dy += 16, dx += 16) {
    const v = v128.load(y);
    const d = v128.and(v128.load(dy), v128.and(f32x4.gt(v, lows), f32x4.lt(v, highs)));
    v128.store(dx, accumulate ? f32x4.add(v128.load(dx), d) : d);
  }
  for (; i < length; i++, y += 4, dy += 4, dx += 4) {
    const v = load<f32>(y);
    const d: f32 = v > low && v < high ? load<f32>(dy) : 0;
    store<f32>(dx, accumulate ? load<f32>(dx) + d : d);
  }
}

/** y = x where x >= 0, slope x elsewhere. */
export function leakyRelu(x: usize, y: usize, length: i32, slope: f32): void {
  const slopes = f32x4.splat(slope);
  let i = 0;
  for (; i + 4 <= length; i += 4, x += 16, y += 16) {
    const v = v128.load(x);
    v128.store(y, v128.bitselect(v, f32x4.mul(slopes, v), f32x4.ge(v, f32x4.splat(0))));
  }
  for (; i < length; i++, x += 4, y += 4) {
    const v = load<f32>(x);
    store<f32>(y, v >= 0 ? v : slope * v);
  }
}

/** dx = dy where x >= 0, slope dy elsewhere; with `accumulate` added to dx. dx may be dy. */
export function leakyReluBackward(x: usize, dy: usize, dx: usize, length: i32, slope: f32, accumulate: bool): void {
  const slopes = f32x4.splat(slope);
  let i = 0;
  for (; i + 4 <= length; i += 4, x += 16, dy += 16, dx += 16) {
    const g = v128.load(dy);
    const d = v128.bitselect(g, f32x4.mul(slopes, g), f32x4.ge(v128.load(x), f32x4.splat(0)));
    v128.store(dx, accumulate ? f32x4.add(v128.load(dx), d) : d);
  }
  for (; i < length; i++, x += 4, dy += 4, dx += 4) {
    const d: f32 = load<f32>(x) >= 0 ? load<f32>(dy) : slope * load<f32>(dy);
    store<f32>(dx, accumulate ? load<f32>(dx) + d : d);
  }
}

/**
 * y = 0 where the draw for value i is below `limit` (of 2^32), else x factor; with `accumulate` added to y.
 * The draw is a hash of seed and index (the finalizer of MurmurHash3), so the backward pass repeats the forward's.
 */
export function dropout(x: usize, y: usize, length: i32, seed: u32, limit: u32, factor: f32, accumulate: bool): void {
  for (let i = 0; i < length; i++, x += 4, y += 4) {
    let h = <u32>i * 0x9e3779b1 + seed;
    h = (h ^ (h >> 16)) * 0x85ebca6b;
    h = (h ^ (h >> 13)) * 0xc2b2ae35;
    h ^= h >> 16;
    const d: f32 = h < limit ? 0 : load<f32>(x) * factor;
    store<f32>(y, accumulate ? load<f32>(y) + d : d);
  }
}

/** x = value. */
export function fill(x: usize, length: i32, value: f32): void {
  for (let end = x + ((<usize>length) << 2); x < end; x += 4) store<f32>(x, value);
}

/** The same box of floats in two tensors: its size, and the bytes in each from one image, plane, row, column to the next. */
@unmanaged
export class BoxJob {
  planes!: i32;
  rows!: i32;
  columns!: i32;
  fromImage!: u32;
  fromPlane!: u32;
  fromRow!: u32;
  fromColumn!: u32;
  toImage!: u32;
  toPlane!: u32;
  toRow!: u32;
  toColumn!: u32;
}

/** Copies a box of every image from one tensor to another, or adds it. */
export function moveBox(job: BoxJob, from: usize, to: usize, images: i32, accumulate: bool): void {
  const planes = job.planes;
  const rows = job.rows;
  const columns = job.columns;
  const fromPlane = <usize>job.fromPlane;
  const fromRow = <usize>job.fromRow;
  const fromColumn = <usize>job.fromColumn;
  const toPlane = <usize>job.toPlane;
  const toRow = <usize>job.toRow;
  const toColumn = <usize>job.toColumn;
  const dense = fromColumn === 4 && toColumn === 4;
  for (let n = 0; n < images; n++, from += job.fromImage, to += job.toImage) {
    for (let c = 0; c < planes; c++) {
      let a = from + <usize>c * fromPlane;
      let b = to + <usize>c * toPlane;
      for (let y = 0; y < rows; y++, a += fromRow, b += toRow) {
        if (dense && accumulate) addInto(a, b, columns);
        else if (dense) memory.copy(b, a, (<usize>columns) << 2);
        else {
          for (let x: usize = 0; x < <usize>columns; x++) {
            const v = load<f32>(a + x * fromColumn);
            const at = b + x * toColumn;
            store<f32>(at, accumulate ? load<f32>(at) + v : v);
          }
        }
      }
    }
  }
}

/** y += x. */
export function addInto(x: usize, y: usize, length: i32): void {
  let i = 0;
  for (; i + 4 <= length; i += 4, x += 16, y += 16) v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
  for (; i < length; i++, x += 4, y += 4) store<f32>(y, load<f32>(y) + load<f32>(x));
}

/** x = 0. */
export function clear(x: usize, length: i32): void {
  memory.fill(x, 0, (<usize>length) << 2);
}

/** x *= factor. */
export function scale(x: usize, length: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  let i = 0;
  for (; i + 4 <= length; i += 4, x += 16) v128.store(x, f32x4.mul(v128.load(x), f));
  for (; i < length; i++, x += 4) store<f32>(x, load<f32>(x) * factor);
}

/** Copies `blocks` runs of `bytes` bytes (a multiple of 4), or adds them as floats. Joins and splits channels. */
export function moveBlocks(
  from: usize,
  fromStride: u32,
  to: usize,
  toStride: u32,
  bytes: u32,
  blocks: i32,
  accumulate: bool,
): void {
  for (let i = 0; i < blocks; i++, from += fromStride, to += toStride) {
    if (accumulate) addInto(from, to, <i32>(bytes >> 2));
    else memory.copy(to, from, bytes);
  }
}

/** sums[c] = sum of dy over images and pixels: the gradient of a bias. */
export function channelSums(dy: usize, count: i32, channels: i32, plane: i32, sums: usize): void {
  const planeBytes = (<usize>plane) << 2;
  const imageBytes = <usize>channels * planeBytes;
  for (let c = 0; c < channels; c++, dy += planeBytes, sums += 4) {
    let total: f64 = 0;
    let image = dy;
    for (let n = 0; n < count; n++, image += imageBytes) {
      let lanes = f32x4.splat(0);
      let at = image;
      let i = 0;
      for (; i + 4 <= plane; i += 4, at += 16) lanes = f32x4.add(lanes, v128.load(at));
      for (; i < plane; i++, at += 4) total += load<f32>(at);
      total += <f64>f32x4.extract_lane(lanes, 0) + <f64>f32x4.extract_lane(lanes, 1);
      total += <f64>f32x4.extract_lane(lanes, 2) + <f64>f32x4.extract_lane(lanes, 3);
    }
    store<f32>(sums, <f32>total);
  }
}

/** Index of the first value that is NaN or infinite, or -1. */
export function firstNonFinite(x: usize, length: i32): i32 {
  for (let i = 0; i < length; i++, x += 4) {
    if ((load<u32>(x) & 0x7f800000) === 0x7f800000) return i;
  }
  return -1;
}
