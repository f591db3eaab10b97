// pack.ts: rearranges planes and weights into the panels that gemm.ts and panels.ts read.

/** Copies `bytes` bytes, a multiple of 4, without the call that memory.copy costs on short rows. */
function copyRow(from: usize, to: usize, bytes: usize): void {
  const end = from + bytes;
  const last = end - 16;
  while (from + 16 <= end) {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
  }
  if (from === end) return;
  if (bytes >= 16) {
    v128.store(to - (from - last), v128.load(last));
    return;
  }
  for (; from < end; from += 4, to += 4) store<f32>(to, load<f32>(from));
}

/** Planes of height x width in the middle of larger ones, at (top, left). */
@unmanaged
export class PaddingJob {
  height!: i32;
  width!: i32;
  outerHeight!: i32;
  outerWidth!: i32;
  top!: i32;
  left!: i32;
}

/** Copies planes into the middle of zeroed ones. */
export function padPlanes(job: PaddingJob, from: usize, to: usize, planes: i32): void {
  const height = job.height;
  const row = (<usize>job.width) << 2;
  const outerRow = (<usize>job.outerWidth) << 2;
  const plane = <usize>job.outerHeight * outerRow;
  const start = <usize>job.top * outerRow + ((<usize>job.left) << 2);
  for (let p = 0; p < planes; p++) {
    memory.fill(to, 0, plane);
    let at = to + start;
    for (let y = 0; y < height; y++) {
      copyRow(from, at, row);
      from += row;
      at += outerRow;
    }
    to += plane;
  }
}

/** a[m / 4][k][m % 4] = w[m * rowBytes + columns[k]]: weights in fours of rows, missing rows zero. */
export function packRows(w: usize, rowBytes: u32, columns: usize, rows: i32, depth: i32, a: usize): void {
  for (let m = 0; m < rows; m += 4) {
    for (let k = 0; k < depth; k++) {
      let from = w + <usize>load<u32>(columns + ((<usize>k) << 2));
      for (let i = 0; i < 4; i++) {
        store<f32>(a, m + i < rows ? load<f32>(from) : 0);
        from += rowBytes;
        a += 4;
      }
    }
    w += rowBytes << 2;
  }
}

/** g[m][k] = sums[m / 8][k][m % 8], whose depth is rounded up to 4. */
export function unpackSums(sums: usize, rows: i32, depth: i32, g: usize): void {
  const depthRounded = (depth + 3) & ~3;
  for (let m = 0; m < rows; m++) {
    let from = sums + (((<usize>(m >> 3) * <usize>depthRounded) << 5) + ((<usize>(m & 7)) << 2));
    for (let k = 0; k < depth; k++, from += 32, g += 4) store<f32>(g, load<f32>(from));
  }
}
