// gate-integers.ts: functions with a gate whose results are integers, in float32, with the bits of the steps.
//
// A value is computed in units of the result's steps, and errs by less than near_of for every value that rounds to one of the
// result's integers. So wherever it lies further than that from the middle between two integers, rounding gives the integer
// of the exact value; elsewhere, in one vector of a hundred and more, the steps are run.
import { Epilogue } from "../../runtime/shared/epilogue";
import { ERF, Gate, HARD, INPUT, NONE, narrow_constants, SIGMOID, STEP } from "./gate";
import { apply_block, FunctionJob, gain_of } from "./steps";

/** By how many steps of the result a float32 errs where all terms are small, and for each unit of the others: 2^-12, 2^-22. */
const ERROR_LEAST: f64 = 0.000244140625;
const ERROR_EACH: f64 = 2.384185791015625e-7;
/** The most that it may err, so that few vectors are computed twice: 2^-7. */
export const NEAR_MAX: f64 = 0.0078125;
/** The least scale: results are below 1e24 then. */
const SCALE_LEAST: f64 = 1e-20;
/** The most that the numbers of a function are in steps of the result. */
const FACTOR_MOST: f64 = 1e30;
const LOG2E: f64 = Math.LOG2E;

/**
 * The distance from a middle, in steps of the result, within which float32 does not say a channel's integers. Of the results that
 * are integers, the terms below count most where the gate bends: |a x| < 2 |a / k| there for a sigmoid, 4 |a / k| for erf, which
 * errs by 5.4e-7, and of a hard gate |k x| <= 1 + |c|. A sum with e x may cancel there, and further out as cancels_of says. Of
 * squares it cancels around -e / a, where the terms are e^2 / |a| and more.
 */
export function near_of(gate: Gate, result: Epilogue, gain: f32): f64 {
  const scale = abs(<f64>load<f32>(result.scale) * <f64>gain);
  // steps of a result so wide that a bound that counts as none would be inside of it
  if (scale < SCALE_LEAST) return 1;
  // numbers that float32 has not, or whose products with the least values it has not
  if (scale * max(max(abs(gate.a), abs(gate.e)), max(abs(gate.b), abs(gate.d))) > FACTOR_MOST) return 1;
  const c = abs(gate.c);
  // without a gate, and of squares alone, an error is a small part of the result
  const least = ERROR_LEAST + ERROR_EACH * scale * (far_of(gate.low) + far_of(gate.high));
  if (gate.kind == NONE) return least + ERROR_EACH * scale * abs(gate.d);
  if (gate.kind == INPUT) return least + ERROR_EACH * scale * (2 * abs(gate.d) + 3 * gate.e * (gate.e / abs(gate.a)));
  const cancels = cancels_of(gate),
    far = 512 + scale * (abs(gate.b) + abs(gate.d));
  if (gate.kind == STEP) return least + ERROR_EACH * cancels * far;
  let bend = gate.kind == HARD ? (0.75 + c / 2) * (1 + c) : 1;
  if (gate.kind == ERF || gate.e != 0) bend = 12 * (1 + c) * (1 + c);
  const terms = bend * (abs(gate.a / gate.k) + abs(gate.b) + abs(gate.e / gate.k)) + abs(gate.d);
  return least + ERROR_EACH * (scale * terms + (cancels - 1) * far);
}

/**
 * How many times larger than their sum a x gate and e x are where the gate has opened, and where erf is -1: there they are as
 * large as that and a result of at most 2^9 let them be. Infinite where they leave nothing, unless the steps have nothing left of
 * the factors of x themselves, and no other number is added to a x.
 */
function cancels_of(gate: Gate): f64 {
  if (gate.a == 0 || gate.e == 0) return 1;
  const open = ratio_of(gate, gate.e + gate.a);
  return gate.kind == ERF ? max(open, ratio_of(gate, gate.e - gate.a)) : open;
}

function ratio_of(gate: Gate, sum: f64): f64 {
  const isNothing = sum == 0 && gate.kind != STEP && gate.b == 0 && !gate.hasMixed;
  return isNothing ? 1 : (abs(gate.a) + abs(gate.e)) / abs(sum);
}

/** How far a bound is from 0, if there is one. */
function far_of(bound: f64): f64 {
  return abs(bound) < Infinity ? abs(bound) : 0;
}

/** The numbers of the loop. */
@unmanaged
class Numbers {
  /** Bounds of the exponent t of 2^t, and what rounds it. */
  least!: f32;
  most!: f32;
  turn!: f32;
  /** 2^f by its powers, from f^5 to 1. */
  exp5!: f32;
  exp4!: f32;
  exp3!: f32;
  exp2!: f32;
  exp1!: f32;
  one!: f32;
  /** What rounds a result. */
  round!: f32;
  /** erf(t) = t P(t^2) / Q(t^2) up to 4, P from its 6th power on, Q from its 4th. */
  p6!: f32;
  p5!: f32;
  p4!: f32;
  p3!: f32;
  p2!: f32;
  p1!: f32;
  p0!: f32;
  q4!: f32;
  q3!: f32;
  q2!: f32;
  q1!: f32;
  four!: f32;
}

/** Writes the numbers of gate_integers. */
export function put_narrow_constants(gate: Gate): void {
  const to = changetype<Numbers>(narrow_constants(gate));
  to.least = -126;
  to.most = 128;
  to.turn = 12582912;
  to.exp5 = 0.001326472731307149;
  to.exp4 = 0.009671512991189957;
  to.exp3 = 0.05550733581185341;
  to.exp2 = 0.24022242426872253;
  to.exp1 = 0.6931470036506653;
  to.one = 1;
  to.round = 8388608;
  to.p6 = 1.921707237784176e-8;
  to.p5 = -1.9903116026398493e-6;
  to.p4 = 0.00015553634148091078;
  to.p3 = 0.004293045960366726;
  to.p2 = 0.05243343114852905;
  to.p1 = 0.213944673538208;
  to.p0 = 1.1283786296844482;
  to.q4 = 0.0010980356018990278;
  to.q3 = 0.015551071614027023;
  to.q2 = 0.12079958617687225;
  to.q1 = 0.5229312181472778;
  to.four = 4;
}

/** Makes a channel of integers. */
export function gate_integers(gate: Gate, exact: FunctionJob, channel: i32, scratch: usize): void {
  const from = exact.a,
    result = exact.result;
  const size = exact.size,
    kind = gate.kind;
  const gain = <f64>gain_of(exact, channel) * <f64>load<f32>(result.scale),
    offset = <f64>load<f32>(result.offset);
  const a = f32x4.splat(<f32>(gate.a * gain)),
    b = f32x4.splat(<f32>(gate.b * gain)),
    c = f32x4.splat(<f32>gate.c),
    d = f32x4.splat(<f32>(gate.d * gain + offset)),
    e = f32x4.splat(<f32>(gate.e * gain)),
    k = f32x4.splat(<f32>(kind == SIGMOID ? gate.k * -LOG2E : gate.k));
  // the bounds of the function, which a negative gain exchanges, within those of the result
  const from0 = gain < 0 ? gate.high : gate.low,
    to0 = gain < 0 ? gate.low : gate.high;
  const lowest = abs(from0) < Infinity ? <f32>(from0 * gain + offset) : result.low,
    highest = abs(to0) < Infinity ? <f32>(to0 * gain + offset) : result.high;
  const low = f32x4.splat(min(max(result.low, lowest), result.high)),
    high = f32x4.splat(max(min(result.high, highest), result.low));
  const constants = narrow_constants(gate);
  const least = v128.load32_splat(constants, offsetof<Numbers>("least")),
    most = v128.load32_splat(constants, offsetof<Numbers>("most")),
    turn = v128.load32_splat(constants, offsetof<Numbers>("turn"));
  const c5 = v128.load32_splat(constants, offsetof<Numbers>("exp5")),
    c4 = v128.load32_splat(constants, offsetof<Numbers>("exp4")),
    c3 = v128.load32_splat(constants, offsetof<Numbers>("exp3")),
    c2 = v128.load32_splat(constants, offsetof<Numbers>("exp2")),
    c1 = v128.load32_splat(constants, offsetof<Numbers>("exp1")),
    one = v128.load32_splat(constants, offsetof<Numbers>("one"));
  const round = v128.load32_splat(constants, offsetof<Numbers>("round")),
    far = f32x4.splat(<f32>(0.5 - gate.near));
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
    } else if (kind == STEP) {
      const zero = f32x4.sub(one, one);
      p = v128.and(one, f32x4.gt(f32x4.add(f32x4.mul(x, k), c), zero));
      q = v128.and(one, f32x4.gt(f32x4.add(f32x4.mul(y, k), c), zero));
    } else if (kind == NONE || kind == INPUT) {
      p = x;
      q = y;
    } else if (kind == ERF) {
      const four = v128.load32_splat(constants, offsetof<Numbers>("four"));
      const t = f32x4.pmin(f32x4.pmax(f32x4.mul(x, k), f32x4.neg(four)), four),
        u = f32x4.pmin(f32x4.pmax(f32x4.mul(y, k), f32x4.neg(four)), four);
      const f = f32x4.mul(t, t),
        g = f32x4.mul(u, u);
      p = f32x4.add(
        f32x4.mul(v128.load32_splat(constants, offsetof<Numbers>("p6")), f),
        v128.load32_splat(constants, offsetof<Numbers>("p5")),
      );
      q = f32x4.add(
        f32x4.mul(v128.load32_splat(constants, offsetof<Numbers>("p6")), g),
        v128.load32_splat(constants, offsetof<Numbers>("p5")),
      );
      for (let i = offsetof<Numbers>("p4"); i <= offsetof<Numbers>("p0"); i += 4) {
        const next = v128.load32_splat(constants + i);
        p = f32x4.add(f32x4.mul(p, f), next);
        q = f32x4.add(f32x4.mul(q, g), next);
      }
      let m = v128.load32_splat(constants, offsetof<Numbers>("q4")),
        n = m;
      for (let i = offsetof<Numbers>("q3"); i <= offsetof<Numbers>("q1"); i += 4) {
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
