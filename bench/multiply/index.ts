// index.ts: the multiply kernels that shift-and-add is measured against: int8 convolution by dot products, compiled twice.
// Patches are gathered into panels of 8 output pixels of one row, some taps side by side, so that one dot product
// multiplies and adds them for 4 pixels; 4 channels times 8 pixels share the loads. Input planes come padded.
//
//   plain     i32x4.dot_i16x8_s: pairs of taps as i16, any u8 activation
//   relaxed   i32x4.relaxed_dot_i8x16_i7x16_add_s: four taps as bytes, activations up to 127; no depthwise form
//
// Either way a group of taps is 32 bytes of a panel and 4 bytes of a channel's weights.

/** sums += weights * activations, taps of a group added up. */
function dot(weights: v128, activations: v128, sums: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(weights, activations, sums);
  return i32x4.add(sums, i32x4.dot_i16x8_s(weights, activations));
}

/** 8 pixels of one row. */
function row(from: usize, stride: i32): v128 {
  if (stride < 2) return v128.load64_zero(from);
  return i8x16.shuffle(v128.load(from), i64x2.splat(0), 0, 2, 4, 6, 8, 10, 12, 14, 16, 16, 16, 16, 16, 16, 16, 16);
}

/** As gather, for groups of four taps: 8 pixels x 4 bytes. */
function gather_quads(to: usize, from: usize, taps: usize, quads: i32, stride: i32): void {
  for (let k = 0; k < quads; k++) {
    const a = row(from + <usize>load<u32>(taps), stride);
    const b = row(from + <usize>load<u32>(taps, 4), stride);
    const c = row(from + <usize>load<u32>(taps, 8), stride);
    const d = row(from + <usize>load<u32>(taps, 12), stride);
    const ab = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const cd = i8x16.shuffle(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    v128.store(to, i16x8.shuffle(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(to, i16x8.shuffle(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    taps += 16;
    to += 32;
  }
}

/**
 * One panel: for every pair of taps 8 pixels x (tap, next tap) as i16. 32 bytes a pair.
 * @param from address of the panel's first pixel under tap 0
 * @param taps offsets of the taps in bytes, an even number (the last one of an odd depth twice, its weight 0)
 * @param pairs number of pairs
 * @param stride 1 or 2
 */
function gather(to: usize, from: usize, taps: usize, pairs: i32, stride: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    gather_quads(to, from, taps, pairs, stride);
    return;
  }
  for (let k = 0; k < pairs; k++) {
    const a = from + <usize>load<u32>(taps);
    const b = from + <usize>load<u32>(taps, 4);
    let even: v128, odd: v128;
    if (stride < 2) {
      even = v128.load_ext<u8>(a);
      odd = v128.load_ext<u8>(b);
    } else {
      // every second byte of 16
      even = v128.and(v128.load(a), i16x8.splat(255));
      odd = v128.and(v128.load(b), i16x8.splat(255));
    }
    v128.store(to, i16x8.shuffle(even, odd, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(to, i16x8.shuffle(even, odd, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    taps += 8;
    to += 32;
  }
}

/** Sums of 8 pixels to u8: z = scale * sum + offset, rounded half to even, 0..255. Writes 8 bytes. */
function finish(to: usize, low: v128, high: v128, scale: f32, offset: f32): void {
  const s = f32x4.splat(scale);
  const o = f32x4.splat(offset);
  const top = f32x4.splat(255);
  let l = f32x4.add(f32x4.mul(s, f32x4.convert_i32x4_s(low)), o);
  let h = f32x4.add(f32x4.mul(s, f32x4.convert_i32x4_s(high)), o);
  l = f32x4.nearest(f32x4.pmin(f32x4.pmax(l, f32x4.splat(0)), top));
  h = f32x4.nearest(f32x4.pmin(f32x4.pmax(h, f32x4.splat(0)), top));
  const words = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(l), i32x4.trunc_sat_f32x4_s(h));
  v128.store64_lane(to, i8x16.narrow_i16x8_u(words, words), 0);
}

/**
 * A convolution with groups = 1 over some panels. Bytes up to 8 behind an output row are overwritten.
 * @param weights [channels / 4][pairs][4][2] i16, or [channels / 4][quads][4][4] i8
 * @param pairs groups of taps
 * @param ends [channels] (f32 scale, f32 offset)
 * @param places per panel: u32 input address, u32 offset in the output plane
 * @param panels scratch for `block` panels
 * @param block panels gathered at a time
 * @param channels a multiple of 4
 */
export function conv_dot_4x8(
  weights: usize,
  ends: usize,
  places: usize,
  count: i32,
  taps: usize,
  pairs: i32,
  stride: i32,
  panels: usize,
  block: i32,
  channels: i32,
  out: usize,
  planeBytes: i32,
): void {
  const panelBytes = (<usize>pairs) << 5;
  for (let first = 0; first < count; first += block) {
    const some = min(block, count - first);
    for (let p = 0; p < some; p++) {
      gather(
        panels + <usize>p * panelBytes,
        <usize>load<u32>(places + ((<usize>(first + p)) << 3)),
        taps,
        pairs,
        stride,
      );
    }
    let w = weights;
    for (let c = 0; c < channels; c += 4) {
      for (let p = 0; p < some; p++) {
        const plane = out + <usize>load<u32>(places + ((<usize>(first + p)) << 3), 4) + <usize>(c * planeBytes);
        dot_4x8(panels + <usize>p * panelBytes, w, pairs, ends + ((<usize>c) << 3), plane, planeBytes);
      }
      w += (<usize>pairs) << 4;
    }
  }
}

function dot_4x8(x: usize, w: usize, pairs: i32, ends: usize, to: usize, planeBytes: i32): void {
  let a0 = i32x4.splat(0),
    a1 = i32x4.splat(0),
    b0 = i32x4.splat(0),
    b1 = i32x4.splat(0);
  let c0 = i32x4.splat(0),
    c1 = i32x4.splat(0),
    d0 = i32x4.splat(0),
    d1 = i32x4.splat(0);
  let v: v128;
  const end = w + ((<usize>pairs) << 4);
  while (w < end) {
    const p = v128.load(x),
      q = v128.load(x, 16);
    v = v128.load32_splat(w);
    a0 = dot(v, p, a0);
    a1 = dot(v, q, a1);
    v = v128.load32_splat(w, 4);
    b0 = dot(v, p, b0);
    b1 = dot(v, q, b1);
    v = v128.load32_splat(w, 8);
    c0 = dot(v, p, c0);
    c1 = dot(v, q, c1);
    v = v128.load32_splat(w, 12);
    d0 = dot(v, p, d0);
    d1 = dot(v, q, d1);
    w += 16;
    x += 32;
  }
  finish(to, a0, a1, load<f32>(ends), load<f32>(ends, 4));
  to += <usize>planeBytes;
  finish(to, b0, b1, load<f32>(ends, 8), load<f32>(ends, 12));
  to += <usize>planeBytes;
  finish(to, c0, c1, load<f32>(ends, 16), load<f32>(ends, 20));
  to += <usize>planeBytes;
  finish(to, d0, d1, load<f32>(ends, 24), load<f32>(ends, 28));
}

/**
 * A depthwise convolution over some panels of every channel.
 * @param weights [channels][pairs][2] i16
 * @param inputBytes distance of the channels' input planes; `places` point into the first
 */
export function depthwise_dot_1x8(
  weights: usize,
  ends: usize,
  places: usize,
  count: i32,
  taps: usize,
  pairs: i32,
  stride: i32,
  channels: i32,
  inputBytes: i32,
  out: usize,
  planeBytes: i32,
): void {
  for (let c = 0; c < channels; c++) {
    const scale = load<f32>(ends),
      offset = load<f32>(ends, 4);
    for (let p = 0; p < count; p++) {
      const place = places + ((<usize>p) << 3);
      const from = <usize>load<u32>(place) + <usize>(c * inputBytes);
      let low = i32x4.splat(0),
        high = i32x4.splat(0);
      for (let k = 0; k < pairs; k++) {
        const a = from + <usize>load<u32>(taps + ((<usize>k) << 3));
        const b = from + <usize>load<u32>(taps + ((<usize>k) << 3), 4);
        let even: v128, odd: v128;
        if (stride < 2) {
          even = v128.load_ext<u8>(a);
          odd = v128.load_ext<u8>(b);
        } else {
          even = v128.and(v128.load(a), i16x8.splat(255));
          odd = v128.and(v128.load(b), i16x8.splat(255));
        }
        const w = v128.load32_splat(weights + ((<usize>k) << 2));
        low = i32x4.add(low, i32x4.dot_i16x8_s(i16x8.shuffle(even, odd, 0, 8, 1, 9, 2, 10, 3, 11), w));
        high = i32x4.add(high, i32x4.dot_i16x8_s(i16x8.shuffle(even, odd, 4, 12, 5, 13, 6, 14, 7, 15), w));
      }
      finish(out + <usize>load<u32>(place, 4) + <usize>(c * planeBytes), low, high, scale, offset);
    }
    weights += (<usize>pairs) << 2;
    ends += 8;
  }
}
