// permute.ts: tensors with their axes in another order.
//
// Lines of the result that lie in the input as they are, are copied as one. Lines that lie side by side in the input are turned or woven
// together (shared/turn.ts), all of them that no plane's end parts.
import { pick_bytes, pick_words, turn_bytes, turn_words, weave_bytes, weave_words } from "./shared/turn";

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
  const float = job.float;
  const shift = float ? 2 : 0;
  const outPlane = job.outPlane,
    outStride = <i32>job.outBytes >> shift,
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
  // lines of the result that lie side by side in the input are turned together
  const beside = lastAxis - 4;
  const whole = line * load<i32>(job.lengths + lastAxis);
  // a line is a part of a plane, or has whole planes
  const isPart = whole % outPlane != 0;
  const count = last * job.size - begin;
  const turns = beside >= 0 && line > 1 && step > 1 && load<i32>(job.steps + beside) == 1;
  // others lie side by side along an axis further out: there the first of a square makes all of them
  const side = float ? 4 : 8;
  let across = turns || line < side ? -1 : across_of(job, begin, count);
  // a quarter of a square is picked sooner than turned
  if (across >= 0 && 4 * load<i32>(job.lengths + across) <= side) across = -1;
  const between = across < 0 ? whole : whole * inner_of(job, across);
  const apart = (<usize>(between % outPlane != 0 ? between : (between / outPlane) * outStride)) << shift;
  // where the lines go: a plane of the result, and the element in it
  let plane = job.out + ((<usize>((begin / outPlane) * outStride)) << shift),
    at = begin % outPlane;
  for (let left = count; left > 0; ) {
    const out = plane + ((<usize>at) << shift);
    let k = lastAxis,
      by = 1,
      done = line;
    if (turns && load<i32>(index + lastAxis) == 0) {
      // of those that are left, the ones that neither plane's end parts
      by = min(load<i32>(job.lengths + beside) - load<i32>(index + beside), left / whole);
      if (isPart) by = min(by, (outPlane - at) / whole);
      if (whole == line) by = min(by, lines_within(job, place));
    }
    if (across >= 0) {
      const nth = load<i32>(index + across);
      by = nth % side == 0 ? min(side, load<i32>(job.lengths + across) - nth) : 0;
    }
    if (by > 1 || across >= 0) {
      for (let n = 0; n < whole && by > 0; n += line) {
        const to = out + ((<usize>((n / outPlane) * outStride + (n % outPlane))) << shift);
        if (float) turn_lines<u32>(job, place + n * step, to, apart, by);
        else turn_lines<u8>(job, place + n * step, to, apart, by);
      }
      if (across >= 0) by = 1;
      done = by * whole;
      k = beside;
    } else {
      by = 1;
      if (float) copy_line<u32>(job, place, out);
      else copy_line<u8>(job, place, out);
    }
    // on to the next line
    left -= done;
    for (at += done; at >= outPlane; at -= outPlane) plane += (<usize>outStride) << shift;
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

/** Lines of the result from one index of an axis to the next, with the last axis in one. */
function inner_of(job: PermuteJob, axis: i32): i32 {
  let lines = 1;
  for (let k = axis + 4, end = (job.axes - 1) << 2; k < end; k += 4) lines *= load<i32>(job.lengths + k);
  return lines;
}

/** The axis further out whose neighbours lie side by side in the input, where `count` elements from one on have whole turns of it; or -1. */
function across_of(job: PermuteJob, begin: i32, count: i32): i32 {
  const outPlane = job.outPlane;
  const beside = (job.axes - 2) << 2;
  const whole = job.line * load<i32>(job.lengths + beside + 4);
  for (let k = 0; k < beside; k += 4) {
    if (load<i32>(job.steps + k) != 1 || job.step == 1) continue;
    const inner = whole * inner_of(job, k);
    const turn = inner * load<i32>(job.lengths + k);
    const isWhole = begin % turn == 0 && count % turn == 0;
    // no plane's end parts a line, nor the neighbours if they share a plane
    const isLaid = outPlane % whole == 0 && (inner % outPlane == 0 || outPlane % turn == 0);
    return isWhole && isLaid ? k : -1;
  }
  return -1;
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
  else if (between > 1 && between <= 4 && line >= 16 / <i32>sizeof<T>()) {
    // the last vector overlaps the one before
    const vector: i32 = 16 / sizeof<T>();
    for (let k = 0; ; k = min(k + vector, line - vector)) {
      const from = start + <usize>(k * between) * sizeof<T>();
      const picked = sizeof<T>() == 1 ? pick_bytes(from, between) : pick_words(from, between);
      v128.store(out + <usize>k * sizeof<T>(), picked);
      if (k == line - vector) break;
    }
  } else if (between > 0) {
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

/** How many lines may begin side by side in the input, from `place` on, so that all of their elements lie as those of one do. */
function lines_within(job: PermuteJob, place: i32): i32 {
  const step = job.step;
  const left = job.plane - (place % job.plane);
  const beside = left - step * (job.line - 1);
  return beside > 0 ? beside : step % job.plane == 0 ? left : 1;
}

/**
 * Copies `lines` lines, which begin side by side in the input; their elements lie a step apart.
 *
 *   input, a step apart    a0 b0 c0 ..     result, apart    a0 a1 a2 ..
 *                          a1 b1 c1 ..                      b0 b1 b2 ..
 */
function turn_lines<T>(job: PermuteJob, place: i32, out: usize, apart: usize, lines: i32): void {
  const side: i32 = sizeof<T>() == 1 ? 8 : 4;
  const inPlane = job.plane,
    inStride = job.planeBytes / sizeof<T>(),
    line = job.line,
    step = job.step;
  const within = place % inPlane;
  const isWithin = within + lines + step * (line - 1) <= inPlane;
  const isParted = !isWithin && (step % inPlane != 0 || within + lines > inPlane);
  const isShort = line < side;
  // short lines are woven: three where they lie one behind the other
  const isWoven = lines >= side && (line != 3 || apart == 3 * sizeof<T>());
  if (isParted || (isShort && !isWoven)) {
    for (let j = 0; j < lines; j++) copy_line<T>(job, place + j, out + <usize>j * apart);
    return;
  }
  const start = job.planes + <usize>((place / inPlane) * inStride + within) * sizeof<T>();
  const far = <usize>(isWithin ? step : (step / inPlane) * inStride) * sizeof<T>();
  const count = min(lines, side);
  // the last squares overlap those before
  for (let j = 0; ; j = min(j + side, lines - side)) {
    const from = start + <usize>j * sizeof<T>(),
      to = out + <usize>j * apart;
    if (isShort) {
      if (sizeof<T>() == 1) weave_bytes(from, far, line, to, apart);
      else weave_words(from, far, line, to, apart);
    } else if (sizeof<T>() == 1) turn_bytes(from, far, line, to, apart, count);
    else turn_words(from, far, line, to, apart, count);
    if (j >= lines - side) break;
  }
}
