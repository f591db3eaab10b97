// buckets.ts: bucket sums over weights of a few levels: one load and one add per non-zero weight.
//
// patch   depth rows of 64 u8 activations (gather.ts), 64 bytes apart: row k, lane j = activation k of output pixel j
// stream  u16 words; an output channel is segments up to and with the one that ENDs, and the factors of its parts:
//
//           segment = adds | subs | op | adds x row index | subs x row index | bias, if the op is RAISED
//
//         Rows under `adds` count +1, rows under `subs` -1. Then op = DOUBLE doubles the lanes: the next segment belongs
//         to the next smaller power of two (Horner's rule). PARK and END leave the lanes as a part of the sum; PARK zeroes
//         them for the next. The host cuts parts so that no lane can leave its range. Where complements of rows lie behind
//         the rows (gather.ts), they are added instead of rows subtracted: subs is 0, and where the end of the channel does
//         not do it, RAISED adds what lowers the lanes again.
// parts   where the parts of the sum are left; lanes.ts draws them, and the factors that follow the stream
//
//   a row of the patch   | pixels 0..15 | 16..31 | 32..47 | 48..63 |     read as v0, v1, v2, v3
//   one vector v         | even, odd | even, odd | ...                   eight 16-bit lanes, even + 256 odd
//   sums in registers    a0..a3 of the lanes, b0..b3 of the lanes >>> 8, which are the odd pixels alone
//   a part as stored     | a0 | b0 | a1 | b1 | a2 | b2 | a3 | b3 |       16 bytes each
//
// The loops stand here several times on purpose. Adding and subtracting are two loops, since a branch on the sign would
// cost more than the sum. Each width has a function with its sums in locals: only locals stay in registers, a function can
// return one vector, not eight, and a loop over an array of sums would keep them in memory.
//
// No function here multiplies: a test reads the compiled text.
import { DOUBLE, END, PART_BYTES, RAISED } from "../../../src/runtime/layout";
import { oddsOf } from "./lanes";

/**
 * Sums one channel of 64 pixels with activations 0..255, and returns the address of its factors. Lanes are exact while
 * 255 * sum of each sign <= 32767.
 */
export function bucket_swar_px64(patch: usize, stream: usize, parts: usize): usize {
  // the sums: eight registers of the fifteen that an engine has
  let a0 = i64x2.splat(0),
    a1 = a0,
    a2 = a0,
    a3 = a0;
  let b0 = a0,
    b1 = a0,
    b2 = a0,
    b3 = a0;
  let s = stream;
  while (true) {
    // the head of a segment: how many rows to add, how many to subtract, and what follows
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
    // rows with a weight of +1: four loads, four sums of pairs, four of the odd pixels
    while (s < end) {
      const row = patch + ((<usize>load<u16>(s)) << 6);
      const v0 = v128.load(row),
        v1 = v128.load(row, 16),
        v2 = v128.load(row, 32),
        v3 = v128.load(row, 48);
      s += 2;
      a0 = i16x8.add(a0, v0);
      b0 = i16x8.add(b0, oddsOf(v0));
      a1 = i16x8.add(a1, v1);
      b1 = i16x8.add(b1, oddsOf(v1));
      a2 = i16x8.add(a2, v2);
      b2 = i16x8.add(b2, oddsOf(v2));
      a3 = i16x8.add(a3, v3);
      b3 = i16x8.add(b3, oddsOf(v3));
    }
    // rows with a weight of -1: the same, subtracted
    end = s + (subs << 1);
    while (s < end) {
      const row = patch + ((<usize>load<u16>(s)) << 6);
      const v0 = v128.load(row),
        v1 = v128.load(row, 16),
        v2 = v128.load(row, 32),
        v3 = v128.load(row, 48);
      s += 2;
      a0 = i16x8.sub(a0, v0);
      b0 = i16x8.sub(b0, oddsOf(v0));
      a1 = i16x8.sub(a1, v1);
      b1 = i16x8.sub(b1, oddsOf(v1));
      a2 = i16x8.sub(a2, v2);
      b2 = i16x8.sub(b2, oddsOf(v2));
      a3 = i16x8.sub(a3, v3);
      b3 = i16x8.sub(b3, oddsOf(v3));
    }
    if (op == DOUBLE) {
      // on to the next smaller power of two: what has been summed so far counts twice
      a0 = i16x8.add(a0, a0);
      a1 = i16x8.add(a1, a1);
      a2 = i16x8.add(a2, a2);
      a3 = i16x8.add(a3, a3);
      b0 = i16x8.add(b0, b0);
      b1 = i16x8.add(b1, b1);
      b2 = i16x8.add(b2, b2);
      b3 = i16x8.add(b3, b3);
    } else {
      // the lanes are a part: PARK and END
      if (op & RAISED) {
        // complements have raised the lanes: the bias that follows lowers them
        const odd = v128.load16_splat(s);
        const pair = i16x8.add(odd, i16x8.shl(odd, 8));
        s += 2;
        a0 = i16x8.add(a0, pair);
        a1 = i16x8.add(a1, pair);
        a2 = i16x8.add(a2, pair);
        a3 = i16x8.add(a3, pair);
        b0 = i16x8.add(b0, odd);
        b1 = i16x8.add(b1, odd);
        b2 = i16x8.add(b2, odd);
        b3 = i16x8.add(b3, odd);
      }
      v128.store(parts, a0);
      v128.store(parts, b0, 16);
      v128.store(parts, a1, 32);
      v128.store(parts, b1, 48);
      v128.store(parts, a2, 64);
      v128.store(parts, b2, 80);
      v128.store(parts, a3, 96);
      v128.store(parts, b3, 112);
      // the factors follow the last segment
      if (op & END) return s;
      // PARK: the next part starts at 0
      parts += PART_BYTES;
      a0 = i64x2.splat(0);
      a1 = a0;
      a2 = a0;
      a3 = a0;
      b0 = a0;
      b1 = a0;
      b2 = a0;
      b3 = a0;
    }
  }
}

/** Sums the first 16 pixels of a tile alone: bucket_swar_px64 with one vector instead of four. */
export function bucket_swar_px16(patch: usize, stream: usize, parts: usize): usize {
  let a = i64x2.splat(0),
    b = a;
  let s = stream;
  while (true) {
    // the head of a segment: how many rows to add, how many to subtract, and what follows
    const subs = <usize>load<u16>(s, 2);
    const op = <i32>load<u16>(s, 4);
    let end = s + 6 + ((<usize>load<u16>(s)) << 1);
    s += 6;
    // rows with a weight of +1
    while (s < end) {
      const v = v128.load(patch + ((<usize>load<u16>(s)) << 6));
      s += 2;
      a = i16x8.add(a, v);
      b = i16x8.add(b, i16x8.shr_u(v, 8));
    }
    // rows with a weight of -1
    end = s + (subs << 1);
    while (s < end) {
      const v = v128.load(patch + ((<usize>load<u16>(s)) << 6));
      s += 2;
      a = i16x8.sub(a, v);
      b = i16x8.sub(b, i16x8.shr_u(v, 8));
    }
    if (op == DOUBLE) {
      a = i16x8.add(a, a);
      b = i16x8.add(b, b);
    } else {
      if (op & RAISED) {
        const odd = v128.load16_splat(s);
        s += 2;
        a = i16x8.add(a, i16x8.add(odd, i16x8.shl(odd, 8)));
        b = i16x8.add(b, odd);
      }
      // the first 32 bytes of a part; nobody reads the others
      v128.store(parts, a);
      v128.store(parts, b, 16);
      if (op & END) return s;
      parts += PART_BYTES;
      a = i64x2.splat(0);
      b = a;
    }
  }
}
