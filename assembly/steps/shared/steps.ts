// steps.ts: functions of one value and of two, in steps, each over a block of pixels in float64.
//
//   scratch   | value 0: 64 float64 | value 1 | ... | the last: the result |
//             the operands (one or two) come first, then the result of each step in turn

import * as fn from "../../../src/runtime/step-codes";
import { Epilogue } from "../../runtime/shared/epilogue";
import { multiply_f64, Operand, read_f64, write_f64 } from "./block";
import { atan_f64, erf_f64, log_f64, power_f64, wave_f64 } from "./elementary";
import { elu_block, exp_block, sigmoid_block, tanh_block } from "./exponential";

/** Pixels of a block, and the bytes of its values; the second half of a block serves to read it. */
export const BLOCK = 64;
export const BLOCK_BYTES: usize = 512;

/** A function, and the planes that it is of. */
@unmanaged
export class FunctionJob {
  /** The operands; 0 for the second where there is one. */
  a: Operand = changetype<Operand>(0);
  b: Operand = changetype<Operand>(0);
  /** Records, `count` of them. */
  steps: FunctionStep = changetype<FunctionStep>(0);
  count!: i32;
  /** Pixels of a plane of the result, and of a row. */
  size!: i32;
  width!: i32;
  result: Epilogue = changetype<Epilogue>(0);
  /** A float32 for each channel that the float32 results are multiplied by, or 0. */
  gains!: usize;
}

/** A step: its function, the values that it reads by their place in the scratch memory, in bytes, and its parameters. */
@unmanaged
export class FunctionStep {
  code!: i32;
  x!: i32;
  y!: i32;
  z!: i32;
  first!: f64;
  second!: f64;
}

/** The number that the float32 results of a channel are multiplied by. */
export function gain_of(job: FunctionJob, channel: i32): f32 {
  return job.gains ? load<f32>(job.gains + ((<usize>channel) << 2)) : 1;
}

/** Writes the values of steps that are numbers: they stay for all blocks. */
export function put_constants(job: FunctionJob, scratch: usize): void {
  let to = scratch + (changetype<usize>(job.b) ? 2 : 1) * BLOCK_BYTES;
  let step = changetype<usize>(job.steps);
  for (const end = step + <usize>job.count * offsetof<FunctionStep>(); step < end; step += offsetof<FunctionStep>()) {
    const it = changetype<FunctionStep>(step);
    if (it.code == fn.CONSTANT) for (let i: usize = 0; i < BLOCK_BYTES; i += 8) store<f64>(to + i, it.first);
    to += BLOCK_BYTES;
  }
}

/** Makes `count` pixels of a channel, at most 64. */
export function apply_block(job: FunctionJob, channel: i32, pixel: i32, count: i32, scratch: usize): void {
  const width = job.width;
  let to = scratch;
  read_f64(job.a, channel, pixel, count, width, to);
  to += BLOCK_BYTES;
  if (changetype<usize>(job.b)) {
    read_f64(job.b, channel, pixel, count, width, to);
    to += BLOCK_BYTES;
  }
  let step = changetype<usize>(job.steps);
  for (const end = step + <usize>job.count * offsetof<FunctionStep>(); step < end; step += offsetof<FunctionStep>()) {
    run_step(changetype<FunctionStep>(step), scratch, to, count);
    to += BLOCK_BYTES;
  }
  to -= BLOCK_BYTES;
  if (job.gains) multiply_f64(to, count, gain_of(job, channel));
  write_f64(job.result, channel, pixel, count, to);
}

/** Runs one step over a block. */
function run_step(step: FunctionStep, scratch: usize, to: usize, count: i32): void {
  const code = step.code;
  const x = scratch + <usize>step.x,
    y = scratch + <usize>step.y,
    z = scratch + <usize>step.z;
  const bytes = (<usize>count) << 3;
  switch (code) {
    case fn.CONSTANT:
      // put_constants has
      return;
    case fn.MUL:
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f64x2.mul(v128.load(x + i), v128.load(y + i)));
      return;
    case fn.ADD:
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f64x2.add(v128.load(x + i), v128.load(y + i)));
      return;
    case fn.SUB:
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f64x2.sub(v128.load(x + i), v128.load(y + i)));
      return;
    case fn.DIV:
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f64x2.div(v128.load(x + i), v128.load(y + i)));
      return;
    case fn.MAX:
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f64x2.max(v128.load(x + i), v128.load(y + i)));
      return;
    case fn.MIN:
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f64x2.min(v128.load(x + i), v128.load(y + i)));
      return;
    case fn.LEAKY_RELU: {
      const slope = f64x2.splat(step.first),
        zero = f64x2.splat(0);
      for (let i: usize = 0; i < bytes; i += 16) {
        const two = v128.load(x + i);
        v128.store(to + i, v128.bitselect(f64x2.mul(slope, two), two, f64x2.lt(two, zero)));
      }
      return;
    }
    case fn.CLIP: {
      const p = f64x2.splat(step.first),
        q = f64x2.splat(step.second);
      for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, bounded(v128.load(x + i), p, q));
      return;
    }
    case fn.EXP:
      exp_block(x, to, bytes);
      return;
    case fn.SIGMOID:
      sigmoid_block(x, to, bytes);
      return;
    case fn.TANH:
      tanh_block(x, to, bytes);
      return;
    case fn.ELU:
      elu_block(x, to, bytes, step.first);
      return;
    case fn.ATAN:
    case fn.COS:
    case fn.ERF:
    case fn.LOG:
    case fn.MOD:
    case fn.POW:
    case fn.SIN:
      // value by value
      for (let i: usize = 0; i < bytes; i += 8) {
        store<f64>(to + i, step_f64(code, load<f64>(x + i), load<f64>(y + i)));
      }
      return;
    default: {
      const p = f64x2.splat(step.first),
        q = f64x2.splat(step.second);
      for (let i: usize = 0; i < bytes; i += 16) {
        v128.store(to + i, step_f64x2(code, v128.load(x + i), v128.load(y + i), v128.load(z + i), p, q));
      }
    }
  }
}

function bounded(x: v128, low: v128, high: v128): v128 {
  return f64x2.min(f64x2.max(x, low), high);
}

/** The result of a step for two values of each operand. */
function step_f64x2(code: i32, x: v128, y: v128, z: v128, p: v128, q: v128): v128 {
  const zero = f64x2.splat(0),
    one = f64x2.splat(1);
  switch (code) {
    case fn.PRELU:
      return v128.bitselect(f64x2.mul(x, y), x, f64x2.lt(x, zero));
    case fn.HARD_SIGMOID:
      return bounded(f64x2.add(f64x2.mul(p, x), q), zero, one);
    case fn.HARD_SWISH:
      return f64x2.mul(x, bounded(f64x2.add(f64x2.div(x, f64x2.splat(6)), f64x2.splat(0.5)), zero, one));
    case fn.ABS:
      return f64x2.abs(x);
    case fn.SQRT:
      return f64x2.sqrt(x);
    case fn.FLOOR:
      return f64x2.floor(x);
    case fn.ROUND: {
      const low = f64x2.floor(x);
      const rest = f64x2.sub(x, low);
      const half = f64x2.mul(low, f64x2.splat(0.5));
      const isOdd = f64x2.ne(half, f64x2.floor(half));
      const isTie = v128.and(f64x2.eq(rest, f64x2.splat(0.5)), isOdd);
      return v128.bitselect(f64x2.add(low, one), low, v128.or(f64x2.gt(rest, f64x2.splat(0.5)), isTie));
    }
    case fn.SIGN: {
      // 0 and NaN are their own signs
      const signed = v128.or(one, v128.and(x, f64x2.splat(-0.0)));
      return v128.bitselect(signed, x, f64x2.gt(f64x2.abs(x), zero));
    }
    case fn.EQUAL:
      return v128.and(one, f64x2.eq(x, y));
    case fn.LESS:
      return v128.and(one, f64x2.lt(x, y));
    default:
      // fn.WHERE
      return v128.bitselect(z, y, f64x2.eq(x, zero));
  }
}

/** The result of a step that is computed value by value. */
function step_f64(code: i32, x: f64, y: f64): f64 {
  switch (code) {
    case fn.ATAN:
      return atan_f64(x);
    case fn.COS:
      return wave_f64(x, 1);
    case fn.ERF:
      return erf_f64(x);
    case fn.LOG:
      return log_f64(x);
    case fn.MOD:
      return x % y;
    case fn.POW:
      return power_f64(x, y);
    default:
      // fn.SIN
      return wave_f64(x, 0);
  }
}
