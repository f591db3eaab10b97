// binary.ts: sums, differences, products and quotients of two values, four at a time in float32.
//
// The layer computes in float64 and rounds once to float32. For one such operation on float32 values float32 gives the same
// bits: float64 has more than twice its digits and two, so that rounding twice is rounding once.

import { FLOAT32 } from "../../src/runtime/layout";
import * as fn from "../../src/runtime/step-codes";
import { Epilogue } from "../runtime/shared/epilogue";
import { Operand, read_f32, write_f32 } from "./shared/block";

/** Pixels of a block, and the bytes of its float32 values. */
const BLOCK = 256;
const BLOCK_BYTES: usize = 1024;

/** Two operands, and what is made of them. */
@unmanaged
export class BinaryJob {
  a: Operand = changetype<Operand>(0);
  b: Operand = changetype<Operand>(0);
  code!: i32;
  /** Pixels of a plane of the result, and of a row. */
  size!: i32;
  width!: i32;
  result: Epilogue = changetype<Epilogue>(0);
}

function joined(code: i32, x: v128, y: v128): v128 {
  if (code == fn.MUL) return f32x4.mul(x, y);
  if (code == fn.ADD) return f32x4.add(x, y);
  if (code == fn.SUB) return f32x4.sub(x, y);
  return f32x4.div(x, y);
}

/** Whether the values of an operand lie as those of the result do, as float32. */
function lies(operand: Operand, width: i32): bool {
  return operand.float && operand.columnStep == 1 && operand.rowStep == width;
}

/** Makes channels first..last-1. */
export function join_pairs(job: BinaryJob, first: i32, last: i32, scratch: usize): void {
  const size = job.size,
    width = job.width,
    code = job.code;
  const a = job.a,
    b = job.b,
    result = job.result;
  const other = scratch + BLOCK_BYTES;
  for (let channel = first; channel < last; channel++) {
    for (let pixel = 0; pixel < size; pixel += BLOCK) {
      const count = min(BLOCK, size - pixel);
      // float32 planes are read where they lie
      let x = a.planes + <usize>channel * a.planeBytes + ((<usize>pixel) << 2);
      let y = b.planes + <usize>channel * b.planeBytes + ((<usize>pixel) << 2);
      if (!lies(a, width)) read_f32(a, channel, pixel, count, width, (x = scratch));
      if (!lies(b, width)) read_f32(b, channel, pixel, count, width, (y = other));
      // and written where they are to lie, but for the last ones of a plane
      const direct = result.kind == FLOAT32 && (count & 3) == 0;
      const to = direct ? result.out + <usize>channel * result.outBytes + ((<usize>pixel) << 2) : scratch;
      for (let i: usize = 0, end = (<usize>count) << 2; i < end; i += 16) {
        v128.store(to + i, joined(code, v128.load(x + i), v128.load(y + i)));
      }
      if (!direct) write_f32(result, channel, pixel, count, scratch);
    }
  }
}
