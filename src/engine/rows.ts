// rows.ts: rows of float64 values and the loops that compute functions of them, a row at a time: each gives the bits that
// the function of ops/ gives value by value.
import { ERFC, log, STEP_FUNCTIONS, type Step, type StepName } from "../ops/index.js";

/** Most values of a row: the rows of a function of a dozen steps stay in the first cache. */
export const ROW = 256;

export type Row = Float64Array;

/** `count` rows, side by side. */
export function createRows(count: number): Row[] {
  const all = new Float64Array(count * ROW);
  return Array.from({ length: count }, (_, i) => all.subarray(i * ROW, (i + 1) * ROW));
}

/**
 * Computes the first `n` values of a row from as many of its operands, all of them rows: a function of one value reads a
 * alone. `to` is none of the others. Loops that take four values at a time compute up to three more, for which rows have room.
 */
export type RowLoop = (to: Row, a: Row, b: Row, c: Row, n: number) => void;

/** The parts of ln 2, of every value x = n ln 2 + r, and 2^n for -1022 <= n <= 1023. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const [WHOLE, REST] = createRows(2);
const POWERS = (() => {
  const powers = new Float64Array(2046);
  for (let i = 0; i < powers.length; i++) powers[i] = 2 ** (i - 1022);
  return powers;
})();

/** exp of ops/functions.ts. Unlike others it may write to its own operand. */
export function expRow(to: Row, a: Row, count: number): void {
  for (let i = 0; i < count; i++) {
    const x = a[i];
    const n = Math.floor(x / Math.LN2 + 0.5);
    WHOLE[i] = n;
    REST[i] = x - n * LN2_HIGH - n * LN2_LOW;
  }
  // a loop of its own: the processor has the sums of several values under way at once
  for (let i = 0; i < count; i++) {
    const r = REST[i];
    let sum = (((1 / 3628800) * r + 1 / 362880) * r + 1 / 40320) * r + 1 / 5040;
    sum = (((sum * r + 1 / 720) * r + 1 / 120) * r + 1 / 24) * r + 1 / 6;
    REST[i] = ((sum * r + 0.5) * r + 1) * r + 1;
  }
  for (let i = 0; i < count; i++) {
    const x = a[i];
    if (x >= -700 && x <= 700) to[i] = REST[i] * POWERS[(WHOLE[i] + 1022) | 0];
    else to[i] = x < 0 ? 0 : x > 0 ? Infinity : x;
  }
}

const HALF_ROOT = 2 * Math.SQRT1_2;
const MANTISSAS = createRows(1)[0];
const WORDS = new Uint32Array(MANTISSAS.buffer);
/** The index of a float64's upper word among the two that it is stored in. */
const UPPER = new Uint8Array(Uint16Array.of(1).buffer)[0];

/** log of ops/elementary.ts. */
function logRow(to: Row, a: Row, count: number): void {
  for (let i = 0; i < count; i++) {
    const x = a[i];
    // zeros, negative, subnormal and infinite numbers, and NaN
    if (!(x >= 2 ** -1022 && x < Infinity)) {
      to[i] = log(x);
      continue;
    }
    MANTISSAS[i] = x;
    const upper = WORDS[2 * i + UPPER];
    WORDS[2 * i + UPPER] = (upper & 0xfffff) | 0x3ff00000;
    let k = (upper >>> 20) - 1023;
    let m = MANTISSAS[i];
    if (m >= HALF_ROOT) {
      m /= 2;
      k++;
    }
    const s = (m - 1) / (m + 1);
    let sum = ((1 / 21) * s * s + 1 / 19) * s * s + 1 / 17;
    sum = ((sum * s * s + 1 / 15) * s * s + 1 / 13) * s * s + 1 / 11;
    sum = ((sum * s * s + 1 / 9) * s * s + 1 / 7) * s * s + 1 / 5;
    sum = (sum * s * s + 1 / 3) * s * s + 1;
    to[i] = k * LN2_HIGH + (k * LN2_LOW + 2 * s * sum);
  }
}

const ERFC_FIRST = ERFC[0];
const ERFC_REST = Float64Array.from(ERFC.slice(1));

/** erf of ops/elementary.ts. */
function erfRow(to: Row, a: Row, count: number): void {
  for (let i = 0; i < count; i++) {
    const x = a[i];
    const size = Math.abs(x);
    if (size < 0.5) to[i] = -x * x;
    else {
      const t = 1 / (1 + size / 2);
      const u = (t - 0.6176470588235294) / 0.38235294117647056;
      let p = ERFC_FIRST;
      for (let k = 0; k < ERFC_REST.length; k++) p = p * u + ERFC_REST[k];
      to[i] = p - x * x;
    }
  }
  expRow(to, to, count);
  for (let i = 0; i < count; i++) {
    const x = a[i];
    const size = Math.abs(x);
    if (size < 0.5) {
      const square = 2 * x * x;
      let [term, sum] = [x, 0];
      for (let n = 3; n < 27; n += 2) {
        sum += term;
        term *= square / n;
      }
      to[i] = 1.1283791670955126 * to[i] * sum;
    } else if (size > 6) to[i] = x > 0 ? 1 : -1;
    else {
      const y = 1 - (1 / (1 + size / 2)) * to[i];
      to[i] = x < 0 ? -y : y;
    }
  }
}

/** Loops of the functions that networks are full of, made from the step's parameters. */
const LOOPS: { readonly [fn in StepName]?: (...parameters: number[]) => RowLoop } = {
  add: () => (to, a, b, _, n) => {
    for (let i = 0; i < n; i += 4) {
      to[i] = a[i] + b[i];
      to[i + 1] = a[i + 1] + b[i + 1];
      to[i + 2] = a[i + 2] + b[i + 2];
      to[i + 3] = a[i + 3] + b[i + 3];
    }
  },
  sub: () => (to, a, b, _, n) => {
    for (let i = 0; i < n; i += 4) {
      to[i] = a[i] - b[i];
      to[i + 1] = a[i + 1] - b[i + 1];
      to[i + 2] = a[i + 2] - b[i + 2];
      to[i + 3] = a[i + 3] - b[i + 3];
    }
  },
  mul: () => (to, a, b, _, n) => {
    for (let i = 0; i < n; i += 4) {
      to[i] = a[i] * b[i];
      to[i + 1] = a[i + 1] * b[i + 1];
      to[i + 2] = a[i + 2] * b[i + 2];
      to[i + 3] = a[i + 3] * b[i + 3];
    }
  },
  div: () => (to, a, b, _, n) => {
    for (let i = 0; i < n; i += 4) {
      to[i] = a[i] / b[i];
      to[i + 1] = a[i + 1] / b[i + 1];
      to[i + 2] = a[i + 2] / b[i + 2];
      to[i + 3] = a[i + 3] / b[i + 3];
    }
  },
  max: () => (to, a, b, _, n) => {
    for (let i = 0; i < n; i++) to[i] = Math.max(a[i], b[i]);
  },
  min: () => (to, a, b, _, n) => {
    for (let i = 0; i < n; i++) to[i] = Math.min(a[i], b[i]);
  },
  less: () => (to, a, b, _, n) => {
    for (let i = 0; i < n; i++) to[i] = a[i] < b[i] ? 1 : 0;
  },
  where: () => (to, a, b, c, n) => {
    for (let i = 0; i < n; i++) to[i] = a[i] === 0 ? c[i] : b[i];
  },
  abs: () => (to, a, _, __, n) => {
    for (let i = 0; i < n; i++) to[i] = Math.abs(a[i]);
  },
  sqrt: () => (to, a, _, __, n) => {
    for (let i = 0; i < n; i++) to[i] = Math.sqrt(a[i]);
  },
  floor: () => (to, a, _, __, n) => {
    for (let i = 0; i < n; i++) to[i] = Math.floor(a[i]);
  },
  clip: (low, high) => (to, a, _, __, n) => {
    for (let i = 0; i < n; i += 4) {
      to[i] = Math.min(Math.max(a[i], low), high);
      to[i + 1] = Math.min(Math.max(a[i + 1], low), high);
      to[i + 2] = Math.min(Math.max(a[i + 2], low), high);
      to[i + 3] = Math.min(Math.max(a[i + 3], low), high);
    }
  },
  leakyRelu: (alpha) => (to, a, _, __, n) => {
    for (let i = 0; i < n; i++) to[i] = a[i] < 0 ? alpha * a[i] : a[i];
  },
  hardSigmoid: (alpha, beta) => (to, a, _, __, n) => {
    for (let i = 0; i < n; i++) to[i] = Math.min(Math.max(alpha * a[i] + beta, 0), 1);
  },
  hardSwish: () => (to, a, _, __, n) => {
    for (let i = 0; i < n; i++) to[i] = a[i] * Math.min(Math.max(a[i] / 6 + 0.5, 0), 1);
  },
  erf: () => (to, a, _, __, n) => erfRow(to, a, n),
  exp: () => (to, a, _, __, n) => expRow(to, a, n),
  log: () => (to, a, _, __, n) => logRow(to, a, n),
  sigmoid: () => (to, a, _, __, n) => {
    for (let i = 0; i < n; i++) to[i] = -a[i];
    expRow(to, to, n);
    for (let i = 0; i < n; i++) to[i] = 1 / (1 + to[i]);
  },
  tanh: () => (to, a, _, __, n) => {
    for (let i = 0; i < n; i++) to[i] = 2 * Math.abs(a[i]);
    expRow(to, to, n);
    for (let i = 0; i < n; i++) {
      const x = a[i];
      const y = 1 - 2 / (to[i] + 1);
      if (Math.abs(x) < 1e-4) to[i] = x - (x * x * x) / 3;
      else to[i] = x < 0 ? -y : y;
    }
  },
};

/** The loop of a step's function; one of its own for each would be too many, so others share this one. */
export function rowLoopOf({ fn, parameters }: Pick<Step, "fn" | "parameters">): RowLoop {
  const own = LOOPS[fn];
  if (own) return own(...parameters);
  const f = STEP_FUNCTIONS.get(fn)!.of(...parameters);
  return (to, a, b, c, n) => {
    for (let i = 0; i < n; i++) to[i] = f(a[i], b[i], c[i]);
  };
}
