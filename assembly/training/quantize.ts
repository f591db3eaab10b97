// quantize.ts: activations rounded to an encoding during training. Gradients pass as through a clamp (elementwise.ts).

/** q = min(max(nearest(x / scale + zero), 0), max);  y = scale (q - zero). Nearest rounds half to even. */
export function quantizeLinear(x: usize, y: usize, length: i32, scale: f32, zero: f32, top: f32): void {
  const scales = f32x4.splat(scale);
  const zeros = f32x4.splat(zero);
  const tops = f32x4.splat(top);
  let i = 0;
  for (; i + 4 <= length; i += 4, x += 16, y += 16) {
    const z = f32x4.nearest(f32x4.add(f32x4.div(v128.load(x), scales), zeros));
    const q = f32x4.min(f32x4.max(z, f32x4.splat(0)), tops);
    v128.store(y, f32x4.mul(scales, f32x4.sub(q, zeros)));
  }
  for (; i < length; i++, x += 4, y += 4) {
    const q = min<f32>(max<f32>(nearest<f32>(load<f32>(x) / scale + zero), 0), top);
    store<f32>(y, scale * (q - zero));
  }
}

/**
 * y = scale levels[k] with thresholds[k - 1] <= x / scale < thresholds[k]. `table` holds for every threshold the pair
 * (threshold, levels[k + 1] - levels[k]); levels[0] is 0. The steps are integers up to 255, so their sum is exact.
 */
export function quantizeLevels(x: usize, y: usize, length: i32, scale: f32, table: usize, thresholds: i32): void {
  const scales = f32x4.splat(scale);
  const end = table + ((<usize>thresholds) << 3);
  let i = 0;
  for (; i + 4 <= length; i += 4, x += 16, y += 16) {
    const z = f32x4.div(v128.load(x), scales);
    let level = f32x4.splat(0);
    for (let t = table; t < end; t += 8) {
      const reached = f32x4.ge(z, v128.load32_splat(t));
      level = f32x4.add(level, v128.and(reached, v128.load32_splat(t, 4)));
    }
    v128.store(y, f32x4.mul(scales, level));
  }
  for (; i < length; i++, x += 4, y += 4) {
    const z = load<f32>(x) / scale;
    let level: f32 = 0;
    for (let t = table; t < end; t += 8) if (z >= load<f32>(t)) level += load<f32>(t, 4);
    store<f32>(y, scale * level);
  }
}
