// dense.ts: dense layers from one-byte codes, lanes over output channels; products come out of a table.
//
// codes: blocks of 16 output channels; a block holds one row of 16 bytes per input.
//
//   byte = 0..15, one of 16 weights; 255 for zero, or a weight that another pass counts
//
// tables: for each activation x = 0..255 its products with the 16 weights as i16, low bytes then high bytes (32 bytes),
// made by the host. A swizzle looks up 16 products at once, and returns 0 for index 255.
//
//   block of codes   | input 0: 16 bytes, one for each output channel | input 1 | ...
//   table of x       | low bytes of 16 products | high bytes |
//   sums             s0..s3 of four channels each, in registers over all inputs

/** Lists the inputs that are not 0 as (index << 8 | value), u32 each; returns how many. */
export function dense_nonzero(list: usize, input: usize, inputs: i32): i32 {
  const start = list;
  for (let i = 0; i < inputs; i++) {
    // every input is stored, and the next one overwrites it where it is 0: no branch
    const x = <u32>load<u8>(input + <usize>i);
    store<u32>(list, ((<u32>i) << 8) | x);
    list += x != 0 ? 4 : 0;
  }
  return <i32>((list - start) >> 2);
}

/** One walk over the inputs of a layer. */
@unmanaged
export class DenseJob {
  codes!: usize;
  tables!: usize;
  inputs!: i32;
  /** The sums are shifted left by `shift`; `more` adds them to what is there. */
  shift!: i32;
  more!: bool;
}

/** Sums blocks first..last-1 of 16 output channels in i32, over the `count` inputs of a list that dense_nonzero made. */
export function dense_codes_c16(job: DenseJob, list: usize, count: i32, sums: usize, first: i32, last: i32): void {
  const tables = job.tables;
  const shift = job.shift;
  const more = job.more;
  const blockBytes = (<usize>job.inputs) << 4;
  const end = list + ((<usize>count) << 2);
  let codes = job.codes + <usize>first * blockBytes;
  for (let block = first; block < last; block++, codes += blockBytes, sums += 64) {
    let s0 = i32x4.splat(0),
      s1 = s0,
      s2 = s0,
      s3 = s0;
    for (let at = list; at < end; at += 4) {
      // 16 codes of this input, and the products of its value
      const entry = <usize>load<u32>(at);
      const row = v128.load(codes + ((entry >> 8) << 4));
      const table = tables + ((entry & 255) << 5);
      const low = i8x16.swizzle(v128.load(table), row),
        high = i8x16.swizzle(v128.load(table, 16), row);
      // low and high bytes joined to 16 products in i16, widened and summed
      const p0 = i8x16.shuffle(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const p1 = i8x16.shuffle(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      s0 = i32x4.add(s0, i32x4.extend_low_i16x8_s(p0));
      s1 = i32x4.add(s1, i32x4.extend_high_i16x8_s(p0));
      s2 = i32x4.add(s2, i32x4.extend_low_i16x8_s(p1));
      s3 = i32x4.add(s3, i32x4.extend_high_i16x8_s(p1));
    }
    // another pass may have counted other levels, or the other half of large ones
    s0 = i32x4.shl(s0, shift);
    s1 = i32x4.shl(s1, shift);
    s2 = i32x4.shl(s2, shift);
    s3 = i32x4.shl(s3, shift);
    if (more) {
      s0 = i32x4.add(s0, v128.load(sums));
      s1 = i32x4.add(s1, v128.load(sums, 16));
      s2 = i32x4.add(s2, v128.load(sums, 32));
      s3 = i32x4.add(s3, v128.load(sums, 48));
    }
    v128.store(sums, s0);
    v128.store(sums, s1, 16);
    v128.store(sums, s2, 32);
    v128.store(sums, s3, 48);
  }
}
