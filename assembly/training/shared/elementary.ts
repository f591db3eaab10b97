// elementary.ts: exp and log in float64. Math.exp differs between engines, and a training run must not.

/** e^x for x <= 0, within 2 units in the last place; 0 below -708. */
export function exp(x: f64): f64 {
  if (!(x > -708)) return f64.ne(x, x) ? x : 0;
  // x = k ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts keeps r exact
  const k = Math.round(x * Math.LOG2E);
  const r = x - k * 0.6931471803691238 - k * 1.9082149292705877e-10;
  let sum: f64 = 1;
  for (let n = 14; n > 0; n--) sum = 1 + (sum * r) / <f64>n;
  return sum * reinterpret<f64>((<i64>k + 1023) << 52);
}

/** ln x for x >= 1 by Newton's iteration on exp: l += x e^-l - 1. */
export function log(x: f64): f64 {
  const bits = reinterpret<i64>(x);
  const mantissa = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  let l = (<f64>((bits >> 52) - 1023) + (mantissa - 1)) * Math.LN2;
  for (let i = 0; i < 4; i++) l += x * exp(-l) - 1;
  return l;
}
