// block.ts: pixels of a plane as real numbers, a block at a time, and back.
//
//   Operand   u8 or float32 planes    ->  real = scale * (q - zero), or the float32 itself  ->  a block of float32 or float64
//   Result    a block of real numbers ->  float32, rounded once                             ->  encoded as an input is: one
//                                                                                               rounding an operation
//
// A block lies in the scratch memory. Planes start at multiples of 16 elements, so whole vectors may be read behind a plane's
// end; what is written ends where it should.
import { FLOAT32, LINEAR } from "../../../src/runtime/layout";
import { Epilogue } from "../../runtime/shared/epilogue";

/** Planes that are read, planeBytes apart: 0 where one plane meets every channel. */
@unmanaged
export class Operand {
  planes!: usize;
  planeBytes!: u32;
  /** Elements from one row of the result to the next, and from one column: 0 where one meets all. */
  rowStep!: i32;
  columnStep!: i32;
  float!: bool;
  /** u8 planes only. */
  scale!: f32;
  zero!: f32;
}

// Adding 2^23 to a float32 in 0..2^22 leaves its value, rounded half to even, in the low bits.
const TWO_23: f32 = 8388608.0;
const TWO_23_BITS: i32 = 0x4b000000;

/** Four values from an address on. */
function read4(operand: Operand, at: usize): v128 {
  if (operand.float) return v128.load(at);
  const q = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at))));
  return f32x4.mul(f32x4.sub(q, f32x4.splat(operand.zero)), f32x4.splat(operand.scale));
}

/** One value. */
export function read1(operand: Operand, at: usize): f32 {
  return operand.float ? load<f32>(at) : (<f32>load<u8>(at) - operand.zero) * operand.scale;
}

/** Reads `count` values of a channel, from `pixel` on, as float32; whole vectors of four are written. */
export function read_f32(operand: Operand, channel: i32, pixel: i32, count: i32, width: i32, to: usize): void {
  const shift: usize = operand.float ? 2 : 0;
  const plane = operand.planes + <usize>channel * operand.planeBytes;
  const rowStep = operand.rowStep,
    columnStep = operand.columnStep;
  if (columnStep == 1 && rowStep == width) {
    // as the result lies
    let at = plane + ((<usize>pixel) << shift);
    for (let i = 0; i < count; i += 4, at += 4 << shift, to += 16) v128.store(to, read4(operand, at));
    return;
  }
  if (columnStep == 0 && rowStep == 0) {
    const value = f32x4.splat(read1(operand, plane));
    for (let i = 0; i < count; i += 4, to += 16) v128.store(to, value);
    return;
  }
  // a row or a column that meets others
  let row = <usize>(pixel / width) * rowStep;
  let column = pixel % width;
  for (let i = 0; i < count; i++, to += 4) {
    store<f32>(to, read1(operand, plane + ((row + <usize>column * columnStep) << shift)));
    if (++column == width) {
      column = 0;
      row += rowStep;
    }
  }
}

/** Does what read_f32 does, as float64. */
export function read_f64(operand: Operand, channel: i32, pixel: i32, count: i32, width: i32, to: usize): void {
  // the float32 values first, in the upper half of the place: what is read is never written over before
  const from = to + ((<usize>((count + 3) & ~3)) << 2);
  read_f32(operand, channel, pixel, count, width, from);
  for (let i: usize = 0, end = (<usize>count) << 2; i < end; i += 16) {
    const four = v128.load(from + i);
    v128.store(to + (i << 1), f64x2.promote_low_f32x4(four));
    v128.store(to + (i << 1), f64x2.promote_low_f32x4(i64x2.shuffle(four, four, 1, 1)), 16);
  }
}

/** Encodes 16 float32 values as linear integers. */
function linear16(from: usize, scale: v128, offset: v128, low: v128, high: v128): v128 {
  const magic = f32x4.splat(TWO_23),
    bits = i32x4.splat(TWO_23_BITS);
  let z0 = f32x4.add(f32x4.mul(v128.load(from), scale), offset),
    z1 = f32x4.add(f32x4.mul(v128.load(from, 16), scale), offset),
    z2 = f32x4.add(f32x4.mul(v128.load(from, 32), scale), offset),
    z3 = f32x4.add(f32x4.mul(v128.load(from, 48), scale), offset);
  // pmax(low, z) is low where z is a NaN
  z0 = i32x4.sub(f32x4.add(f32x4.pmin(f32x4.pmax(low, z0), high), magic), bits);
  z1 = i32x4.sub(f32x4.add(f32x4.pmin(f32x4.pmax(low, z1), high), magic), bits);
  z2 = i32x4.sub(f32x4.add(f32x4.pmin(f32x4.pmax(low, z2), high), magic), bits);
  z3 = i32x4.sub(f32x4.add(f32x4.pmin(f32x4.pmax(low, z3), high), magic), bits);
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(z0, z1), i16x8.narrow_i32x4_s(z2, z3));
}

/** Encodes `count` float32 values in place: to as many float32 or u8 at the same address, with room for 16. */
function encode_f32(result: Epilogue, count: i32, values: usize): void {
  if (result.kind == FLOAT32) return;
  const end = <usize>count;
  if (result.kind == LINEAR) {
    const scale = v128.load32_splat(result.scale),
      offset = v128.load32_splat(result.offset);
    const low = f32x4.splat(result.low),
      high = f32x4.splat(result.high);
    for (let i: usize = 0; i < end; i += 16) {
      v128.store(values + i, linear16(values + (i << 2), scale, offset, low, high));
    }
    return;
  }
  // levels: to the last one whose threshold is reached
  const thresholds = result.thresholds,
    steps = result.steps;
  const bytes = (<usize>result.count) << 2;
  const scale = load<f32>(result.scale);
  for (let i: usize = 0; i < end; i++) {
    const z = load<f32>(values + (i << 2)) * scale;
    let level = 0;
    for (let k: usize = 0; k < bytes; k += 4) if (z >= load<f32>(thresholds + k)) level += load<i32>(steps + k);
    store<u8>(values + i, <u8>level);
  }
}

/** Rounds float64 values to float32 and multiplies them by another; they stay float64. */
export function multiply_f64(values: usize, count: i32, factor: f32): void {
  const four = f32x4.splat(factor);
  for (const end = values + ((<usize>count) << 3); values < end; values += 16) {
    const rounded = f32x4.demote_f64x2_zero(v128.load(values));
    v128.store(values, f64x2.promote_low_f32x4(f32x4.mul(rounded, four)));
  }
}

/** Rounds `count` float64 values to float32 and encodes them in place, as encode_f32 does. */
export function encode_f64(result: Epilogue, count: i32, values: usize): void {
  let to = values;
  for (let from = values, end = values + ((<usize>count) << 3); from < end; from += 32, to += 16) {
    const low = f32x4.demote_f64x2_zero(v128.load(from)),
      high = f32x4.demote_f64x2_zero(v128.load(from, 16));
    v128.store(to, i64x2.shuffle(low, high, 0, 2));
  }
  encode_f32(result, count, values);
}

/** Takes `count` encoded values to a channel of the result, from `pixel` on. */
function put(result: Epilogue, channel: i32, pixel: i32, count: i32, values: usize): void {
  const shift: usize = result.kind == FLOAT32 ? 2 : 0;
  const out = result.out + <usize>channel * result.outBytes + ((<usize>pixel) << shift);
  memory.copy(out, values, (<usize>count) << shift);
}

/** Writes `count` float32 values of a channel from `pixel` on, encoded. What lies at `values` is lost. */
export function write_f32(result: Epilogue, channel: i32, pixel: i32, count: i32, values: usize): void {
  encode_f32(result, count, values);
  put(result, channel, pixel, count, values);
}

/** Does what write_f32 does, for float64 values. */
export function write_f64(result: Epilogue, channel: i32, pixel: i32, count: i32, values: usize): void {
  encode_f64(result, count, values);
  put(result, channel, pixel, count, values);
}
