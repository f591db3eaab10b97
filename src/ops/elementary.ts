// elementary.ts: logarithm, error function, sine, cosine and powers, from + - * / alone, as functions.ts has exp.
import { exp } from "./functions.js";

/** ln 2 and pi / 2, each as a part with few bits, whose products with integers are exact, and the rest. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_LOW = 6.077100506506192e-11;
const SQRT_HALF = Math.SQRT1_2;
const bits = new DataView(new ArrayBuffer(8));

/**
 * ln x to about 1e-15 of its value; NaN below 0.
 *   x = 2^k m, sqrt(1/2) <= m < sqrt(2), s = (m - 1) / (m + 1);   ln x = k ln 2 + 2 (s + s^3 / 3 + ... + s^21 / 21)
 */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return x;
  // a subnormal number is brought up first
  const small = x < 2 ** -1022;
  bits.setFloat64(0, small ? x * 2 ** 54 : x);
  let k = (bits.getUint32(0) >>> 20) - 1023 - (small ? 54 : 0);
  bits.setUint32(0, (bits.getUint32(0) & 0xfffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m >= 2 * SQRT_HALF) {
    m /= 2;
    k++;
  }
  const s = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 21; n > 0; n -= 2) sum = sum * s * s + 1 / n;
  return k * LN2_HIGH + (k * LN2_LOW + 2 * s * sum);
}

/** Coefficients of P below, from u^10 to u^0: a Chebyshev fit on |x| <= 6.5. */
export const ERFC = [
  -1.154589864e-5, 1.661966331e-5, 8.70899236e-5, -2.394845311e-4, -3.36969231e-4, 2.277191956e-3, 3.157318508e-4,
  -2.284751375e-2, 7.108682242e-3, 0.5251687899, -0.511538593,
];

/**
 * The error function, to about 1e-9 of its value:
 *   |x| < 1/2:  2 / sqrt(pi) exp(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...), twelve terms
 *   elsewhere:  1 - t exp(P(u) - x^2), t = 1 / (1 + |x| / 2), u = (t - 21 / 34) / (13 / 34), with the sign of x; 1 from 6 on
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 0.5) {
    let [term, sum] = [x, 0];
    for (let n = 3; n < 27; n += 2) {
      sum += term;
      term *= (2 * x * x) / n;
    }
    return 1.1283791670955126 * exp(-x * x) * sum;
  }
  if (size > 6) return x > 0 ? 1 : -1;
  const t = 1 / (1 + size / 2);
  const u = (t - 0.6176470588235294) / 0.38235294117647056;
  let p = 0;
  for (const c of ERFC) p = p * u + c;
  const y = 1 - t * exp(p - x * x);
  return x < 0 ? -y : y;
}

/**
 * sin(x + quarters pi / 2), to about 1e-15 for |x| up to 2^20 and less exact beyond.
 *   x = n pi / 2 + r, |r| <= pi / 4;   sin r and cos r by their series to r^17
 */
function wave(x: number, quarters: number): number {
  const n = Math.floor(x / (HALF_PI_HIGH + HALF_PI_LOW) + 0.5);
  const r = x - n * HALF_PI_HIGH - n * HALF_PI_LOW;
  const quarter = (((n + quarters) % 4) + 4) % 4;
  const odd = quarter % 2 === 0;
  let [term, sum] = [odd ? r : 1, 0];
  for (let k = odd ? 2 : 1; k < 19; k += 2) {
    sum += term;
    term *= (-r * r) / (k * (k + 1));
  }
  return quarter < 2 ? sum : -sum;
}

export const sin = (x: number): number => wave(x, 0);
export const cos = (x: number): number => wave(x, 1);

const QUARTER_PI = 0.7853981633974483;
/** Numerator and denominator of (atan x - x) / x^3 in x^2 (Moshier's Cephes). */
const ATAN_P = [-0.8750608600031904, -16.157537187333652, -75.00855792314705, -122.88666844901361, -64.85021904942025];
const ATAN_Q = [1, 24.858464901423062, 165.02700983169885, 432.88106049129027, 485.3903996359137, 194.5506571482614];

/** The angle whose tangent is x, to about 1e-15: above tan(3 pi / 8) by -1 / x, above 0.66 by (x - 1) / (x + 1). */
export function atan(x: number): number {
  const size = Math.abs(x);
  const [r, base] =
    size > 2.414213562373095
      ? [-1 / size, 2 * QUARTER_PI]
      : size > 0.66
        ? [(size - 1) / (size + 1), QUARTER_PI]
        : [size, 0];
  const z = r * r;
  let [p, q] = [0, 0];
  for (const c of ATAN_P) p = p * z + c;
  for (const c of ATAN_Q) q = q * z + c;
  const y = base + (r + (r * z * p) / q);
  return x < 0 ? -y : y;
}

/** Exponents up to which a power is a product. */
const PRODUCT_MOST = 64;

/** x^y: products for whole y up to 64, exp(y ln x) elsewhere; 1 for y = 0; NaN for x < 0 where y is not whole. */
export function power(x: number, y: number): number {
  const whole = Math.floor(y) === y;
  if (whole && Math.abs(y) <= PRODUCT_MOST) {
    let product = 1;
    for (let n = Math.abs(y); n > 0; n--) product *= x;
    return y < 0 ? 1 / product : product;
  }
  if (x < 0) return whole ? (y % 2 === 0 ? 1 : -1) * power(-x, y) : NaN;
  return exp(y * log(x));
}

/** The nearest integer, the even one of two. */
export function roundEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}
