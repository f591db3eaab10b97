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
  fromStride: usize,
  to: usize,
  toStride: usize,
  bytes: usize,
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
