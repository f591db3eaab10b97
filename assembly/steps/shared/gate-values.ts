// gate-values.ts: products of a gate whose results are no integers that float32 tells, in float64, with the bits of the steps.
//
// A value errs by less than ERROR units in the last place (docs/kernels.md). So wherever it lies further than that from the middle
// between two numbers of float32, rounding gives that of the exact value; elsewhere, in one block of some hundred, the steps
// are run.
import { write_f32 } from "./block";
import { Gate, HARD, is_moderate, SIGMOID, wide_constants } from "./gate";
import { apply_block, BLOCK, FunctionJob, gain_of } from "./steps";

/** By how many units in the last place of float64 a result may err: 1.4e-12 of a value of almost 2 units. */
const ERROR: i32 = 16384;
/** How near to 0 a hard gate errs by more than that, in units of 1 + |c|: it is a sum that cancels. 2^-11. */
const CANCELS: f64 = 0.00048828125;
const LOG2E: f64 = Math.LOG2E;

/** Whether it is a product of a gate with a number, or with the input and a number. */
export function is_product(gate: Gate): bool {
  const isProduct = gate.d == 0 && gate.e == 0 && (gate.a == 0 || gate.b == 0);
  return (gate.kind == SIGMOID || gate.kind == HARD) && !gate.hasSum && isProduct && is_moderate(gate.a + gate.b);
}

/** The numbers of the loop. */
@unmanaged
class Numbers {
  /** Bounds of the exponent t of 2^t, and what rounds it. */
  least!: f64;
  most!: f64;
  turn!: f64;
  /** 2^f by its powers, from f^8 to 1: its error is 1.1e-12 of the value, |f| <= 1/2. */
  exp8!: f64;
  exp7!: f64;
  exp6!: f64;
  exp5!: f64;
  exp4!: f64;
  exp3!: f64;
  exp2!: f64;
  exp1!: f64;
  one!: f64;
}

/** Writes the numbers of gate_values. */
export function put_wide_constants(gate: Gate): void {
  const to = changetype<Numbers>(wide_constants(gate));
  to.least = -1000;
  to.most = 120;
  to.turn = 6755399441055744;
  to.exp8 = 1.3344183484134179e-6;
  to.exp7 = 1.5314209223349525e-5;
  to.exp6 = 1.540309828656179e-4;
  to.exp5 = 1.3333434157560176e-3;
  to.exp4 = 0.009618129558838935;
  to.exp3 = 0.05550410959228811;
  to.exp2 = 0.2402265069474259;
  to.exp1 = 0.6931471805412327;
  to.one = 1;
}

/** Which of four results lie too near to a middle, or have fewer bits in float32. */
function doubtful(v: v128, w: v128): v128 {
  // The lowest 29 bits are those that float32 leaves out; 2^28 is the middle, and comes to lie at the least i32.
  const low = v128.shuffle<i32>(v, w, 0, 2, 4, 6),
    high = v128.shuffle<i32>(v, w, 1, 3, 5, 7);
  const distance = i32x4.shl(i32x4.add(low, i32x4.splat(ERROR)), 3);
  const isNear = i32x4.lt_s(distance, i32x4.splat(i32.MIN_VALUE + ((2 * ERROR + 1) << 3)));
  // Below 2^-126 it leaves out more; 0 is 0.
  const size = i32x4.sub(i32x4.shl(high, 1), i32x4.splat(1));
  return v128.or(isNear, i32x4.lt_u(size, i32x4.splat(0x70200000 - 1)));
}

/** Four numbers of float32. */
function rounded(v: v128, w: v128): v128 {
  return i64x2.shuffle(f32x4.demote_f64x2_zero(v), f32x4.demote_f64x2_zero(w), 0, 2);
}

/** Four values of a plane; 0 for those behind the last, which could be anything. */
function values_at(at: usize, left: i32): v128 {
  const four = v128.load(at);
  return left < 4 ? v128.and(four, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(left))) : four;
}

/** Makes a channel. */
export function gate_values(gate: Gate, exact: FunctionJob, channel: i32, scratch: usize): void {
  const from = exact.a,
    size = exact.size,
    gain = gain_of(exact, channel);
  for (let pixel = 0; pixel < size; pixel += BLOCK) {
    const count = min(BLOCK, size - pixel);
    const plane = from.planes + <usize>channel * from.planeBytes + ((<usize>pixel) << 2);
    const isSure =
      gate.kind == HARD
        ? hard_block(gate, plane, count, gain, scratch)
        : sigmoid_block(gate, plane, count, gain, scratch);
    if (isSure) write_f32(exact.result, channel, pixel, count, scratch);
    else apply_block(exact, channel, pixel, count, scratch);
  }
}

/** Makes values with a hard gate; says whether all are sure. */
function hard_block(gate: Gate, plane: usize, count: i32, gain: f32, to: usize): bool {
  const isProduct = gate.a != 0;
  const k = f64x2.splat(gate.k),
    c = f64x2.splat(gate.c),
    // a x, or b
    a = f64x2.splat(gate.a),
    b = f64x2.splat(gate.b),
    least = f64x2.splat(CANCELS * (1 + abs(gate.c))),
    most = f64x2.splat(1e30),
    zero = f64x2.splat(0),
    one = f64x2.splat(1),
    gains = f32x4.splat(gain);
  let inside = i64x2.splat(-1),
    near = i32x4.splat(0);
  for (let i = 0; i < count; i += 4) {
    const four = values_at(plane + ((<usize>i) << 2), count - i);
    const x = f64x2.promote_low_f32x4(four),
      y = f64x2.promote_low_f32x4(i64x2.shuffle(four, four, 1, 1));
    const t = f64x2.add(f64x2.mul(x, k), c),
      u = f64x2.add(f64x2.mul(y, k), c);
    const p = f64x2.abs(t),
      q = f64x2.abs(u);
    inside = v128.and(inside, v128.and(f64x2.ge(p, least), f64x2.ge(q, least)));
    inside = v128.and(inside, v128.and(f64x2.le(p, most), f64x2.le(q, most)));
    let v = f64x2.pmin(f64x2.pmax(t, zero), one),
      w = f64x2.pmin(f64x2.pmax(u, zero), one);
    v = f64x2.mul(v, isProduct ? f64x2.mul(x, a) : b);
    w = f64x2.mul(w, isProduct ? f64x2.mul(y, a) : b);
    near = v128.or(near, doubtful(v, w));
    v128.store(to + ((<usize>i) << 2), f32x4.mul(rounded(v, w), gains));
  }
  return !v128.any_true(near) && i64x2.all_true(inside);
}

/** Makes values with a sigmoid; says whether all are sure. */
function sigmoid_block(gate: Gate, plane: usize, count: i32, gain: f32, to: usize): bool {
  const constants = wide_constants(gate);
  const least = v128.load64_splat(constants, offsetof<Numbers>("least")),
    most = v128.load64_splat(constants, offsetof<Numbers>("most")),
    turn = v128.load64_splat(constants, offsetof<Numbers>("turn")),
    c8 = v128.load64_splat(constants, offsetof<Numbers>("exp8")),
    c7 = v128.load64_splat(constants, offsetof<Numbers>("exp7")),
    c6 = v128.load64_splat(constants, offsetof<Numbers>("exp6")),
    c5 = v128.load64_splat(constants, offsetof<Numbers>("exp5")),
    c4 = v128.load64_splat(constants, offsetof<Numbers>("exp4")),
    c3 = v128.load64_splat(constants, offsetof<Numbers>("exp3")),
    c2 = v128.load64_splat(constants, offsetof<Numbers>("exp2")),
    c1 = v128.load64_splat(constants, offsetof<Numbers>("exp1")),
    one = v128.load64_splat(constants, offsetof<Numbers>("one"));
  const isProduct = gate.a != 0;
  const k = f64x2.splat(gate.k * -LOG2E),
    factor = f64x2.splat(isProduct ? gate.a : gate.b),
    takesInput = i64x2.splat(isProduct ? -1 : 0),
    gains = f32x4.splat(gain);
  let inside = i64x2.splat(-1),
    near = i32x4.splat(0);
  for (let i = 0; i < count; i += 4) {
    const four = values_at(plane + ((<usize>i) << 2), count - i);
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
    const v = f64x2.div(f64x2.mul(v128.bitselect(x, one, takesInput), factor), p),
      w = f64x2.div(f64x2.mul(v128.bitselect(y, one, takesInput), factor), q);
    near = v128.or(near, doubtful(v, w));
    v128.store(to + ((<usize>i) << 2), f32x4.mul(rounded(v, w), gains));
  }
  return !v128.any_true(near) && i64x2.all_true(inside);
}
