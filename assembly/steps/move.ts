// move.ts: elements taken to other places: gathered by lists of channels, rows and columns, or with the axes in another order.
//
// Whatever lies in the input as it is to lie in the result is copied as one: planes, rows, or lines of a permuted tensor.
import { turn_bytes, turn_words } from "./shared/turn";

/** How the elements that are gathered lie: whole planes, whole rows, or by their columns. */
const PLANES = 2;
const ROWS = 1;

/** Where the elements of a gathered tensor come from. */
@unmanaged
export class GatherElementsJob {
  planes!: usize;
  planeBytes!: u32;
  out!: usize;
  outBytes!: u32;
  /** i32 each: the channel, the element that a row begins with, and its columns; -1 for what is filled in. */
  channels!: usize;
  rows!: usize;
  columns!: usize;
  height!: i32;
  width!: i32;
  /** PLANES, ROWS, or 0. */
  form!: i32;
  /** Whether elements are float32, and the bits of the one that is filled in. */
  float!: bool;
  fill!: u32;
}

function fill_elements(to: usize, count: i32, bits: u32, float: bool): void {
  if (!float) {
    memory.fill(to, <u8>bits, <usize>count);
    return;
  }
  for (const end = to + ((<usize>count) << 2); to < end; to += 4) store<u32>(to, bits);
}

/** Gathers channels first..last-1. */
export function gather_elements(job: GatherElementsJob, first: i32, last: i32): void {
  const float = job.float;
  const shift: usize = float ? 2 : 0;
  const height = job.height,
    width = job.width;
  const rowBytes = (<usize>width) << shift;
  // rows of one element, as in 1-D networks, are the columns of a single row that begins at 0
  const line = job.form == ROWS && width == 1;
  // before rows are filled: blocks keep notes where their first row will be
  if (line) gather_blocks(job, first, last, job.rows, height, 0, 1);
  else if (job.form != PLANES && job.form != ROWS)
    gather_blocks(job, first, last, job.columns, width, job.rows, height);
  for (let channel = first; channel < last; channel++) {
    let to = job.out + <usize>channel * job.outBytes;
    const source = load<i32>(job.channels + ((<usize>channel) << 2));
    const plane = job.planes + <usize>source * job.planeBytes;
    if (source < 0) {
      fill_elements(to, height * width, job.fill, float);
      continue;
    }
    if (job.form == PLANES) {
      memory.copy(to, plane + ((<usize>load<i32>(job.rows)) << shift), rowBytes * <usize>height);
      continue;
    }
    if (line) continue;
    for (let y = 0; y < height; y++, to += rowBytes) {
      const start = load<i32>(job.rows + ((<usize>y) << 2));
      if (start < 0) fill_elements(to, width, job.fill, float);
      else if (job.form == ROWS) memory.copy(to, plane + ((<usize>start) << shift), rowBytes);
    }
  }
}

/**
 * Gathers as many columns at once as a vector has, or half of one; the last ones overlap where the width is no multiple.
 * @param rows where each row begins, or 0: the only row begins at 0
 */
function gather_blocks(
  job: GatherElementsJob,
  first: i32,
  last: i32,
  columns: usize,
  width: i32,
  rows: usize,
  height: i32,
): void {
  const half = !job.float && width < 16;
  const block = job.float ? 4 : half ? 8 : 16;
  const rowBytes = (<usize>width) << (job.float ? 2 : 0);
  if (width < block || job.planeBytes < 16) {
    gather_columns(job, first, last, columns, 0, width, rowBytes, rows, height);
    return;
  }
  for (let x = 0; x < width; x += block) {
    const from = min(x, width - block);
    if (gather_block(job, first, last, columns, from, block, half, rowBytes, rows, height)) continue;
    gather_columns(job, first, last, columns, from, block, rowBytes, rows, height);
  }
}

/** Gathers `count` columns from one on, each by itself, in the rows that are not filled. */
function gather_columns(
  job: GatherElementsJob,
  first: i32,
  last: i32,
  columns: usize,
  from: i32,
  count: i32,
  rowBytes: usize,
  rows: usize,
  height: i32,
): void {
  if (job.float) gather_each<u32>(job, first, last, columns, from, count, rowBytes, rows, height);
  else gather_each<u8>(job, first, last, columns, from, count, rowBytes, rows, height);
}

function gather_each<T>(
  job: GatherElementsJob,
  first: i32,
  last: i32,
  columns: usize,
  from: i32,
  count: i32,
  rowBytes: usize,
  rows: usize,
  height: i32,
): void {
  const fill = <T>job.fill;
  const begin = columns + ((<usize>from) << 2),
    end = begin + ((<usize>count) << 2);
  for (let channel = first; channel < last; channel++) {
    const source = load<i32>(job.channels + ((<usize>channel) << 2));
    if (source < 0) continue;
    const plane = job.planes + <usize>source * job.planeBytes;
    let out = job.out + <usize>channel * job.outBytes + <usize>from * sizeof<T>();
    for (let y = 0; y < height; y++, out += rowBytes) {
      const start = rows ? load<i32>(rows + ((<usize>y) << 2)) : 0;
      if (start < 0) continue;
      const row = plane + <usize>start * sizeof<T>();
      let to = out;
      for (let at = begin; at < end; at += 4, to += sizeof<T>()) {
        const column = load<i32>(at);
        store<T>(to, column < 0 ? fill : load<T>(row + <usize>column * sizeof<T>()));
      }
    }
  }
}

/**
 * Gathers a block of columns of every row by one look-up in 16 bytes of the input, as when a map is enlarged.
 * @param half whether the block has 8 bytes
 * @returns false where the columns are further from each other, or some are filled: nothing is gathered then
 */
function gather_block(
  job: GatherElementsJob,
  first: i32,
  last: i32,
  columns: usize,
  from: i32,
  block: i32,
  half: bool,
  rowBytes: usize,
  rows: usize,
  height: i32,
): bool {
  const float = job.float;
  const shift: usize = float ? 2 : 0;
  const begin = columns + ((<usize>from) << 2);
  let low = i32.MAX_VALUE,
    high = -1;
  for (let j = 0; j < block; j++) {
    const column = load<i32>(begin + ((<usize>j) << 2));
    if (column < 0) return false;
    low = min(low, column);
    high = max(high, column);
  }
  if ((high - low + 1) << (<i32>shift) > 16) return false;
  // places in the 16 bytes: the result's own bytes hold them until it is there
  const out = job.out + ((<usize>from) << shift);
  const held = out + <usize>first * job.outBytes;
  for (let j = 0; j < block; j++) {
    const place = load<i32>(begin + ((<usize>j) << 2)) - low;
    if (float) store<u32>(held + ((<usize>j) << 2), 0x03020100 + place * 0x04040404);
    else store<u8>(held + <usize>j, place);
  }
  const places = half ? v128.load64_zero(held) : v128.load(held);
  for (let channel = first; channel < last; channel++) {
    const source = load<i32>(job.channels + ((<usize>channel) << 2));
    if (source < 0) continue;
    let to = out + <usize>channel * job.outBytes;
    const plane = job.planes + <usize>source * job.planeBytes;
    // the last 16 bytes of the plane
    const most = plane + job.planeBytes - 16;
    for (let y = 0; y < height; y++, to += rowBytes) {
      const start = rows ? load<i32>(rows + ((<usize>y) << 2)) : 0;
      if (start < 0) continue;
      const at = plane + ((<usize>(start + low)) << shift);
      const over = at > most ? at - most : 0;
      const bytes = i8x16.swizzle(v128.load(at - over), i8x16.add(places, i8x16.splat(<i8>over)));
      if (half) v128.store64_lane(to, bytes, 0);
      else v128.store(to, bytes);
    }
  }
  return true;
}

/** The order of the axes of a tensor. A line is what no plane's end cuts in the result, walked `between` elements a step. */
@unmanaged
export class PermuteJob {
  planes!: usize;
  planeBytes!: u32;
  out!: usize;
  outBytes!: u32;
  /** Elements of a plane of both tensors. */
  plane!: i32;
  outPlane!: i32;
  float!: bool;
  /** Elements of a line, and of the input from one to the next. */
  line!: i32;
  step!: i32;
  /** i32 each: lengths of the result's axes, in lines, and elements of the input from one index to the next. */
  axes!: i32;
  lengths!: usize;
  steps!: usize;
  /** Elements of a channel of the result. */
  size!: i32;
}

/** Makes channels first..last-1. `index` has room for an i32 each axis. */
export function permute_axes(job: PermuteJob, first: i32, last: i32, index: usize): void {
  if (job.float) permute_elements<u32>(job, first, last, index);
  else permute_elements<u8>(job, first, last, index);
}

function permute_elements<T>(job: PermuteJob, first: i32, last: i32, index: usize): void {
  const outPlane = job.outPlane,
    outStride = job.outBytes / sizeof<T>(),
    line = job.line,
    step = job.step;
  const lastAxis = (job.axes - 1) << 2;
  const begin = first * job.size;
  // the index that the first line has, and its place in the input
  let place = 0;
  for (let k = lastAxis, rest = begin / line; k >= 0; k -= 4) {
    const length = load<i32>(job.lengths + k);
    store<i32>(index + k, rest % length);
    place += (rest % length) * load<i32>(job.steps + k);
    rest /= length;
  }
  // where lines of the result lie side by side in the input, squares of elements are turned at once
  const side: i32 = sizeof<T>() == 1 ? 8 : 4;
  const beside = lastAxis - 4;
  const whole = line * load<i32>(job.lengths + lastAxis);
  const turns = beside >= 0 && line >= side && step > 1 && load<i32>(job.steps + beside) == 1;
  for (let i = begin, end = last * job.size; i < end; i += line) {
    const out = job.out + <usize>((i / outPlane) * outStride + (i % outPlane)) * sizeof<T>();
    let k = lastAxis,
      by = 1;
    if (
      turns &&
      i + side * whole <= end &&
      load<i32>(index + lastAxis) == 0 &&
      load<i32>(index + beside) + side <= load<i32>(job.lengths + beside) &&
      (whole == outPlane || (i % outPlane) + side * whole <= outPlane)
    ) {
      const apart = <usize>(whole == outPlane ? outStride : whole) * sizeof<T>();
      for (let n = 0; n < whole; n += line) {
        turn_lines<T>(job, place + n * step, out + <usize>n * sizeof<T>(), apart);
      }
      i += side * whole - line;
      k = beside;
      by = side;
    } else copy_line<T>(job, place, out);
    // on to the next line
    for (; k >= 0; k -= 4) {
      place += load<i32>(job.steps + k) * by;
      const next = load<i32>(index + k) + by;
      store<i32>(index + k, next);
      if (next < load<i32>(job.lengths + k)) break;
      place -= load<i32>(job.steps + k) * next;
      store<i32>(index + k, 0);
      by = 1;
    }
  }
}

/** Copies one line: it stays in one plane, or takes the same place of every plane, or goes from plane to plane as it comes. */
function copy_line<T>(job: PermuteJob, place: i32, out: usize): void {
  const inPlane = job.plane,
    inStride = job.planeBytes / sizeof<T>(),
    line = job.line,
    step = job.step;
  const within = place % inPlane;
  const start = job.planes + <usize>((place / inPlane) * inStride + within) * sizeof<T>();
  const between = within + step * (line - 1) < inPlane ? step : step % inPlane == 0 ? (step / inPlane) * inStride : 0;
  if (between == 1) memory.copy(out, start, <usize>line * sizeof<T>());
  else if (between > 0) {
    const far = <usize>between * sizeof<T>();
    let from = start;
    for (let to = out, stop = out + <usize>line * sizeof<T>(); to < stop; to += sizeof<T>(), from += far) {
      store<T>(to, load<T>(from));
    }
  } else {
    for (let k = 0, at = place; k < line; k++, at += step) {
      const from = job.planes + <usize>((at / inPlane) * inStride + (at % inPlane)) * sizeof<T>();
      store<T>(out + <usize>k * sizeof<T>(), load<T>(from));
    }
  }
}

/**
 * Copies as many lines as a square has, which begin side by side in the input; their elements lie a step apart.
 *
 *   input, a step apart    a0 b0 c0 ..     result, apart    a0 a1 a2 ..
 *                          a1 b1 c1 ..                      b0 b1 b2 ..
 */
function turn_lines<T>(job: PermuteJob, place: i32, out: usize, apart: usize): void {
  const side: i32 = sizeof<T>() == 1 ? 8 : 4;
  const inPlane = job.plane,
    inStride = job.planeBytes / sizeof<T>(),
    line = job.line,
    step = job.step;
  const within = place % inPlane;
  const isWithin = within + side + step * (line - 1) <= inPlane;
  if (!isWithin && (step % inPlane != 0 || within + side > inPlane)) {
    for (let j = 0; j < side; j++) copy_line<T>(job, place + j, out + <usize>j * apart);
    return;
  }
  const start = job.planes + <usize>((place / inPlane) * inStride + within) * sizeof<T>();
  const far = <usize>(isWithin ? step : (step / inPlane) * inStride) * sizeof<T>();
  // the last square overlaps the one before
  for (let k = 0; ; k = min(k + side, line - side)) {
    const from = start + <usize>k * far,
      to = out + <usize>k * sizeof<T>();
    if (sizeof<T>() == 1) turn_bytes(from, far, to, apart);
    else turn_words(from, far, to, apart);
    if (k == line - side) break;
  }
}
