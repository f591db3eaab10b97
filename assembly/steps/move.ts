// move.ts: elements taken to other places by lists of channels, rows and columns.
//
// Whatever lies in the input as it is to lie in the result is copied as one: planes or rows. Of the rest a vector of columns is looked
// up or picked at once, where they are near each other.
import { pick_bytes, pick_words } from "./shared/turn";

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

/** The columns that are gathered of every row, and the rows. */
@unmanaged
class Columns {
  /** i32 each: where in a row, or -1. */
  list!: usize;
  count!: i32;
  /** i32 each: the element that a row begins with, or -1; 0: the only row begins at 0. */
  rows!: usize;
  height!: i32;
  /** Bytes from one row of the result to the next. */
  rowBytes!: usize;
  /** The column with which the 16 bytes begin that are looked up. Behind the record lie the places, and what is filled in. */
  low!: i32;
}

const PLACES: usize = 32;
const FILLED: usize = 48;

/** Gathers channels first..last-1. `scratch` has room for 64 bytes. */
export function gather_elements(job: GatherElementsJob, first: i32, last: i32, scratch: usize): void {
  const float = job.float;
  const shift: usize = float ? 2 : 0;
  const height = job.height,
    width = job.width;
  const rowBytes = (<usize>width) << shift;
  // rows of one element, as in 1-D networks, are the columns of a single row that begins at 0
  const line = job.form == ROWS && width == 1;
  if (line || (job.form != PLANES && job.form != ROWS)) {
    const columns = changetype<Columns>(scratch);
    columns.list = line ? job.rows : job.columns;
    columns.count = line ? height : width;
    columns.rows = line ? 0 : job.rows;
    columns.height = line ? 1 : height;
    columns.rowBytes = rowBytes;
    gather_blocks(job, columns, first, last);
  }
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

/** Gathers as many columns at once as a vector has, or half of one; the last ones overlap where the width is no multiple. */
function gather_blocks(job: GatherElementsJob, columns: Columns, first: i32, last: i32): void {
  const count = columns.count;
  const block = job.float ? 4 : count < 16 ? 8 : 16;
  if (count < block || job.planeBytes < 16) {
    gather_columns(job, columns, first, last, 0, count);
    return;
  }
  for (let x = 0; x < count; x += block) {
    const from = min(x, count - block);
    if (!gather_block(job, columns, first, last, from, block)) gather_columns(job, columns, first, last, from, block);
  }
}

/** Gathers `count` columns from one on, each by itself, in the rows that are not filled. */
function gather_columns(job: GatherElementsJob, columns: Columns, first: i32, last: i32, from: i32, count: i32): void {
  if (job.float) gather_each<u32>(job, columns, first, last, from, count);
  else gather_each<u8>(job, columns, first, last, from, count);
}

function gather_each<T>(job: GatherElementsJob, columns: Columns, first: i32, last: i32, from: i32, count: i32): void {
  const rows = columns.rows,
    height = columns.height,
    rowBytes = columns.rowBytes;
  const fill = <T>job.fill;
  const begin = columns.list + ((<usize>from) << 2),
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
 * @param block columns of it: as many as 16 bytes have, or 8 bytes
 * @returns false where the columns are further from each other: nothing is gathered then
 */
function gather_block(job: GatherElementsJob, columns: Columns, first: i32, last: i32, from: i32, block: i32): bool {
  const float = job.float;
  const shift: usize = float ? 2 : 0;
  const half = !float && block == 8;
  // the columns; those beyond the block are of it once more
  const list = columns.list + ((<usize>from) << 2);
  const c0 = v128.load(list),
    c1 = float ? c0 : v128.load(list, 16),
    c2 = float || half ? c0 : v128.load(list, 32),
    c3 = float || half ? c1 : v128.load(list, 48);
  // -1 is the largest of all without a sign
  let lows = i32x4.min_u(i32x4.min_u(c0, c1), i32x4.min_u(c2, c3)),
    highs = i32x4.max_s(i32x4.max_s(c0, c1), i32x4.max_s(c2, c3));
  lows = i32x4.min_u(lows, i32x4.shuffle(lows, lows, 2, 3, 0, 1));
  highs = i32x4.max_s(highs, i32x4.shuffle(highs, highs, 2, 3, 0, 1));
  const high = max(i32x4.extract_lane(highs, 0), i32x4.extract_lane(highs, 1));
  let low = <i32>min(<u32>i32x4.extract_lane(lows, 0), <u32>i32x4.extract_lane(lows, 1));
  if (high < 0) low = 0;
  else if ((high - low + 1) << (<i32>shift) > 16) return pick_block(job, columns, first, last, from, block);
  // their places in the 16 bytes, -128 for what is filled in
  const places = float ? word_places(c0, low) : byte_places(c0, c1, c2, c3, low);
  const fills = float ? i32x4.splat(job.fill) : i8x16.splat(<u8>job.fill);
  columns.low = low;
  v128.store(changetype<usize>(columns), places, PLACES);
  v128.store(changetype<usize>(columns), v128.and(fills, i8x16.lt_s(places, i8x16.splat(0))), FILLED);
  look_up_block(job, columns, first, last, from, half);
  return true;
}

/** Looks a block of every row up, at the places that are noted. */
function look_up_block(job: GatherElementsJob, columns: Columns, first: i32, last: i32, from: i32, half: bool): void {
  const shift: usize = job.float ? 2 : 0;
  const rows = columns.rows,
    height = columns.height,
    rowBytes = columns.rowBytes,
    low = columns.low;
  const places = v128.load(changetype<usize>(columns), PLACES),
    filled = v128.load(changetype<usize>(columns), FILLED);
  const out = job.out + ((<usize>from) << shift);
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
      const found = i8x16.swizzle(v128.load(at - over), i8x16.add(places, i8x16.splat(<i8>over)));
      const bytes = v128.or(found, filled);
      if (half) v128.store64_lane(to, bytes, 0);
      else v128.store(to, bytes);
    }
  }
}

/** The places in bytes of columns that begin with `low`; -128 for those that are filled in. */
function byte_places(c0: v128, c1: v128, c2: v128, c3: v128, low: i32): v128 {
  const first = i32x4.splat(low);
  return i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(place_of(c0, first), place_of(c1, first)),
    i16x8.narrow_i32x4_s(place_of(c2, first), place_of(c3, first)),
  );
}

function place_of(columns: v128, first: v128): v128 {
  return v128.bitselect(i32x4.splat(-128), i32x4.sub(columns, first), i32x4.lt_s(columns, i32x4.splat(0)));
}

/** The same of words: the places of their bytes. */
function word_places(columns: v128, low: i32): v128 {
  const places = i32x4.mul(i32x4.sub(columns, i32x4.splat(low)), i32x4.splat(0x04040404));
  const filled = i32x4.lt_s(columns, i32x4.splat(0));
  return v128.bitselect(i32x4.splat(0x80808080), i32x4.add(places, i32x4.splat(0x03020100)), filled);
}

/** Gathers a block of every second column, or third or fourth. @returns false where it is none: nothing is gathered then */
function pick_block(job: GatherElementsJob, columns: Columns, first: i32, last: i32, from: i32, block: i32): bool {
  const float = job.float;
  const shift: usize = float ? 2 : 0;
  const list = columns.list + ((<usize>from) << 2);
  const low = load<i32>(list),
    step = load<i32>(list, 4) - low;
  if (step < 2 || step > 4) return false;
  for (let j = 2; j < block; j++) if (load<i32>(list + ((<usize>j) << 2)) != low + j * step) return false;
  const rows = columns.rows,
    height = columns.height;
  for (let channel = first; channel < last; channel++) {
    const source = load<i32>(job.channels + ((<usize>channel) << 2));
    if (source < 0) continue;
    let to = job.out + <usize>channel * job.outBytes + ((<usize>from) << shift);
    const plane = job.planes + <usize>source * job.planeBytes;
    for (let y = 0; y < height; y++, to += columns.rowBytes) {
      const start = rows ? load<i32>(rows + ((<usize>y) << 2)) : 0;
      if (start < 0) continue;
      const at = plane + ((<usize>(start + low)) << shift);
      const picked = float ? pick_words(at, step) : pick_bytes(at, step);
      if (block == 8) v128.store64_lane(to, picked, 0);
      else v128.store(to, picked);
    }
  }
  return true;
}
