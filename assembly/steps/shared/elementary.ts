// elementary.ts: the functions of src/ops/elementary.ts, one float64 at a time, operation by operation: the same bits.
import { exp_f64 } from "./exponential";

const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
const HALF_PI_HIGH: f64 = 1.5707963267341256;
const HALF_PI_LOW: f64 = 6.077100506506192e-11;
const SQRT_TWO: f64 = Math.SQRT2;
const QUARTER_PI: f64 = 0.7853981633974483;

/** ln x = k ln 2 + 2 (s + s^3 / 3 + ... + s^21 / 21), x = 2^k m, s = (m - 1) / (m + 1); NaN below 0. */
export function log_f64(x: f64): f64 {
  if (!(x > 0)) return x == 0 ? -Infinity : NaN;
  if (x == Infinity) return x;
  // a subnormal number is brought up first
  const small = x < 2.2250738585072014e-308;
  const bits = reinterpret<u64>(small ? x * 18014398509481984.0 : x);
  let k = <i32>(bits >>> 52) - 1023 - (small ? 54 : 0);
  let m = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  if (m >= SQRT_TWO) {
    m /= 2;
    k++;
  }
  const s = (m - 1) / (m + 1);
  let sum: f64 = 0;
  for (let n = 21; n > 0; n -= 2) sum = sum * s * s + 1 / <f64>n;
  return <f64>k * LN2_HIGH + (<f64>k * LN2_LOW + 2 * s * sum);
}

/** The error function: a series below 1/2, 1 - t exp(P(u) - x^2) up to 6, with the sign of x. */
export function erf_f64(x: f64): f64 {
  const size = abs(x);
  if (size < 0.5) {
    let term = x,
      sum: f64 = 0;
    for (let n = 3; n < 27; n += 2) {
      sum += term;
      term *= (2 * x * x) / <f64>n;
    }
    return 1.1283791670955126 * exp_f64(-x * x) * sum;
  }
  if (size > 6) return x > 0 ? 1 : -1;
  const t = 1 / (1 + size / 2);
  const u = (t - 0.6176470588235294) / 0.38235294117647056;
  let p: f64 = 0 * u + -1.154589864e-5;
  p = p * u + 1.661966331e-5;
  p = p * u + 8.70899236e-5;
  p = p * u + -2.394845311e-4;
  p = p * u + -3.36969231e-4;
  p = p * u + 2.277191956e-3;
  p = p * u + 3.157318508e-4;
  p = p * u + -2.284751375e-2;
  p = p * u + 7.108682242e-3;
  p = p * u + 0.5251687899;
  p = p * u + -0.511538593;
  const y = 1 - t * exp_f64(p - x * x);
  return x < 0 ? -y : y;
}

/** sin(x + quarters pi / 2) by the series of sine or cosine around the nearest n pi / 2. */
export function wave_f64(x: f64, quarters: f64): f64 {
  const n = Math.floor(x / (HALF_PI_HIGH + HALF_PI_LOW) + 0.5);
  const r = x - n * HALF_PI_HIGH - n * HALF_PI_LOW;
  // exact: n is whole, and so is n / 4 rounded down
  const turned = n + quarters;
  const quarter = turned - 4 * Math.floor(turned / 4);
  const odd = quarter == 0 || quarter == 2;
  let term = odd ? r : 1,
    sum: f64 = 0;
  for (let k = odd ? 2 : 1; k < 19; k += 2) {
    sum += term;
    term *= (-r * r) / <f64>(k * (k + 1));
  }
  return quarter < 2 ? sum : -sum;
}

/** The angle whose tangent is x: above tan(3 pi / 8) by -1 / x, above 0.66 by (x - 1) / (x + 1). */
export function atan_f64(x: f64): f64 {
  const size = abs(x);
  let r = size,
    base: f64 = 0;
  if (size > 2.414213562373095) {
    r = -1 / size;
    base = 2 * QUARTER_PI;
  } else if (size > 0.66) {
    r = (size - 1) / (size + 1);
    base = QUARTER_PI;
  }
  const z = r * r;
  let p: f64 = 0 * z + -0.8750608600031904;
  p = p * z + -16.157537187333652;
  p = p * z + -75.00855792314705;
  p = p * z + -122.88666844901361;
  p = p * z + -64.85021904942025;
  let q: f64 = 0 * z + 1;
  q = q * z + 24.858464901423062;
  q = q * z + 165.02700983169885;
  q = q * z + 432.88106049129027;
  q = q * z + 485.3903996359137;
  q = q * z + 194.5506571482614;
  const y = base + (r + (r * z * p) / q);
  return x < 0 ? -y : y;
}

/** x^y: products for whole y up to 64, exp(y ln x) elsewhere; NaN for x < 0 where y is not whole. */
export function power_f64(x: f64, y: f64): f64 {
  const whole = Math.floor(y) == y;
  if (whole && abs(y) <= 64) {
    let product: f64 = 1;
    for (let n = abs(y); n > 0; n--) product *= x;
    return y < 0 ? 1 / product : product;
  }
  if (x < 0 && !whole) return NaN;
  const size = exp_f64(y * log_f64(x < 0 ? -x : x));
  // an infinite exponent counts as odd
  const isOdd = Math.floor(y / 2) * 2 != y || abs(y) == Infinity;
  return x < 0 && isOdd ? -1 * size : size;
}
