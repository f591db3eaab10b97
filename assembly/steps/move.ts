// move.ts: elements taken to other places: gathered by lists of channels, rows and columns, or with the axes in another order.
//
// Whatever lies in the input as it is to lie in the result is copied as one: planes, rows, or lines of a permuted tensor.

/** How the elements that are gathered lie: whole planes, whole rows, or each by its own column. */
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
    for (let y = 0; y < height; y++, to += rowBytes) {
      const start = load<i32>(job.rows + ((<usize>y) << 2));
      const row = plane + ((<usize>start) << shift);
      if (start < 0) fill_elements(to, width, job.fill, float);
      else if (job.form == ROWS) memory.copy(to, row, rowBytes);
      else if (float) gather_row<u32>(job, row, to);
      else gather_row<u8>(job, row, to);
    }
  }
}

/** Gathers one row, each element by its column. */
function gather_row<T>(job: GatherElementsJob, row: usize, to: usize): void {
  const fill = <T>job.fill;
  let columns = job.columns;
  for (const end = columns + ((<usize>job.width) << 2); columns < end; columns += 4, to += sizeof<T>()) {
    const column = load<i32>(columns);
    store<T>(to, column < 0 ? fill : load<T>(row + <usize>column * sizeof<T>()));
  }
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
  const inPlane = job.plane,
    inStride = job.planeBytes / sizeof<T>(),
    outPlane = job.outPlane,
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
  for (let i = begin, end = last * job.size; i < end; i += line) {
    const out = job.out + <usize>((i / outPlane) * outStride + (i % outPlane)) * sizeof<T>();
    const within = place % inPlane;
    const start = job.planes + <usize>((place / inPlane) * inStride + within) * sizeof<T>();
    // a line stays in one plane, or takes the same place of every plane, or goes from plane to plane as it comes
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
    for (let k = lastAxis; k >= 0; k -= 4) {
      place += load<i32>(job.steps + k);
      const next = load<i32>(index + k) + 1;
      store<i32>(index + k, next);
      if (next < load<i32>(job.lengths + k)) break;
      place -= load<i32>(job.steps + k) * next;
      store<i32>(index + k, 0);
    }
  }
}
