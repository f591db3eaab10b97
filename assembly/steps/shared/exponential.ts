// exponential.ts: exp and what is made of it, over blocks of float64, operation by operation as in src/ops/functions.ts: the
// results are the same bits. The loop is inside, since a call for every two values would cost as much as the sum.

const LN2: f64 = Math.LN2;
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
/** 2^52 + 1023: added to an integer n of float64, it leaves the exponent's bits of 2^n in the lowest ones. */
const EXPONENT: f64 = 4503599627371519.0;

/**
 * Writes exp(x) of a block: 2^n (1 + r + ... + r^10 / 10!), x = n ln 2 + r; 0 below -700, Infinity above 700. Whole vectors are
 * read and written.
 */
export function exp_block(from: usize, to: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(from + i);
    const n = f64x2.floor(f64x2.add(f64x2.div(x, f64x2.splat(LN2)), f64x2.splat(0.5)));
    const high = f64x2.sub(x, f64x2.mul(n, f64x2.splat(LN2_HIGH)));
    const r = f64x2.sub(high, f64x2.mul(n, f64x2.splat(LN2_LOW)));
    // Horner's rule, from 1 / 10! on
    let sum = f64x2.splat(1.0 / 3628800.0);
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 362880.0));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 40320.0));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 5040.0));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 720.0));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 120.0));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 24.0));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1.0 / 6.0));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(0.5));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1));
    sum = f64x2.add(f64x2.mul(sum, r), f64x2.splat(1));
    const power = i64x2.shl(f64x2.add(n, f64x2.splat(EXPONENT)), 52);
    const y = f64x2.mul(sum, power);
    // what lies outside, and NaN, which no comparison holds for
    const above = v128.bitselect(f64x2.splat(Infinity), x, f64x2.gt(x, f64x2.splat(700)));
    const other = v128.bitselect(f64x2.splat(0), above, f64x2.lt(x, f64x2.splat(-700)));
    const inside = v128.and(f64x2.ge(x, f64x2.splat(-700)), f64x2.le(x, f64x2.splat(700)));
    v128.store(to + i, v128.bitselect(y, other, inside));
  }
}

/** exp(x) of one number. */
export function exp_f64(x: f64): f64 {
  // a NaN is not below 700 either
  if (!(x <= 700)) return x > 700 ? Infinity : x;
  if (x < -700) return 0;
  const n = Math.floor(x / LN2 + 0.5);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum: f64 = 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  sum = sum * r + 1;
  sum = sum * r + 1;
  return sum * reinterpret<f64>((<u64>(<i64>n + 1023)) << 52);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid_block(from: usize, to: usize, bytes: usize): void {
  const one = f64x2.splat(1);
  for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f64x2.neg(v128.load(from + i)));
  exp_block(to, to, bytes);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(to + i, f64x2.div(one, f64x2.add(one, v128.load(to + i))));
  }
}

/** sign(x) (1 - 2 / (exp(2 |x|) + 1)); x - x^3 / 3 below 1e-4. */
export function tanh_block(from: usize, to: usize, bytes: usize): void {
  const one = f64x2.splat(1),
    two = f64x2.splat(2);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(to + i, f64x2.mul(two, f64x2.abs(v128.load(from + i))));
  }
  exp_block(to, to, bytes);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(from + i);
    const y = f64x2.sub(one, f64x2.div(two, f64x2.add(v128.load(to + i), one)));
    const signed = v128.bitselect(f64x2.neg(y), y, f64x2.lt(x, f64x2.splat(0)));
    const cubed = f64x2.div(f64x2.mul(f64x2.mul(x, x), x), f64x2.splat(3));
    const isSmall = f64x2.lt(f64x2.abs(x), f64x2.splat(1e-4));
    v128.store(to + i, v128.bitselect(f64x2.sub(x, cubed), signed, isSmall));
  }
}

/** x < 0 ? alpha (exp(x) - 1) : x; x + x^2 / 2 for exp(x) - 1 above -1e-5. */
export function elu_block(from: usize, to: usize, bytes: usize, alpha: f64): void {
  exp_block(from, to, bytes);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(from + i);
    const near = f64x2.add(x, f64x2.div(f64x2.mul(x, x), f64x2.splat(2)));
    const far = f64x2.sub(v128.load(to + i), f64x2.splat(1));
    const below = v128.bitselect(near, far, f64x2.gt(x, f64x2.splat(-1e-5)));
    const y = f64x2.mul(f64x2.splat(alpha), below);
    v128.store(to + i, v128.bitselect(y, x, f64x2.lt(x, f64x2.splat(0))));
  }
}
