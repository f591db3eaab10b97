// resample.ts: weighted sums of rows and columns in float64: columns first, rows then, each from 0 in the order of the taps.
//
//   scratch   | row sums: [width] float64 | line 0: [width] | line 1 | ... |      a line: one row of the input, its columns summed
//
// Rows of the result that lie side by side are made of the same few lines: `lines` of them are kept, line r at r mod lines.
import { Epilogue } from "../runtime/shared/epilogue";
import { Operand, read1, write_f64 } from "./shared/block";

/** Taps of both axes, and the planes that they are of. */
@unmanaged
export class ResampleJob {
  from: Operand = changetype<Operand>(0);
  /** Columns of the input. */
  stride!: i32;
  height!: i32;
  width!: i32;
  /** Taps of a row and of a column of the result: i32 each of their indices, float64 each of their weights. */
  tall!: i32;
  rows!: usize;
  rowWeights!: usize;
  wide!: i32;
  columns!: usize;
  columnWeights!: usize;
  lines!: i32;
  result: Epilogue = changetype<Epilogue>(0);
}

/** Sums the columns of one row of the input. */
function sum_columns(job: ResampleJob, row: usize, to: usize): void {
  const from = job.from;
  const shift: usize = from.float ? 2 : 0;
  const wide = job.wide;
  let columns = job.columns,
    weights = job.columnWeights;
  for (const end = to + ((<usize>job.width) << 3); to < end; to += 8) {
    let sum: f64 = 0;
    for (let i = 0; i < wide; i++, columns += 4, weights += 8) {
      sum += load<f64>(weights) * <f64>read1(from, row + ((<usize>load<i32>(columns)) << shift));
    }
    store<f64>(to, sum);
  }
}

/** Makes channels first..last-1. */
export function resample(job: ResampleJob, first: i32, last: i32, scratch: usize): void {
  const from = job.from;
  const shift: usize = from.float ? 2 : 0;
  const height = job.height,
    width = job.width,
    tall = job.tall,
    lines = job.lines;
  const bytes = (<usize>((width + 3) & ~3)) << 3;
  // which row each line holds, behind the lines
  const held = scratch + bytes * <usize>(lines + 1);
  for (let channel = first; channel < last; channel++) {
    memory.fill(held, 255, (<usize>lines) << 2);
    const plane = from.planes + <usize>channel * from.planeBytes;
    let rows = job.rows,
      weights = job.rowWeights;
    for (let y = 0; y < height; y++) {
      for (let j = 0; j < tall; j++, rows += 4, weights += 8) {
        const row = load<i32>(rows);
        const place = row % lines;
        const line = scratch + bytes * <usize>(1 + place);
        if (load<i32>(held + ((<usize>place) << 2)) != row) {
          sum_columns(job, plane + ((<usize>(row * job.stride)) << shift), line);
          store<i32>(held + ((<usize>place) << 2), row);
        }
        const weight = v128.load64_splat(weights);
        // the first tap is added to 0
        if (j == 0) {
          for (let i: usize = 0; i < bytes; i += 16) {
            v128.store(scratch + i, f64x2.add(f64x2.splat(0), f64x2.mul(weight, v128.load(line + i))));
          }
        } else {
          for (let i: usize = 0; i < bytes; i += 16) {
            v128.store(scratch + i, f64x2.add(v128.load(scratch + i), f64x2.mul(weight, v128.load(line + i))));
          }
        }
      }
      write_f64(job.result, channel, y * width, width, scratch);
    }
  }
}
