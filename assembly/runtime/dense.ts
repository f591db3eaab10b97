// dense.ts: dense layers from planes of bits, lanes over output channels; sums of four inputs come out of a table.
//
// A weight is level = least + sum over p of 2^p bit p. So a sum of products is a few sums of inputs alone:
//
//   sum of level[i] x[i] = sum over p of 2^p (sum of the x[i] whose bit p is set) + least * sum of x[i]
//
// The 16 sums of four inputs are made once for all outputs. Four bits of a plane, one of each weight, say which of them it is. A
// sum of four is at most 1020. Its low and its high 5 bits are looked up apart, so that bytes hold 8 of either.
//
//   sums     | count, total, 8 bytes free | places | chunk | chunk | ...        made by dense_sums
//   chunk    | group 0: low 5 bits of 16 sums, high 5 bits | ... group 7 |      groups of 4 inputs, 32 bytes each
//   places   for each chunk which 32 inputs it is of, i32: those that are all 0 have none
//
//   codes    | block 0: planes 0 and 1 | planes 2 and 3 | ... | block 1 | ...   blocks of 16 output channels
//   planes   | group 0: 16 bytes, one for each output channel: the even plane in the low 4 bits | group 1 | ...
//
// What lies behind the last input is 0.

/** Bytes of a chunk of sums and of codes; chunks whose sums fit 16 bits: 64 * 1020. */
const CHUNK_BYTES: usize = 256;
const CODES_BYTES: usize = 128;
const CHUNKS: i32 = 8;

/** What dense_sums makes. */
@unmanaged
class Sums {
  /** The number of chunks, and the sum of all inputs. */
  count!: i32;
  total!: i32;
}

function chunks_of(inputs: i32): i32 {
  return (inputs + 31) >> 5;
}

function places_of(room: usize): usize {
  return room + 16;
}

function tables_of(room: usize, inputs: i32): usize {
  return places_of(room) + ((<usize>((chunks_of(inputs) + 3) & ~3)) << 2);
}

/** Writes the sums of all groups of four inputs that are not all 0. */
export function dense_sums(room: usize, input: usize, inputs: i32): void {
  // which of the first three inputs each of 8 sums has
  const first = i16x8(0, -1, 0, -1, 0, -1, 0, -1),
    second = i16x8(0, 0, -1, -1, 0, 0, -1, -1),
    third = i16x8(0, 0, 0, 0, -1, -1, -1, -1),
    low = i16x8.splat(31);
  const sums = changetype<Sums>(room);
  let table = tables_of(room, inputs);
  let total = 0,
    count = 0;
  for (let chunk = 0, left = inputs; left > 0; chunk++, left -= 32) {
    const before = total;
    for (const stop = table + CHUNK_BYTES; table < stop; table += 32, input += 4) {
      const there = left - (32 - (<i32>(stop - table) >> 3));
      let four = load<u32>(input);
      // what lies behind the last input could be anything
      if (there < 4) four &= there > 0 ? (1 << ((<u32>there) << 3)) - 1 : 0;
      const a = i16x8.add(
        i16x8.add(
          v128.and(i16x8.splat(<i16>(four & 255)), first),
          v128.and(i16x8.splat(<i16>((four >> 8) & 255)), second),
        ),
        v128.and(i16x8.splat(<i16>((four >> 16) & 255)), third),
      );
      const b = i16x8.add(a, i16x8.splat(<i16>(four >> 24)));
      total += i16x8.extract_lane_s(b, 7);
      v128.store(table, i8x16.narrow_i16x8_u(v128.and(a, low), v128.and(b, low)));
      v128.store(table, i8x16.narrow_i16x8_u(i16x8.shr_u(a, 5), i16x8.shr_u(b, 5)), 16);
    }
    // the next chunk overwrites one of zeros
    store<i32>(places_of(room) + ((<usize>count) << 2), chunk);
    if (total == before) table -= CHUNK_BYTES;
    else count++;
  }
  sums.count = count;
  sums.total = total;
}

/** The weights of a layer. */
@unmanaged
export class DenseJob {
  codes!: usize;
  inputs!: i32;
  /** Pairs of planes, and the least level. */
  pairs!: i32;
  least!: i32;
}

/** Sums blocks first..last-1 of 16 output channels in i32, over the sums of inputs in `room`. */
export function dense_codes_c16(job: DenseJob, room: usize, to: usize, first: i32, last: i32): void {
  const inputs = job.inputs,
    pairs = job.pairs;
  const count = changetype<Sums>(room).count,
    least = job.least * changetype<Sums>(room).total;
  const tables = tables_of(room, inputs);
  const planesBytes = <usize>chunks_of(inputs) * CODES_BYTES;
  const mask = i8x16.splat(15);
  let planes = job.codes + <usize>first * <usize>pairs * planesBytes;
  for (let block = first; block < last; block++, to += 64) {
    let s0 = i32x4.splat(least),
      s1 = s0,
      s2 = s0,
      s3 = s0;
    for (let plane = 0; plane < pairs << 1; plane += 2, planes += planesBytes) {
      let table = tables,
        place = places_of(room);
      for (let left = count; left > 0; left -= CHUNKS) {
        // sums of the even plane and of the odd one, 16 bits each
        let a0 = i16x8.splat(0),
          a1 = a0,
          b0 = a0,
          b1 = a0;
        for (const stop = place + ((<usize>min(left, CHUNKS)) << 2); place < stop; place += 4) {
          let codes = planes + <usize>load<i32>(place) * CODES_BYTES;
          let low = i8x16.splat(0),
            high = low,
            low1 = low,
            high1 = low;
          for (const end = table + CHUNK_BYTES; table < end; table += 32, codes += 16) {
            const row = v128.load(codes),
              lows = v128.load(table),
              highs = v128.load(table, 16);
            const even = v128.and(row, mask),
              odd = v128.and(i16x8.shr_u(row, 4), mask);
            low = i8x16.add(low, i8x16.swizzle(lows, even));
            high = i8x16.add(high, i8x16.swizzle(highs, even));
            low1 = i8x16.add(low1, i8x16.swizzle(lows, odd));
            high1 = i8x16.add(high1, i8x16.swizzle(highs, odd));
          }
          a0 = i16x8.add(a0, joined(i16x8.extend_low_i8x16_u(low), i16x8.extend_low_i8x16_u(high)));
          a1 = i16x8.add(a1, joined(i16x8.extend_high_i8x16_u(low), i16x8.extend_high_i8x16_u(high)));
          b0 = i16x8.add(b0, joined(i16x8.extend_low_i8x16_u(low1), i16x8.extend_low_i8x16_u(high1)));
          b1 = i16x8.add(b1, joined(i16x8.extend_high_i8x16_u(low1), i16x8.extend_high_i8x16_u(high1)));
        }
        s0 = i32x4.add(s0, raised(i32x4.extend_low_i16x8_u(a0), i32x4.extend_low_i16x8_u(b0), plane));
        s1 = i32x4.add(s1, raised(i32x4.extend_high_i16x8_u(a0), i32x4.extend_high_i16x8_u(b0), plane));
        s2 = i32x4.add(s2, raised(i32x4.extend_low_i16x8_u(a1), i32x4.extend_low_i16x8_u(b1), plane));
        s3 = i32x4.add(s3, raised(i32x4.extend_high_i16x8_u(a1), i32x4.extend_high_i16x8_u(b1), plane));
      }
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
  }
}

/** Sums from their low and high 5 bits. */
function joined(low: v128, high: v128): v128 {
  return i16x8.add(low, i16x8.shl(high, 5));
}

/** 2^plane (even + 2 odd). */
function raised(even: v128, odd: v128, plane: i32): v128 {
  return i32x4.shl(i32x4.add(even, i32x4.add(odd, odd)), plane);
}
