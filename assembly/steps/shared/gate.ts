// gate.ts: functions with a gate, of float32 planes, in fewer operations than their steps have, and with the same results.
//
//   f(x) = (a x + b) gate(x) + d        gate: 1 / (1 + exp(-k x)), or k x + c between 0 and 1
//
// SiLU, sigmoid, tanh, hard swish and hard sigmoid are of this form. Where the result is an integer, f is computed in float32, in
// units of the result's steps, and errs by less than near_of for every value that rounds to one of the result's integers. Else
// SiLU and sigmoid are computed in float64, and err by less than ERROR units in the last place (docs/kernels.md). So wherever
// a value lies further than that from the middle between two results, rounding gives that of the exact value; elsewhere, in
// one vector or block of a hundred and more, the steps are run.
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

/**
 * The numbers of a gate, and the vectors of the loops: engines make a constant anew, in three instructions, wherever it is used. It lies in
 * the scratch memory, behind the blocks of the steps.
 */
@unmanaged
export class Gate {
  k!: f64;
  c!: f64;
  a!: f64;
  b!: f64;
  d!: f64;
  /** Whether the gate is k x + c between 0 and 1. */
  hard!: bool;
}

/** Bytes of a gate; the constants follow. */
const GATE_BYTES: usize = 48;
const WIDE_BYTES: usize = 96;

function isModerate(x: f64): bool {
  return abs(x) >= 1e-30 && abs(x) <= 1e30;
}

/** The gate that a function in steps is: a gate times the input or numbers. Null for other functions. */
export function gateOf(job: FunctionJob, scratch: usize): Gate | null {
  const to = scratch + <usize>(job.count + 1) * BLOCK_BYTES + 64;
  const gate = changetype<Gate>(to);
  let step = job.steps;
  if (changetype<usize>(job.b) || !job.a.float || job.count > STEPS_MAX || step.x != 0) return null;
  gate.hard = false;
  gate.k = 1;
  gate.c = 0;
  gate.a = 0;
  gate.b = 1;
  gate.d = 0;
  switch (step.code) {
    case fn.SIGMOID:
      break;
    case fn.TANH:
      gate.k = 2;
      gate.b = 2;
      gate.d = -1;
      break;
    case fn.HARD_SIGMOID:
      gate.hard = true;
      gate.k = step.first;
      gate.c = step.second;
      break;
    case fn.HARD_SWISH:
      gate.hard = true;
      gate.k = 1.0 / 6.0;
      gate.c = 0.5;
      gate.a = 1;
      gate.b = 0;
      break;
    default:
      return null;
  }
  // the place of the value that is the gate so far; 0 is that of the input
  let at: i32 = <i32>BLOCK_BYTES;
  for (let i = 1; i < job.count; i++) {
    step = step_at(job, i);
    if (step.code == fn.CONSTANT) continue;
    if (step.code != fn.MUL || (step.x != at && step.y != at)) return null;
    const other = step.x == at ? step.y : step.x;
    if (other == 0) {
      if (gate.a != 0 || gate.d != 0) return null;
      gate.a = gate.b;
      gate.b = 0;
    } else {
      const number = step_at(job, other / <i32>BLOCK_BYTES - 1);
      if (number.code != fn.CONSTANT || !isModerate(number.first)) return null;
      gate.a *= number.first;
      gate.b *= number.first;
      gate.d *= number.first;
    }
    at = (i + 1) * <i32>BLOCK_BYTES;
  }
  put_constants(to + GATE_BYTES);
  put_wide_constants(to + GATE_BYTES + WIDE_BYTES);
  return gate;
}

function step_at(job: FunctionJob, i: i32): FunctionStep {
  return changetype<FunctionStep>(changetype<usize>(job.steps) + <usize>i * offsetof<FunctionStep>());
}

/**
 * The distance from a middle, in steps of the result, within which float32 does not say a channel's integers. Of the results that
 * are integers, the terms below count most where the gate bends: |a x| < 2 |a / k| there, and of a hard gate |k x| <= 1 + |c|.
 */
export function near_of(gate: Gate, result: Epilogue, gain: f32): f64 {
  if (!isModerate(gate.k)) return Infinity;
  const scale = abs(<f64>load<f32>(result.scale) * <f64>gain);
  const c = abs(gate.c);
  const bend = gate.hard ? (0.75 + c / 2) * (1 + c) : 1;
  return ERROR_LEAST + ERROR_EACH * scale * (bend * (abs(gate.a / gate.k) + abs(gate.b)) + abs(gate.d));
}

/** Whether it is a product of a sigmoid with a number, or with the input and a number. */
export function is_sigmoid(gate: Gate): bool {
  return !gate.hard && gate.d == 0 && isModerate(gate.a != 0 ? gate.a : gate.b);
}

/** Bounds of the exponent, what rounds it, and 2^f by its powers from f^5 to 1; then what rounds z. */
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
}

/** Makes a channel of integers. */
export function gate_integers(gate: Gate, near: f64, exact: FunctionJob, channel: i32, scratch: usize): void {
  const from = exact.a,
    result = exact.result;
  const size = exact.size,
    hard = gate.hard;
  const gain = <f64>gain_of(exact, channel) * <f64>load<f32>(result.scale);
  const a = f32x4.splat(<f32>(gate.a * gain)),
    b = f32x4.splat(<f32>(gate.b * gain)),
    c = f32x4.splat(<f32>gate.c),
    d = f32x4.splat(<f32>(gate.d * gain + <f64>load<f32>(result.offset))),
    k = f32x4.splat(<f32>(hard ? gate.k : gate.k * -LOG2E));
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
  let at = from.planes + <usize>channel * from.planeBytes;
  let to = result.out + <usize>channel * result.outBytes;
  let pixel = 0;
  // 8 pixels at a time, whose operations do not wait for each other
  for (; pixel + 8 <= size; pixel += 8, at += 32, to += 8) {
    const x = v128.load(at),
      y = v128.load(at, 16);
    let p: v128, q: v128;
    if (hard) {
      const zero = f32x4.sub(one, one);
      p = f32x4.pmin(f32x4.pmax(f32x4.add(f32x4.mul(x, k), c), zero), one);
      q = f32x4.pmin(f32x4.pmax(f32x4.add(f32x4.mul(y, k), c), zero), one);
      p = f32x4.mul(f32x4.add(f32x4.mul(x, a), b), p);
      q = f32x4.mul(f32x4.add(f32x4.mul(y, a), b), q);
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
      p = f32x4.div(f32x4.add(f32x4.mul(x, a), b), p);
      q = f32x4.div(f32x4.add(f32x4.mul(y, a), b), q);
    }
    p = f32x4.add(p, d);
    q = f32x4.add(q, d);
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
      continue;
    }
    const words = i16x8.narrow_i32x4_s(i32x4.sub(first, round), i32x4.sub(second, round));
    v128.store64_lane(to, i8x16.narrow_i16x8_u(words, words), 0);
  }
  for (; pixel < size; pixel += 4, at += 16, to += 4) {
    const x = v128.load(at);
    let z = f32x4.add(f32x4.mul(x, a), b);
    const inner = f32x4.mul(x, k);
    if (hard) {
      z = f32x4.mul(z, f32x4.pmin(f32x4.pmax(f32x4.add(inner, c), f32x4.sub(one, one)), one));
    } else {
      // 2^t is 2^n 2^f, |f| <= 1/2; 2^128 is Infinity, and 2^-126 nothing beside 1; a NaN stays one
      const t = f32x4.pmin(f32x4.pmax(inner, least), most);
      const n = f32x4.add(t, turn);
      const f = f32x4.sub(t, f32x4.sub(n, turn));
      let power = f32x4.add(f32x4.mul(c5, f), c4);
      power = f32x4.add(f32x4.mul(power, f), c3);
      power = f32x4.add(f32x4.mul(power, f), c2);
      power = f32x4.add(f32x4.mul(power, f), c1);
      power = f32x4.add(f32x4.mul(power, f), one);
      z = f32x4.div(z, f32x4.add(i32x4.add(power, i32x4.shl(n, 23)), one));
    }
    const sum = f32x4.add(z, d);
    z = f32x4.pmin(f32x4.pmax(low, sum), high);
    // adding 2^23 rounds it, and leaves the integer in the low bits
    const shifted = f32x4.add(z, round);
    const rest = f32x4.abs(f32x4.sub(z, f32x4.sub(shifted, round)));
    // near a middle, or no number
    if (v128.any_true(v128.or(f32x4.gt(rest, far), f32x4.ne(sum, sum)))) {
      apply_block(exact, channel, pixel, min(4, size - pixel), scratch);
      continue;
    }
    const words = i16x8.narrow_i32x4_s(i32x4.sub(shifted, round), shifted);
    const bytes = i8x16.narrow_i16x8_u(words, words);
    if (pixel + 4 <= size) v128.store32_lane(to, bytes, 0);
    else {
      v128.store(scratch, bytes);
      memory.copy(to, scratch, <usize>(size - pixel));
    }
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
  const constants = changetype<usize>(gate) + GATE_BYTES + WIDE_BYTES;
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
