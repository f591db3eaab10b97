// gate.ts: functions with a gate, of float32 planes: fewer operations than the steps take, and the same results.
//
//   integers   z = (a x + b) gate(x) + d    in units of the result's steps; gate: 1 / (1 + exp(-k x)), or k x + c between 0 and 1
//   the rest   v = factor x gate(x), or factor gate(x)    in float64
//
// SiLU, sigmoid, tanh, hard swish and hard sigmoid are of the first form, SiLU and sigmoid of the second. z is computed in float32
// and errs by less than NEAR for every z that rounds to one of the result's integers; v errs by less than 2^14 units in its last
// place of float64 (docs/kernels.md). So wherever they lie further than that from the middle between two results, rounding
// gives that of the exact value; elsewhere, in one vector or block of a hundred and more, the steps are run.
import { Epilogue } from "../runtime/shared/epilogue";
import { write_f32 } from "./shared/block";
import { apply_block, BLOCK, BLOCK_BYTES, FunctionJob } from "./shared/steps";

// Engines make a constant anew, in three instructions, wherever it is used. So constants are written behind the blocks of the steps and
// loaded from there: docs/kernels.md.

/** The scratch memory behind the blocks of the steps, where blocks of 16 float32 may also be read and written. */
function behind_blocks(steps: FunctionJob, scratch: usize): usize {
  return scratch + <usize>(steps.count + 1) * BLOCK_BYTES + 64;
}

/** The distance from a middle within which float32 does not say the integer: 2^-10. */
const NEAR: f32 = 0.0009765625;

/** A function with a gate, of float32 planes to linear integers. */
@unmanaged
export class GateJob {
  /** The same in steps. */
  steps: FunctionJob = changetype<FunctionJob>(0);
  /** Whether the gate is k x + c between 0 and 1; else k is that of the sigmoid times -1 / ln 2. */
  hard!: bool;
  k!: f32;
  c!: f32;
  a!: f32;
  b!: f32;
  d!: f32;
}

/** Bounds of the exponent, what rounds it, and 2^f by its powers from f^5 to 1; then what rounds z, and half a step less NEAR. */
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
  store<f32>(to, 0.5 - NEAR, 40);
}

/** Makes channels first..last-1. */
export function apply_gate(job: GateJob, first: i32, last: i32, scratch: usize): void {
  const exact = job.steps;
  const constants = behind_blocks(exact, scratch);
  put_constants(constants);
  const from = exact.a,
    result = exact.result;
  const size = exact.size,
    hard = job.hard;
  const zero = load<f32>(result.offset);
  const k = v128.load32_splat(changetype<usize>(job) + offsetof<GateJob>("k")),
    c = v128.load32_splat(changetype<usize>(job) + offsetof<GateJob>("c")),
    low = v128.load32_splat(changetype<usize>(result) + offsetof<Epilogue>("low")),
    high = v128.load32_splat(changetype<usize>(result) + offsetof<Epilogue>("high"));
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
    far = v128.load32_splat(constants, 40);
  const a = f32x4.splat(job.a),
    b = f32x4.splat(job.b),
    d = f32x4.splat(job.d + zero);
  for (let channel = first; channel < last; channel++) {
    let at = from.planes + <usize>channel * from.planeBytes;
    let to = result.out + <usize>channel * result.outBytes;
    let pixel = 0;
    // the exponential of 8 pixels at a time, whose steps do not wait for each other
    if (!hard) {
      for (; pixel + 8 <= size; pixel += 8, at += 32, to += 8) {
        const x = v128.load(at),
          y = v128.load(at, 16);
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
        let p = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(p45, f2), p23), f2), p01),
          q = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(q45, g2), q23), g2), q01);
        p = f32x4.add(i32x4.add(p, i32x4.shl(n, 23)), one);
        q = f32x4.add(i32x4.add(q, i32x4.shl(m, 23)), one);
        p = f32x4.add(f32x4.div(f32x4.add(f32x4.mul(x, a), b), p), d);
        q = f32x4.add(f32x4.div(f32x4.add(f32x4.mul(y, a), b), q), d);
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
}

/** 1 / (1 + 2^(k x)) times `factor`, and times x with `product`, of float32 planes. */
@unmanaged
export class SigmoidJob {
  /** The same in steps. */
  steps: FunctionJob = changetype<FunctionJob>(0);
  product!: bool;
  k!: f64;
  factor!: f64;
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

/** By how many units in the last place of float64 a result may err: 1.4e-12 of a value of almost 2 units. */
const ERROR: i32 = 16384;

/** Makes channels first..last-1. */
export function apply_sigmoid(job: SigmoidJob, first: i32, last: i32, scratch: usize): void {
  const exact = job.steps;
  const constants = behind_blocks(exact, scratch);
  put_wide_constants(constants);
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
  const k = f64x2.splat(job.k),
    factor = f64x2.splat(job.factor),
    isProduct = i64x2.splat(job.product ? -1 : 0);
  const from = exact.a,
    result = exact.result;
  const size = exact.size;
  for (let channel = first; channel < last; channel++) {
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
        v128.store(
          scratch + ((<usize>i) << 2),
          i64x2.shuffle(f32x4.demote_f64x2_zero(v), f32x4.demote_f64x2_zero(w), 0, 2),
        );
      }
      if (v128.any_true(near) || !i64x2.all_true(inside)) apply_block(exact, channel, pixel, count, scratch);
      else write_f32(result, channel, pixel, count, scratch);
    }
  }
}
