// softmax.ts: exp(x - max) / sum of those along one axis, in float64, summed in the order of the axis.
//
//   scratch   | one line of float64, and room for two more |     a line: the elements of the axis, however far apart
import { FLOAT32 } from "../../src/runtime/layout";
import { Epilogue } from "../runtime/shared/epilogue";
import { encode_f64, Operand, read1 } from "./shared/block";
import { exp_block } from "./shared/exponential";

/** The lines of a tensor. */
@unmanaged
export class SoftmaxJob {
  from: Operand = changetype<Operand>(0);
  /** Elements of a line, and bytes from one to the next in the input and in the result. */
  length!: i32;
  step!: u32;
  resultStep!: u32;
  /** Channels, rows and columns of lines. */
  channels!: i32;
  rows!: i32;
  columns!: i32;
  /** Columns of the tensor. */
  width!: i32;
  result: Epilogue = changetype<Epilogue>(0);
}

/** Turns a line into its softmax, in place. */
function softmax_line(line: usize, length: i32): void {
  const end = line + ((<usize>length) << 3);
  let largest: f64 = -Infinity;
  for (let at = line; at < end; at += 8) {
    const x = load<f64>(at);
    if (x > largest) largest = x;
  }
  const most = f64x2.splat(largest);
  for (let at = line; at < end; at += 16) v128.store(at, f64x2.sub(v128.load(at), most));
  exp_block(line, line, (<usize>length) << 3);
  let sum: f64 = 0;
  for (let at = line; at < end; at += 8) sum += load<f64>(at);
  const whole = f64x2.splat(sum);
  for (let at = line; at < end; at += 16) v128.store(at, f64x2.div(v128.load(at), whole));
}

/** Makes the whole tensor. */
export function softmax(job: SoftmaxJob, scratch: usize): void {
  const from = job.from;
  const length = job.length;
  const shift: usize = from.float ? 2 : 0;
  const result = job.result;
  const isFloat = result.kind == FLOAT32;
  const outShift: usize = isFloat ? 2 : 0;
  for (let channel = 0; channel < job.channels; channel++) {
    for (let y = 0; y < job.rows; y++) {
      for (let x = 0; x < job.columns; x++) {
        const pixel = <usize>(y * job.width + x);
        let at = from.planes + <usize>channel * from.planeBytes + (pixel << shift);
        for (let k = 0; k < length; k++, at += job.step) store<f64>(scratch + ((<usize>k) << 3), <f64>read1(from, at));
        softmax_line(scratch, length);
        encode_f64(result, length, scratch);
        let line = scratch;
        let to = result.out + <usize>channel * result.outBytes + (pixel << outShift);
        for (let k = 0; k < length; k++, to += job.resultStep, line += (<usize>1) << outShift) {
          if (isFloat) store<f32>(to, load<f32>(line));
          else store<u8>(to, load<u8>(line));
        }
      }
    }
  }
}
