// resample.ts: weighted sums of rows and columns in float64: columns first, rows then, each from 0 in the order of the taps.
//
//   scratch   | a row of the input | sums of rows | line 0: [width] float64 | line 1 | ... | results |
//             a line: one row, its columns summed
//
// Rows of the result that lie side by side are made of the same few lines: `lines` of them are kept, line r at r mod lines. Whole
// vectors are made of all: lists of columns have room for an even number.
import { FLOAT32 } from "../../src/runtime/layout";
import { Epilogue } from "../runtime/shared/epilogue";
import { Operand, read_f64, write_f32 } from "./shared/block";

/** Results that are encoded together, and those of the row that exceeds them. */
const BLOCK = 256;

/** Taps of both axes, and the planes that they are of. */
@unmanaged
export class ResampleJob {
  from: Operand = changetype<Operand>(0);
  /** Columns of the input. */
  stride!: i32;
  height!: i32;
  width!: i32;
  /** Taps of a row of the result, one row after the other: i32 each of their indices, float64 each of their weights. */
  tall!: i32;
  rows!: usize;
  rowWeights!: usize;
  /** Taps of a column of the result: the first one of all columns, then the second. Indices are bytes into a row of float64. */
  wide!: i32;
  columns!: usize;
  columnWeights!: usize;
  lines!: i32;
  /** Whether rows have two taps, which lie in two lines or are one. */
  paired!: bool;
  result: Epilogue = changetype<Epilogue>(0);
}

/** Two values of a row, at the places in a list. */
function two(row: usize, places: usize): v128 {
  return v128.load64_lane(row + <usize>load<i32>(places, 4), v128.load64_zero(row + <usize>load<i32>(places)), 1);
}

/** Sums the columns of one row of the input. */
function sum_columns(job: ResampleJob, row: usize, to: usize): void {
  const zero = f64x2.splat(0);
  const count = <usize>((job.width + 1) & ~1);
  const placeBytes = count << 2,
    bytes = count << 3;
  const end = to + bytes;
  let places = job.columns,
    weights = job.columnWeights;
  if (job.wide == 2) {
    // interpolation, in one go
    for (; to < end; to += 16, places += 8, weights += 16) {
      const first = f64x2.mul(v128.load(weights), two(row, places)),
        second = f64x2.mul(v128.load(weights + bytes), two(row, places + placeBytes));
      v128.store(to, f64x2.add(f64x2.add(zero, first), second));
    }
    return;
  }
  for (; to < end; to += 16, places += 8, weights += 16) {
    let sum = zero;
    for (let tap = 0, place = places, weight = weights; tap < job.wide; tap++, place += placeBytes, weight += bytes) {
      sum = f64x2.add(sum, f64x2.mul(v128.load(weight), two(row, place)));
    }
    v128.store(to, sum);
  }
}

/** The sum of two weighted values of two lines each. */
function pair(line: usize, weight: v128, other: usize, otherWeight: v128): v128 {
  const first = f64x2.mul(weight, v128.load(line)),
    second = f64x2.mul(otherWeight, v128.load(other));
  return f64x2.add(f64x2.add(f64x2.splat(0), first), second);
}

/** Sums two lines, and rounds to float32. */
function join_lines(line: usize, other: usize, weights: usize, to: usize, bytes: usize): void {
  const weight = v128.load64_splat(weights),
    otherWeight = v128.load64_splat(weights, 8);
  for (const end = line + bytes; line < end; line += 32, other += 32, to += 16) {
    const low = f32x4.demote_f64x2_zero(pair(line, weight, other, otherWeight)),
      high = f32x4.demote_f64x2_zero(pair(line + 16, weight, other + 16, otherWeight));
    v128.store(to, i64x2.shuffle(low, high, 0, 2));
  }
}

/** Adds a weighted line to sums; the first is added to 0. */
function add_line(line: usize, weight: v128, sums: usize, bytes: usize, first: bool): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const sum = first ? f64x2.splat(0) : v128.load(sums + i);
    v128.store(sums + i, f64x2.add(sum, f64x2.mul(weight, v128.load(line + i))));
  }
}

/** Rounds sums to float32. */
function round_sums(sums: usize, to: usize, bytes: usize): void {
  for (const end = sums + bytes; sums < end; sums += 32, to += 16) {
    const low = f32x4.demote_f64x2_zero(v128.load(sums)),
      high = f32x4.demote_f64x2_zero(v128.load(sums, 16));
    v128.store(to, i64x2.shuffle(low, high, 0, 2));
  }
}

/** Makes channels first..last-1. */
export function resample(job: ResampleJob, first: i32, last: i32, scratch: usize): void {
  const height = job.height,
    width = job.width,
    tall = job.tall,
    lines = job.lines,
    paired = job.paired;
  const result = job.result;
  const bytes = (<usize>((width + 3) & ~3)) << 3;
  const sums = scratch + ((<usize>((job.stride + 3) & ~3)) << 3);
  const begin = sums + bytes;
  // which row each line holds, behind the lines; behind these float32 results
  const held = begin + bytes * <usize>lines;
  const results = (held + ((<usize>lines) << 2) + 15) & ~15;
  for (let channel = first; channel < last; channel++) {
    memory.fill(held, 255, (<usize>lines) << 2);
    const out = result.out + <usize>channel * result.outBytes;
    let rows = job.rows,
      weights = job.rowWeights;
    // results that wait, and where they belong
    let waiting = 0,
      pixel = 0;
    for (let y = 0; y < height; y++) {
      let line = begin,
        before = begin;
      for (let j = 0; j < tall; j++, rows += 4, weights += 8) {
        const row = load<i32>(rows);
        const place = row % lines;
        before = line;
        line = begin + bytes * <usize>place;
        if (load<i32>(held + ((<usize>place) << 2)) != row) {
          read_f64(job.from, channel, row * job.stride, job.stride, job.stride, scratch);
          sum_columns(job, scratch, line);
          store<i32>(held + ((<usize>place) << 2), row);
        }
        if (!paired) add_line(line, v128.load64_splat(weights), sums, bytes, j == 0);
      }
      // what runs over a row is written again by the next, so all but the last one of float32 may go where they belong
      const direct = result.kind == FLOAT32 && waiting == 0 && width > 2 && y < height - 1;
      const to = direct ? out + ((<usize>pixel) << 2) : results + ((<usize>waiting) << 2);
      if (paired) join_lines(before, line, weights - 16, to, bytes);
      else round_sums(sums, to, bytes);
      if (!direct) waiting += width;
      if (waiting >= BLOCK || y == height - 1) {
        write_f32(result, channel, pixel, waiting, results);
        waiting = 0;
      }
      pixel = (y + 1) * width - waiting;
    }
  }
}
