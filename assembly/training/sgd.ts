// sgd.ts: the parameter update: momentum, Nesterov, weight decay, the INQ mask, and the norm that clipping needs.

/** A run of parameters that are updated alike. */
@unmanaged
export class UpdateJob {
  w!: usize;
  g!: usize;
  v!: usize;
  /** u8 for each weight, 1 trains, 0 is frozen; 0 for no mask. */
  trainable!: usize;
  length!: i32;
  momentum!: f32;
  decay!: f32;
  nesterov!: bool;
}

/**
 * g' = g + decay w;  v = momentum v + g';  step = nesterov ? g' + momentum v : v;  w -= rate step T
 * T, the mask, comes after momentum and decay (INQ, eq. 8), so a frozen weight keeps its bits.
 */
export function sgdStep(job: UpdateJob, rate: f32): void {
  const length = job.length;
  const momentum = job.momentum;
  const decay = job.decay;
  const nesterov = job.nesterov;
  let w = job.w;
  let g = job.g;
  let v = job.v;
  let trainable = job.trainable;
  const rates = f32x4.splat(rate);
  const momenta = f32x4.splat(momentum);
  const decays = f32x4.splat(decay);
  let i = 0;
  for (; i + 4 <= length; i += 4, w += 16, g += 16, v += 16) {
    const before = v128.load(w);
    const gradient = f32x4.add(v128.load(g), f32x4.mul(decays, before));
    const velocity = f32x4.add(f32x4.mul(momenta, v128.load(v)), gradient);
    const step = nesterov ? f32x4.add(gradient, f32x4.mul(momenta, velocity)) : velocity;
    const after = f32x4.sub(before, f32x4.mul(rates, step));
    v128.store(v, velocity);
    if (trainable) {
      // u8 0 or 1 to a lane of zeros or ones
      const t = i32x4.ne(
        i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(trainable))),
        i32x4.splat(0),
      );
      v128.store(w, v128.bitselect(after, before, t));
      trainable += 4;
    } else {
      v128.store(w, after);
    }
  }
  for (; i < length; i++, w += 4, g += 4, v += 4) {
    const before = load<f32>(w);
    const gradient = load<f32>(g) + decay * before;
    const velocity = momentum * load<f32>(v) + gradient;
    const step = nesterov ? gradient + momentum * velocity : velocity;
    store<f32>(v, velocity);
    if (trainable) {
      if (load<u8>(trainable)) store<f32>(w, before - rate * step);
      trainable++;
    } else {
      store<f32>(w, before - rate * step);
    }
  }
}

/** a += share (w - a): a moving average. Where w does not move, a is w to the bit. */
export function approach(w: usize, a: usize, length: i32, share: f32): void {
  const shares = f32x4.splat(share);
  let i = 0;
  for (; i + 4 <= length; i += 4, w += 16, a += 16) {
    const before = v128.load(a);
    v128.store(a, f32x4.add(before, f32x4.mul(shares, f32x4.sub(v128.load(w), before))));
  }
  for (; i < length; i++, w += 4, a += 4) {
    const before = load<f32>(a);
    store<f32>(a, before + share * (load<f32>(w) - before));
  }
}

/** Sum of squares in float64. */
export function sumOfSquares(x: usize, length: i32): f64 {
  let sum: f64 = 0;
  for (let end = x + ((<usize>length) << 2); x < end; x += 4) {
    const v = <f64>load<f32>(x);
    sum += v * v;
  }
  return sum;
}
