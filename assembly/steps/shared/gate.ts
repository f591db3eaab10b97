// gate.ts: functions with a gate, of float32 planes, in fewer operations than their steps have, and with the same results.
//
//   f(x) = (a x + b) gate(k x) + d + e x      gate(t): 1 / (1 + exp(-t)), erf(t), t + c between 0 and 1, t, or none
//
// SiLU, sigmoid, tanh, GELU, hard swish, hard sigmoid, squares and factors are of this form. Where the result is an integer, f is
// computed in float32, in units of the result's steps, and errs by less than near_of for every value that rounds to one of the
// result's integers. Else SiLU and sigmoid are computed in float64, and err by less than ERROR units in the last place
// (docs/kernels.md). So wherever a value lies further than that from the middle between two results, rounding gives that of
// the exact value; elsewhere, in one vector or block of a hundred and more, the steps are run.
import * as fn from "../../../src/runtime/step-codes";
import { Epilogue } from "../../runtime/shared/epilogue";
import { write_f32 } from "./block";
import { apply_block, BLOCK, BLOCK_BYTES, FunctionJob, FunctionStep, gain_of } from "./steps";

/** By how many steps of the result a float32 errs where all terms are small, and for each unit of the others: 2^-12, 2^-22. */
const ERROR_LEAST: f64 = 0.000244140625;
const ERROR_EACH: f64 = 2.384185791015625e-7;
/** The most that it may err, so that few vectors are computed twice: 2^-7. */
export const NEAR_MAX: f64 = 0.0078125;
/** By how many units in the last place of float64 a result may err: 1.4e-12 of a value of almost 2 units. */
const ERROR: i32 = 16384;
/** Most steps, so that no product of their numbers leaves those of float64. */
const STEPS_MAX: i32 = 15;
const LOG2E: f64 = Math.LOG2E;

/** A value (a x + b) gate + d + e x; a number has d alone, a multiple of the input e alone. */
@unmanaged
class Value {
  a!: f64;
  b!: f64;
  d!: f64;
  e!: f64;
}

/** The kinds of gates. */
const NONE: i32 = 0;
const SIGMOID: i32 = 1;
const ERF: i32 = 2;
const HARD: i32 = 3;
const INPUT: i32 = 4;

/**
 * A function with a gate. Behind it lie the vectors of the loops: engines make a constant anew, in three instructions, wherever
 * it is used.
 *
 *   scratch   | blocks of the steps | 64 bytes | Gate | constants of float32 | of float64 | Values of the steps |
 */
@unmanaged
export class Gate {
  kind!: i32;
  /** Whether a step adds: a sum with 0 has no sign of its own. */
  hasSum!: bool;
  k!: f64;
  c!: f64;
  a!: f64;
  b!: f64;
  d!: f64;
  e!: f64;
}

const GATE_BYTES: usize = 64;
const NARROW_BYTES: usize = 96;
const WIDE_BYTES: usize = 96;

function is_moderate(x: f64): bool {
  return abs(x) >= 1e-30 && abs(x) <= 1e30;
}

function is_number(value: Value): bool {
  return value.a == 0 && value.b == 0 && value.e == 0;
}

/** Whether a value is the input times a number. */
function is_linear(value: Value): bool {
  return value.a == 0 && value.b == 0 && value.d == 0 && is_moderate(value.e);
}

function fill(to: Value, a: f64, b: f64, d: f64, e: f64): bool {
  to.a = a;
  to.b = b;
  to.d = d;
  to.e = e;
  return true;
}

/** The function with a gate that steps compute. Null for other functions. */
export function find_gate(job: FunctionJob, scratch: usize): Gate | null {
  if (changetype<usize>(job.b) || !job.a.float || job.count > STEPS_MAX) return null;
  const gate = changetype<Gate>(scratch + <usize>(job.count + 1) * BLOCK_BYTES + 64);
  const constants = changetype<usize>(gate) + GATE_BYTES;
  gate.kind = NONE;
  gate.hasSum = false;
  let to = constants + NARROW_BYTES + WIDE_BYTES;
  const values = to;
  fill(changetype<Value>(to), 0, 0, 0, 1);
  let step = changetype<usize>(job.steps);
  for (const end = step + <usize>job.count * offsetof<FunctionStep>(); step < end; step += offsetof<FunctionStep>()) {
    to += offsetof<Value>();
    if (!take_step(gate, changetype<FunctionStep>(step), values, changetype<Value>(to))) return null;
  }
  const last = changetype<Value>(to);
  gate.a = last.a;
  gate.b = last.b;
  gate.d = last.d;
  gate.e = last.e;
  put_constants(constants);
  put_wide_constants(constants + NARROW_BYTES);
  return gate;
}

function value_at(values: usize, place: i32): Value {
  return changetype<Value>(values + (<usize>place / BLOCK_BYTES) * offsetof<Value>());
}

/** Writes the value of a step, or says that it has another form. */
function take_step(gate: Gate, step: FunctionStep, values: usize, to: Value): bool {
  const x = value_at(values, step.x),
    y = value_at(values, step.y);
  switch (step.code) {
    case fn.CONSTANT:
      return fill(to, 0, 0, step.first, 0);
    case fn.ADD:
      return add(gate, x, y, 1, to);
    case fn.SUB:
      return add(gate, x, y, -1, to);
    case fn.MUL:
      if (is_number(x) && is_moderate(x.d)) return fill(to, y.a * x.d, y.b * x.d, y.d * x.d, y.e * x.d);
      if (is_number(y) && is_moderate(y.d)) return fill(to, x.a * y.d, x.b * y.d, x.d * y.d, x.e * y.d);
      if (is_linear(x) && is_linear(y)) return open_gate(gate, INPUT, x, 1 / x.e, 0) && fill(to, x.e * y.e, 0, 0, 0);
      if (is_linear(x) && y.a == 0 && y.e == 0) return fill(to, y.b * x.e, 0, 0, y.d * x.e);
      if (is_linear(y) && x.a == 0 && x.e == 0) return fill(to, x.b * y.e, 0, 0, x.d * y.e);
      return false;
    case fn.DIV:
      if (!is_number(y) || !is_moderate(y.d)) return false;
      return fill(to, x.a / y.d, x.b / y.d, x.d / y.d, x.e / y.d);
    case fn.SIGMOID:
      return open_gate(gate, SIGMOID, x, 1, 0) && fill(to, 0, 1, 0, 0);
    case fn.TANH:
      return open_gate(gate, SIGMOID, x, 2, 0) && fill(to, 0, 2, -1, 0);
    case fn.ERF:
      return open_gate(gate, ERF, x, 1, 0) && fill(to, 0, 1, 0, 0);
    case fn.HARD_SIGMOID:
      return open_gate(gate, HARD, x, step.first, step.second) && fill(to, 0, 1, 0, 0);
    case fn.HARD_SWISH:
      return open_gate(gate, HARD, x, 1.0 / 6.0, 0.5) && fill(to, x.e, 0, 0, 0);
    default:
      return false;
  }
}

/** A sum or difference in which nothing cancels: else the steps may have lost bits that the terms have. */
function add(gate: Gate, x: Value, y: Value, sign: f64, to: Value): bool {
  gate.hasSum = true;
  if ((x.a != 0 && y.a != 0) || (x.b != 0 && y.b != 0) || (x.d != 0 && y.d != 0) || (x.e != 0 && y.e != 0))
    return false;
  return fill(to, x.a + sign * y.a, x.b + sign * y.b, x.d + sign * y.d, x.e + sign * y.e);
}

/** Takes the one gate of a function, of a multiple of the input. */
function open_gate(gate: Gate, kind: i32, inner: Value, k: f64, c: f64): bool {
  if (gate.kind != NONE || !is_linear(inner) || !is_moderate(k * inner.e)) return false;
  gate.kind = kind;
  gate.k = k * inner.e;
  gate.c = c;
  return true;
}

/**
 * The distance from a middle, in steps of the result, within which float32 does not say a channel's integers. Of the results that
 * are integers, the terms below count most where the gate bends: |a x| < 2 |a / k| there for a sigmoid, 4 |a / k| for erf, which
 * errs by 5.4e-7, and of a hard gate |k x| <= 1 + |c|. A sum with e x may cancel until the gate is 0 or 1.
 */
export function near_of(gate: Gate, result: Epilogue, gain: f32): f64 {
  const scale = abs(<f64>load<f32>(result.scale) * <f64>gain);
  const c = abs(gate.c);
  // without a gate, and of squares, an error is a small part of the result
  if (gate.kind == NONE || gate.kind == INPUT) return ERROR_LEAST + ERROR_EACH * scale * abs(gate.d);
  let bend = gate.kind == HARD ? (0.75 + c / 2) * (1 + c) : 1;
  if (gate.kind == ERF || gate.e != 0) bend = 12 * (1 + c) * (1 + c);
  const terms = bend * (abs(gate.a / gate.k) + abs(gate.b) + abs(gate.e / gate.k)) + abs(gate.d);
  return ERROR_LEAST + ERROR_EACH * scale * terms;
}

/** Whether it is a product of a sigmoid with a number, or with the input and a number. */
export function is_sigmoid(gate: Gate): bool {
  const isProduct = gate.d == 0 && gate.e == 0 && (gate.a == 0 || gate.b == 0);
  return gate.kind == SIGMOID && !gate.hasSum && isProduct && is_moderate(gate.a + gate.b);
}

/** Bounds of the exponent, what rounds it, and 2^f by its powers from f^5 to 1; what rounds z; t P(t^2) / Q(t^2), which is erf(t) up to 4. */
function put_constants(to: usize): void {
  store<f32>(to, -126);
  store<f32>(to, 128, 4);
  store<f32>(to, 12582912, 8);
  store<f32>(to, 0.001326472731307149, 12);
  store<f32>(to, 0.009671512991189957, 16);
  store<f32>(to, 0.05550733581185341, 20);
  store<f32>(to, 0.24022242426872253, 24);
  store<f32>(to, 0.6931470036506653, 28);
  store<f32>(to, 1, 32);
  store<f32>(to, 8388608, 36);
  store<f32>(to, 1.921707237784176e-8, 40);
  store<f32>(to, -1.9903116026398493e-6, 44);
  store<f32>(to, 0.00015553634148091078, 48);
  store<f32>(to, 0.004293045960366726, 52);
  store<f32>(to, 0.05243343114852905, 56);
  store<f32>(to, 0.213944673538208, 60);
  store<f32>(to, 1.1283786296844482, 64);
  store<f32>(to, 0.0010980356018990278, 68);
  store<f32>(to, 0.015551071614027023, 72);
  store<f32>(to, 0.12079958617687225, 76);
  store<f32>(to, 0.5229312181472778, 80);
  store<f32>(to, 4, 84);
}

/** Makes a channel of integers. */
export function gate_integers(gate: Gate, near: f64, exact: FunctionJob, channel: i32, scratch: usize): void {
  const from = exact.a,
    result = exact.result;
  const size = exact.size,
    kind = gate.kind;
  const gain = <f64>gain_of(exact, channel) * <f64>load<f32>(result.scale);
  const a = f32x4.splat(<f32>(gate.a * gain)),
    b = f32x4.splat(<f32>(gate.b * gain)),
    c = f32x4.splat(<f32>gate.c),
    d = f32x4.splat(<f32>(gate.d * gain + <f64>load<f32>(result.offset))),
    e = f32x4.splat(<f32>(gate.e * gain)),
    k = f32x4.splat(<f32>(kind == SIGMOID ? gate.k * -LOG2E : gate.k));
  const low = v128.load32_splat(changetype<usize>(result) + offsetof<Epilogue>("low")),
    high = v128.load32_splat(changetype<usize>(result) + offsetof<Epilogue>("high"));
  const constants = changetype<usize>(gate) + GATE_BYTES;
  const least = v128.load32_splat(constants),
    most = v128.load32_splat(constants, 4),
    turn = v128.load32_splat(constants, 8);
  const c5 = v128.load32_splat(constants, 12),
    c4 = v128.load32_splat(constants, 16),
    c3 = v128.load32_splat(constants, 20),
    c2 = v128.load32_splat(constants, 24),
    c1 = v128.load32_splat(constants, 28),
    one = v128.load32_splat(constants, 32);
  const round = v128.load32_splat(constants, 36),
    far = f32x4.splat(<f32>(0.5 - near));
  const plane = from.planes + <usize>channel * from.planeBytes;
  const out = result.out + <usize>channel * result.outBytes;
  if (size < 8) {
    apply_block(exact, channel, 0, size, scratch);
    return;
  }
  // 8 pixels at a time, whose operations do not wait for each other; the last ones again with those before them
  let pixel = 0;
  while (true) {
    const at = plane + ((<usize>pixel) << 2);
    const x = v128.load(at),
      y = v128.load(at, 16);
    let p: v128, q: v128;
    if (kind == HARD) {
      const zero = f32x4.sub(one, one);
      p = f32x4.pmin(f32x4.pmax(f32x4.add(f32x4.mul(x, k), c), zero), one);
      q = f32x4.pmin(f32x4.pmax(f32x4.add(f32x4.mul(y, k), c), zero), one);
    } else if (kind == NONE || kind == INPUT) {
      p = x;
      q = y;
    } else if (kind == ERF) {
      const four = v128.load32_splat(constants, 84);
      const t = f32x4.pmin(f32x4.pmax(f32x4.mul(x, k), f32x4.neg(four)), four),
        u = f32x4.pmin(f32x4.pmax(f32x4.mul(y, k), f32x4.neg(four)), four);
      const f = f32x4.mul(t, t),
        g = f32x4.mul(u, u);
      p = f32x4.add(f32x4.mul(v128.load32_splat(constants, 40), f), v128.load32_splat(constants, 44));
      q = f32x4.add(f32x4.mul(v128.load32_splat(constants, 40), g), v128.load32_splat(constants, 44));
      for (let i: usize = 48; i < 68; i += 4) {
        const next = v128.load32_splat(constants + i);
        p = f32x4.add(f32x4.mul(p, f), next);
        q = f32x4.add(f32x4.mul(q, g), next);
      }
      let m = v128.load32_splat(constants, 68),
        n = m;
      for (let i: usize = 72; i < 84; i += 4) {
        const next = v128.load32_splat(constants + i);
        m = f32x4.add(f32x4.mul(m, f), next);
        n = f32x4.add(f32x4.mul(n, g), next);
      }
      p = f32x4.div(f32x4.mul(p, t), f32x4.add(f32x4.mul(m, f), one));
      q = f32x4.div(f32x4.mul(q, u), f32x4.add(f32x4.mul(n, g), one));
      // from 4 on it is 1, to the bit
      p = f32x4.pmin(f32x4.pmax(p, f32x4.neg(one)), one);
      q = f32x4.pmin(f32x4.pmax(q, f32x4.neg(one)), one);
    } else {
      const t = f32x4.pmin(f32x4.pmax(f32x4.mul(x, k), least), most),
        u = f32x4.pmin(f32x4.pmax(f32x4.mul(y, k), least), most);
      const n = f32x4.add(t, turn),
        m = f32x4.add(u, turn);
      const f = f32x4.sub(t, f32x4.sub(n, turn)),
        g = f32x4.sub(u, f32x4.sub(m, turn));
      const f2 = f32x4.mul(f, f),
        g2 = f32x4.mul(g, g);
      const p45 = f32x4.add(f32x4.mul(c5, f), c4),
        q45 = f32x4.add(f32x4.mul(c5, g), c4);
      const p23 = f32x4.add(f32x4.mul(c3, f), c2),
        q23 = f32x4.add(f32x4.mul(c3, g), c2);
      const p01 = f32x4.add(f32x4.mul(c1, f), one),
        q01 = f32x4.add(f32x4.mul(c1, g), one);
      p = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(p45, f2), p23), f2), p01);
      q = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(q45, g2), q23), g2), q01);
      p = f32x4.add(i32x4.add(p, i32x4.shl(n, 23)), one);
      q = f32x4.add(i32x4.add(q, i32x4.shl(m, 23)), one);
      p = f32x4.div(one, p);
      q = f32x4.div(one, q);
    }
    // d last: a x and e x may be large, and cancel
    p = f32x4.add(f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(x, a), b), p), f32x4.mul(x, e)), d);
    q = f32x4.add(f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(y, a), b), q), f32x4.mul(y, e)), d);
    const z = f32x4.pmin(f32x4.pmax(low, p), high),
      w = f32x4.pmin(f32x4.pmax(low, q), high);
    const first = f32x4.add(z, round),
      second = f32x4.add(w, round);
    const rest = f32x4.pmax(
      f32x4.abs(f32x4.sub(z, f32x4.sub(first, round))),
      f32x4.abs(f32x4.sub(w, f32x4.sub(second, round))),
    );
    // a sum that is no number is none in the sum of both
    const both = f32x4.add(p, q);
    if (v128.any_true(v128.or(f32x4.gt(rest, far), f32x4.ne(both, both)))) {
      apply_block(exact, channel, pixel, 8, scratch);
    } else {
      const words = i16x8.narrow_i32x4_s(i32x4.sub(first, round), i32x4.sub(second, round));
      v128.store64_lane(out + pixel, i8x16.narrow_i16x8_u(words, words), 0);
    }
    if (pixel == size - 8) break;
    pixel = min(pixel + 8, size - 8);
  }
}

/** Bounds of the exponent, what rounds it, and 2^f by its powers from f^8 to 1: its error is 1.1e-12 of the value, |f| <= 1/2. */
function put_wide_constants(to: usize): void {
  store<f64>(to, -1000);
  store<f64>(to, 120, 8);
  store<f64>(to, 6755399441055744, 16);
  store<f64>(to, 1.3344183484134179e-6, 24);
  store<f64>(to, 1.5314209223349525e-5, 32);
  store<f64>(to, 1.540309828656179e-4, 40);
  store<f64>(to, 1.3333434157560176e-3, 48);
  store<f64>(to, 0.009618129558838935, 56);
  store<f64>(to, 0.05550410959228811, 64);
  store<f64>(to, 0.2402265069474259, 72);
  store<f64>(to, 0.6931471805412327, 80);
  store<f64>(to, 1, 88);
}

/** Makes a channel of float32, or of integers that float32 does not say. */
export function sigmoid_values(gate: Gate, exact: FunctionJob, channel: i32, scratch: usize): void {
  const constants = changetype<usize>(gate) + GATE_BYTES + NARROW_BYTES;
  const least = v128.load64_splat(constants),
    most = v128.load64_splat(constants, 8),
    turn = v128.load64_splat(constants, 16),
    c8 = v128.load64_splat(constants, 24),
    c7 = v128.load64_splat(constants, 32),
    c6 = v128.load64_splat(constants, 40),
    c5 = v128.load64_splat(constants, 48),
    c4 = v128.load64_splat(constants, 56),
    c3 = v128.load64_splat(constants, 64),
    c2 = v128.load64_splat(constants, 72),
    c1 = v128.load64_splat(constants, 80),
    one = v128.load64_splat(constants, 88);
  const product = gate.a != 0;
  const k = f64x2.splat(gate.k * -LOG2E),
    factor = f64x2.splat(product ? gate.a : gate.b),
    isProduct = i64x2.splat(product ? -1 : 0),
    gain = f32x4.splat(gain_of(exact, channel));
  const from = exact.a,
    size = exact.size;
  for (let pixel = 0; pixel < size; pixel += BLOCK) {
    const count = min(BLOCK, size - pixel);
    const plane = from.planes + <usize>channel * from.planeBytes + ((<usize>pixel) << 2);
    let inside = i64x2.splat(-1),
      near = i32x4.splat(0);
    for (let i = 0; i < count; i += 4) {
      let four = v128.load(plane + ((<usize>i) << 2));
      // what lies behind the plane could be anything
      if (i + 4 > count) four = v128.and(four, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count - i)));
      const x = f64x2.promote_low_f32x4(four),
        y = f64x2.promote_low_f32x4(i64x2.shuffle(four, four, 1, 1));
      // 2^t = 2^n 2^f
      const t = f64x2.pmax(f64x2.mul(x, k), least),
        u = f64x2.pmax(f64x2.mul(y, k), least);
      inside = v128.and(inside, v128.and(f64x2.le(t, most), f64x2.le(u, most)));
      const n = f64x2.add(t, turn),
        m = f64x2.add(u, turn);
      const f = f64x2.sub(t, f64x2.sub(n, turn)),
        g = f64x2.sub(u, f64x2.sub(m, turn));
      // Estrin's scheme: the chain of operations that wait for each other is a third of Horner's
      const f2 = f64x2.mul(f, f),
        g2 = f64x2.mul(g, g);
      const f4 = f64x2.mul(f2, f2),
        g4 = f64x2.mul(g2, g2);
      const p01 = f64x2.add(f64x2.mul(c1, f), one),
        q01 = f64x2.add(f64x2.mul(c1, g), one);
      const p23 = f64x2.add(f64x2.mul(c3, f), c2),
        q23 = f64x2.add(f64x2.mul(c3, g), c2);
      const p45 = f64x2.add(f64x2.mul(c5, f), c4),
        q45 = f64x2.add(f64x2.mul(c5, g), c4);
      const p67 = f64x2.add(f64x2.mul(c7, f), c6),
        q67 = f64x2.add(f64x2.mul(c7, g), c6);
      const p03 = f64x2.add(f64x2.mul(p23, f2), p01),
        q03 = f64x2.add(f64x2.mul(q23, g2), q01);
      const p48 = f64x2.add(f64x2.add(f64x2.mul(p67, f2), p45), f64x2.mul(c8, f4)),
        q48 = f64x2.add(f64x2.add(f64x2.mul(q67, g2), q45), f64x2.mul(c8, g4));
      let p = f64x2.add(f64x2.mul(p48, f4), p03),
        q = f64x2.add(f64x2.mul(q48, g4), q03);
      p = f64x2.add(i64x2.add(p, i64x2.shl(n, 52)), one);
      q = f64x2.add(i64x2.add(q, i64x2.shl(m, 52)), one);
      const v = f64x2.div(f64x2.mul(v128.bitselect(x, one, isProduct), factor), p),
        w = f64x2.div(f64x2.mul(v128.bitselect(y, one, isProduct), factor), q);
      // The lowest 29 bits are those that float32 leaves out; 2^28 is the middle, and comes to lie at the least i32.
      const low = v128.shuffle<i32>(v, w, 0, 2, 4, 6),
        high = v128.shuffle<i32>(v, w, 1, 3, 5, 7);
      const distance = i32x4.shl(i32x4.add(low, i32x4.splat(ERROR)), 3);
      near = v128.or(near, i32x4.lt_s(distance, i32x4.splat(i32.MIN_VALUE + ((2 * ERROR + 1) << 3))));
      // Below 2^-126 it leaves out more; 0 is 0.
      const size2 = i32x4.sub(i32x4.shl(high, 1), i32x4.splat(1));
      near = v128.or(near, i32x4.lt_u(size2, i32x4.splat(0x70200000 - 1)));
      const rounded = i64x2.shuffle(f32x4.demote_f64x2_zero(v), f32x4.demote_f64x2_zero(w), 0, 2);
      v128.store(scratch + ((<usize>i) << 2), f32x4.mul(rounded, gain));
    }
    if (v128.any_true(near) || !i64x2.all_true(inside)) apply_block(exact, channel, pixel, count, scratch);
    else write_f32(exact.result, channel, pixel, count, scratch);
  }
}
