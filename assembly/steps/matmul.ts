// matmul.ts: products of two float32 matrices, 4 rows x 8 columns a tile.
//
//   a   (rows, depth), row-major         one value of each of four rows, spread over 8 columns
//   b   (depth, columns), row-major      8 columns at a time are copied to a panel, [depth][8]
//
// Each sum adds its products in the order of the depth, one rounding a product and one a sum. Lanes run over columns.

/** The matrices of a layer, one behind the other: bytes from one to the next, 0 where one meets all. */
@unmanaged
export class MatmulJob {
  a!: usize;
  aBytes!: u32;
  b!: usize;
  bBytes!: u32;
  out!: usize;
  outBytes!: u32;
  rows!: i32;
  depth!: i32;
  columns!: i32;
}

/** Copies 8 columns of b to a panel. Columns behind its end are whatever lies there: their sums are not kept. */
function pack_panel(b: usize, rowBytes: usize, depth: i32, panel: usize): void {
  for (const end = panel + ((<usize>depth) << 5); panel < end; panel += 32, b += rowBytes) {
    v128.store(panel, v128.load(b));
    v128.store(panel, v128.load(b, 16), 16);
  }
}

/** Sums 4 rows x 8 columns to `to`, whose rows are `stride` bytes apart. */
function sum_4x8(a0: usize, a1: usize, a2: usize, a3: usize, panel: usize, depth: i32, to: usize, stride: usize): void {
  let c0 = f32x4.splat(0),
    c1 = c0,
    c2 = c0,
    c3 = c0;
  let d0 = c0,
    d1 = c0,
    d2 = c0,
    d3 = c0;
  for (let k: usize = 0, end = (<usize>depth) << 2; k < end; k += 4, panel += 32) {
    const p = v128.load(panel),
      q = v128.load(panel, 16);
    const w0 = v128.load32_splat(a0 + k),
      w1 = v128.load32_splat(a1 + k);
    c0 = f32x4.add(c0, f32x4.mul(w0, p));
    d0 = f32x4.add(d0, f32x4.mul(w0, q));
    c1 = f32x4.add(c1, f32x4.mul(w1, p));
    d1 = f32x4.add(d1, f32x4.mul(w1, q));
    const w2 = v128.load32_splat(a2 + k),
      w3 = v128.load32_splat(a3 + k);
    c2 = f32x4.add(c2, f32x4.mul(w2, p));
    d2 = f32x4.add(d2, f32x4.mul(w2, q));
    c3 = f32x4.add(c3, f32x4.mul(w3, p));
    d3 = f32x4.add(d3, f32x4.mul(w3, q));
  }
  v128.store(to, c0);
  v128.store(to, d0, 16);
  to += stride;
  v128.store(to, c1);
  v128.store(to, d1, 16);
  to += stride;
  v128.store(to, c2);
  v128.store(to, d2, 16);
  to += stride;
  v128.store(to, c3);
  v128.store(to, d3, 16);
}

/**
 * Makes units first..last-1: 8 columns each, those of the first pair of matrices, then those of the next. Nothing else is
 * written, so that threads may share a matrix. @param scratch for 4 x 8 sums, and the panel behind them
 */
export function matmul_f32(job: MatmulJob, first: i32, last: i32, scratch: usize): void {
  const rows = job.rows;
  const depth = job.depth;
  const columns = job.columns;
  const panels = (columns + 7) >> 3;
  const depthBytes = (<usize>depth) << 2;
  const rowBytes = (<usize>columns) << 2;
  const panel = scratch + 128;
  for (let unit = first; unit < last; unit++) {
    const matrix = <usize>(unit / panels);
    const column = (unit % panels) << 3;
    const place = (<usize>column) << 2;
    const count = min(8, columns - column);
    pack_panel(job.b + matrix * job.bBytes + place, rowBytes, depth, panel);
    let a = job.a + matrix * job.aBytes;
    let out = job.out + matrix * job.outBytes + place;
    for (let row = 0; row < rows; row += 4, a += depthBytes << 2, out += rowBytes << 2) {
      const left = rows - row;
      // rows behind the end are the last one again, and not kept
      const a1 = left > 1 ? a + depthBytes : a;
      const a2 = left > 2 ? a1 + depthBytes : a1;
      const a3 = left > 3 ? a2 + depthBytes : a2;
      if (count === 8 && left >= 4) {
        sum_4x8(a, a1, a2, a3, panel, depth, out, rowBytes);
        continue;
      }
      sum_4x8(a, a1, a2, a3, panel, depth, scratch, 32);
      for (let i = 0; i < min(4, left); i++) {
        const from = scratch + ((<usize>i) << 5);
        const to = out + <usize>i * rowBytes;
        for (let j: usize = 0; j < (<usize>count) << 2; j += 4) store<f32>(to + j, load<f32>(from + j));
      }
    }
  }
}
