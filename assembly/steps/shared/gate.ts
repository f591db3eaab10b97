// gate.ts: finds functions with a gate among those that steps compute.
//
//   f(x) = (a x + b) gate(k x) + d + e x      gate(t): 1 / (1 + exp(-t)), erf(t), t + c between 0 and 1, t, none,
//                                             or 1 where t + c > 0 and else 0
//
// SiLU, sigmoid, tanh, GELU, hard swish, hard sigmoid, leaky ReLU, the larger of two values, squares and factors are of this form, in
// whatever order a file has their steps. Bounds of f may follow. It takes fewer operations than the steps do: gate-integers.ts and
// gate-values.ts.
import * as fn from "../../../src/runtime/step-codes";
import { BLOCK_BYTES, FunctionJob, FunctionStep } from "./steps";

/** Most steps, so that no product of their numbers leaves those of float64. */
const STEPS_MAX: i32 = 15;
/** A bound from which on it bounds no result. */
const OPEN: f64 = 1e30;

/** A value (a x + b) gate + d + e x; a number has d alone, a multiple of the input e alone. */
@unmanaged
class Value {
  a!: f64;
  b!: f64;
  d!: f64;
  e!: f64;
}

/** The kinds of gates. */
export const NONE: i32 = 0;
export const SIGMOID: i32 = 1;
export const ERF: i32 = 2;
export const HARD: i32 = 3;
export const INPUT: i32 = 4;
export const STEP: i32 = 5;

/**
 * A function with a gate. Behind it lie the constants of the loops: engines make a constant anew, in three instructions, wherever
 * it is used.
 *
 *   scratch   | blocks of the steps | 64 bytes | Gate, 80 bytes | NARROW_BYTES | WIDE_BYTES | Values of the steps |
 */
@unmanaged
export class Gate {
  kind!: i32;
  /** Whether a step adds behind the gate: a sum with 0 has no sign of its own. */
  hasSum!: bool;
  /** Whether a step adds multiples of x and of x gate: where these cancel, it has lost the bits of others. */
  hasMixed!: bool;
  k!: f64;
  c!: f64;
  a!: f64;
  b!: f64;
  d!: f64;
  e!: f64;
  /** Bounds of f. */
  low!: f64;
  high!: f64;
  /** The distance from a middle within which float32 does not say the integers of a channel. */
  near!: f64;
}

const GATE_BYTES: usize = 80;
/** The bytes of the constants of gate-integers.ts and of gate-values.ts. */
const NARROW_BYTES: usize = 96;
const WIDE_BYTES: usize = 96;

/** Where the constants of gate-integers.ts lie. */
export function narrow_constants(gate: Gate): usize {
  return changetype<usize>(gate) + GATE_BYTES;
}

/** Where the constants of gate-values.ts lie. */
export function wide_constants(gate: Gate): usize {
  return narrow_constants(gate) + NARROW_BYTES;
}

export function is_moderate(x: f64): bool {
  return abs(x) >= 1e-30 && abs(x) <= 1e30;
}

function is_number(value: Value): bool {
  return value.a == 0 && value.b == 0 && value.e == 0;
}

/** Whether a value is the input times a number, plus another. */
function is_affine(value: Value): bool {
  return value.a == 0 && value.b == 0 && is_moderate(value.e);
}

/** Whether a value is the input times a number. */
function is_linear(value: Value): bool {
  return is_affine(value) && value.d == 0;
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
  gate.kind = NONE;
  gate.hasSum = false;
  gate.hasMixed = false;
  gate.low = -Infinity;
  gate.high = Infinity;
  const values = wide_constants(gate) + WIDE_BYTES;
  let to = values;
  fill(changetype<Value>(to), 0, 0, 0, 1);
  let step = changetype<usize>(job.steps);
  for (const end = step + <usize>job.count * offsetof<FunctionStep>(); step < end; step += offsetof<FunctionStep>()) {
    to += offsetof<Value>();
    const isLast = step + offsetof<FunctionStep>() == end;
    if (!take_step(gate, changetype<FunctionStep>(step), values, changetype<Value>(to), isLast)) return null;
  }
  const last = changetype<Value>(to);
  gate.a = last.a;
  gate.b = last.b;
  gate.d = last.d;
  gate.e = last.e;
  return gate;
}

function value_at(values: usize, place: i32): Value {
  return changetype<Value>(values + (<usize>place / BLOCK_BYTES) * offsetof<Value>());
}

/** Writes the value of a step, or says that it has another form. */
function take_step(gate: Gate, step: FunctionStep, values: usize, to: Value, isLast: bool): bool {
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
      return is_linear(x) && open_gate(gate, SIGMOID, x, 1, 0) && fill(to, 0, 1, 0, 0);
    case fn.TANH:
      return is_linear(x) && open_gate(gate, SIGMOID, x, 2, 0) && fill(to, 0, 2, -1, 0);
    case fn.ERF:
      return is_linear(x) && open_gate(gate, ERF, x, 1, 0) && fill(to, 0, 1, 0, 0);
    case fn.HARD_SIGMOID:
      return open_gate(gate, HARD, x, step.first, step.second) && fill(to, 0, 1, 0, 0);
    case fn.HARD_SWISH:
      return is_linear(x) && open_gate(gate, HARD, x, 1.0 / 6.0, 0.5) && fill(to, x.e, 0, 0, 0);
    case fn.CLIP: {
      // a side that is open has the largest number of float32
      const low = step.first <= -OPEN ? -Infinity : step.first,
        high = step.second >= OPEN ? Infinity : step.second;
      return hold(gate, x, low, high, isLast, to);
    }
    case fn.MAX:
      if (is_number(x)) return hold(gate, y, x.d, Infinity, isLast, to);
      return is_number(y) && hold(gate, x, y.d, Infinity, isLast, to);
    case fn.MIN:
      if (is_number(x)) return hold(gate, y, -Infinity, x.d, isLast, to);
      return is_number(y) && hold(gate, x, -Infinity, y.d, isLast, to);
    case fn.ABS:
      return open_gate(gate, STEP, x, 1, 0) && fill(to, 2 * x.e, 2 * x.d, -x.d, -x.e);
    case fn.LEAKY_RELU:
      return leak(gate, x, step.first, to);
    case fn.PRELU:
      return is_number(y) && leak(gate, x, y.d, to);
    default:
      return false;
  }
}

/** x where it is positive, else a part of it. */
function leak(gate: Gate, x: Value, slope: f64, to: Value): bool {
  const rest = 1 - slope;
  return open_gate(gate, STEP, x, 1, 0) && fill(to, rest * x.e, rest * x.d, slope * x.d, slope * x.e);
}

/** Holds a value between bounds, of which one may be infinite: behind a gate the whole function, else by a gate. */
function hold(gate: Gate, x: Value, low: f64, high: f64, isLast: bool, to: Value): bool {
  if (isLast && gate.kind != NONE) {
    gate.low = low;
    gate.high = high;
    gate.hasSum = true;
    return low < high && fill(to, x.a, x.b, x.d, x.e);
  }
  const range = high - low;
  if (range < Infinity) {
    // a bound so near to 0 that the range has lost it
    if (low + range == 0 && high != 0) return false;
    // the part of its range that lies below
    return (
      is_moderate(range) && range > 0 && open_gate(gate, HARD, x, 1 / range, -low / range) && fill(to, 0, range, low, 0)
    );
  }
  const isAbove = low > -Infinity,
    sign: f64 = isAbove ? 1 : -1,
    end = isAbove ? low : high;
  return abs(end) < Infinity && open_gate(gate, STEP, x, sign, -sign * end) && fill(to, x.e, x.d - end, end, 0);
}

/** A sum or difference in which nothing cancels: else the steps may have lost bits that the terms have. */
function add(gate: Gate, x: Value, y: Value, sign: f64, to: Value): bool {
  const isInner = x.a == 0 && y.a == 0 && x.b == 0 && y.b == 0 && x.d + y.d != 0;
  if (!isInner) gate.hasSum = true;
  if ((x.a != 0 && y.e != 0) || (x.e != 0 && y.a != 0)) gate.hasMixed = true;
  if ((x.a != 0 && y.a != 0) || (x.b != 0 && y.b != 0) || (x.d != 0 && y.d != 0) || (x.e != 0 && y.e != 0))
    return false;
  return fill(to, x.a + sign * y.a, x.b + sign * y.b, x.d + sign * y.d, x.e + sign * y.e);
}

/** Takes the one gate of a function: gate(k inner + c). */
function open_gate(gate: Gate, kind: i32, inner: Value, k: f64, c: f64): bool {
  if (gate.kind != NONE || !is_affine(inner) || !is_moderate(k * inner.e)) return false;
  gate.kind = kind;
  gate.k = k * inner.e;
  gate.c = k * inner.d + c;
  return true;
}
