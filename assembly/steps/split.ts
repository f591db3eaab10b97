// split.ts: planes split into the phases of any stride: phase (py, px) holds the pixels (down y + py, right x + px), dense rows of
// ceil(width / right) columns. Cells beyond the plane hold left-overs.
//
//   a row, right = 3    p0 p1 p2 p3 p4 p5 p6 ..      its phases    p0 p3 p6 ..  |  p1 p4 p7 ..  |  p2 p5 p8 ..
import { SplitJob } from "../runtime/gather";
import { turn_bytes } from "./shared/turn";

/** Columns from which on a row is turned as squares of 8 x 8 bytes. */
const SQUARE = 8;

/** Splits u8 planes first..last-1, as split_phases_u8 does for stride 2. */
export function split_phases_u8_any(job: SplitJob, first: i32, last: i32): void {
  // a column is split as a row
  const line = job.width == 1 && job.right == 1;
  const width = line ? job.height : job.width,
    height = line ? 1 : job.height,
    down = line ? 1 : job.down,
    right = line ? job.down : job.right;
  const phaseBytes = <usize>job.phaseBytes;
  const columns = <usize>((width + right - 1) / right);
  const rowPhases = <usize>right * phaseBytes;
  const planePhases = <usize>down * rowPhases;
  let plane = job.planes + <usize>first * job.planeBytes;
  let phases = job.phases + <usize>first * planePhases;
  for (let channel = first; channel < last; channel++, plane += job.planeBytes, phases += planePhases) {
    let from = plane,
      to = phases;
    // whole vectors run over a row's end, where the next row of the phase is written later
    for (let y = 0, py = 0; y < height; y++, from += width) {
      if (right == 1) copy_row(from, to, columns);
      else if (right == 2) halve_row(from, to, columns, phaseBytes);
      else if (right == 4) quarter_row(from, to, columns, phaseBytes);
      else if (right < SQUARE) pick_row(from, to, columns, right, phaseBytes);
      else turn_row(from, to, columns, right, phaseBytes);
      to += rowPhases;
      if (++py < down) continue;
      py = 0;
      to += columns - planePhases;
    }
  }
}

function copy_row(from: usize, to: usize, columns: usize): void {
  for (let x: usize = 0; x < columns; x += 16) v128.store(to + x, v128.load(from + x));
}

/** The bytes at even places of two vectors. */
function evens(a: v128, b: v128): v128 {
  return i8x16.narrow_i16x8_u(v128.and(a, i16x8.splat(0xff)), v128.and(b, i16x8.splat(0xff)));
}

/** The bytes at odd places of two vectors. */
function odds(a: v128, b: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.shr_u(a, 8), i16x8.shr_u(b, 8));
}

function halve_row(from: usize, to: usize, columns: usize, phaseBytes: usize): void {
  for (const end = to + columns; to < end; to += 16, from += 32) {
    const a = v128.load(from),
      b = v128.load(from, 16);
    v128.store(to, evens(a, b));
    v128.store(to + phaseBytes, odds(a, b));
  }
}

/** Halves the halves. */
function quarter_row(from: usize, to: usize, columns: usize, phaseBytes: usize): void {
  for (const end = to + columns; to < end; to += 16, from += 64) {
    const a = v128.load(from),
      b = v128.load(from, 16),
      c = v128.load(from, 32),
      d = v128.load(from, 48);
    const even = evens(a, b),
      even2 = evens(c, d),
      odd = odds(a, b),
      odd2 = odds(c, d);
    v128.store(to, evens(even, even2));
    v128.store(to + phaseBytes, evens(odd, odd2));
    v128.store(to + 2 * phaseBytes, odds(even, even2));
    v128.store(to + 3 * phaseBytes, odds(odd, odd2));
  }
}

/** Looks the 16 bytes of a phase up in the `right` vectors that hold them. */
function pick_row(from: usize, to: usize, columns: usize, right: i32, phaseBytes: usize): void {
  // places of phase 0; a vector further on they are 16 less, and those below 0 are beyond 15 as bytes
  const lanes = i16x8.splat(<i16>right);
  const places = i8x16.narrow_i16x8_u(
    i16x8.mul(i16x8(0, 1, 2, 3, 4, 5, 6, 7), lanes),
    i16x8.mul(i16x8(8, 9, 10, 11, 12, 13, 14, 15), lanes),
  );
  const length = (<usize>right) << 4;
  for (const end = to + columns; to < end; to += 16, from += length) {
    let place = places;
    for (let out = to, stop = to + <usize>right * phaseBytes; out < stop; out += phaseBytes) {
      let at = place,
        bytes = i8x16.splat(0);
      for (let i: usize = 0; i < length; i += 16) {
        bytes = v128.or(bytes, i8x16.swizzle(v128.load(from + i), at));
        at = i8x16.sub(at, i8x16.splat(16));
      }
      v128.store(out, bytes);
      place = i8x16.add(place, i8x16.splat(1));
    }
  }
}

/** Turns 8 phases at once; the last 8 overlap those before. */
function turn_row(from: usize, to: usize, columns: usize, right: i32, phaseBytes: usize): void {
  const rows = max(<i32>columns, SQUARE);
  for (let phase: i32 = 0; ; phase = min(phase + SQUARE, right - SQUARE)) {
    turn_bytes(from + <usize>phase, <usize>right, rows, to + <usize>phase * phaseBytes, phaseBytes, SQUARE);
    if (phase == right - SQUARE) break;
  }
}
