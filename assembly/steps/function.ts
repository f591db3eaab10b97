// function.ts: functions of one value and of two, in float64; and those with a gate, whose integers float32 nearly always tells.
//
//   z = (a x + b) gate(x) + d     in units of the result's steps; gate: 1 / (1 + exp(-k x)), or k x + c between 0 and 1
//
// SiLU, sigmoid, tanh, hard swish and hard sigmoid are of this form. Its float32 value errs by less than NEAR for every z that
// rounds to one of the result's integers (docs/kernels.md). So wherever z lies further than NEAR from the middle between two
// integers, its integer is that of the exact value; elsewhere, in one vector of a hundred, the steps are run.
import { Epilogue } from "../runtime/shared/epilogue";
import { apply_block, BLOCK, FunctionJob } from "./shared/steps";

/** Makes channels first..last-1. */
export function apply_steps(job: FunctionJob, first: i32, last: i32, scratch: usize): void {
  const size = job.size;
  for (let channel = first; channel < last; channel++) {
    for (let pixel = 0; pixel < size; pixel += BLOCK) {
      apply_block(job, channel, pixel, min(BLOCK, size - pixel), scratch);
    }
  }
}

/** A function with a gate, of float32 planes to linear integers. */
@unmanaged
export class GateJob {
  /** The same in steps. */
  steps: FunctionJob = changetype<FunctionJob>(0);
  /** float32: GATE_CONSTANTS of src/runtime/gates.ts. */
  table!: usize;
  /** Whether the gate is k x + c between 0 and 1; else k is that of the sigmoid times -1 / ln 2. */
  hard!: bool;
  k!: f32;
  c!: f32;
  a!: f32;
  b!: f32;
  d!: f32;
}

/** Makes channels first..last-1. */
export function apply_gate(job: GateJob, first: i32, last: i32, scratch: usize): void {
  const exact = job.steps;
  const from = exact.a,
    result = exact.result;
  const size = exact.size,
    gains = exact.gains,
    hard = job.hard;
  const zero = load<f32>(result.offset);
  const k = v128.load32_splat(changetype<usize>(job) + offsetof<GateJob>("k")),
    c = v128.load32_splat(changetype<usize>(job) + offsetof<GateJob>("c")),
    low = v128.load32_splat(changetype<usize>(result) + offsetof<Epilogue>("low")),
    high = v128.load32_splat(changetype<usize>(result) + offsetof<Epilogue>("high"));
  const constants = job.table;
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
  for (let channel = first; channel < last; channel++) {
    const gain: f32 = gains ? load<f32>(gains + ((<usize>channel) << 2)) : 1;
    const a = f32x4.splat(job.a * gain),
      b = f32x4.splat(job.b * gain),
      d = f32x4.splat(job.d * gain + zero);
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
        let p = f32x4.add(f32x4.mul(c5, f), c4),
          q = f32x4.add(f32x4.mul(c5, g), c4);
        p = f32x4.add(f32x4.mul(p, f), c3);
        q = f32x4.add(f32x4.mul(q, g), c3);
        p = f32x4.add(f32x4.mul(p, f), c2);
        q = f32x4.add(f32x4.mul(q, g), c2);
        p = f32x4.add(f32x4.mul(p, f), c1);
        q = f32x4.add(f32x4.mul(q, g), c1);
        p = f32x4.add(f32x4.mul(p, f), one);
        q = f32x4.add(f32x4.mul(q, g), one);
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
