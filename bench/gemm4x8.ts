// gemm4x8.ts: the float32 4x8 product that the convolutions are measured against, straight from the design's prototype.

/** w packed [channels / 4][depth][4], x [depth][pixels], out [channels][pixels]. */
export function gemm4x8(w: usize, x: usize, out: usize, channels: i32, depth: i32, pixels: i32): void {
  const row = (<usize>pixels) << 2;
  for (let m = 0; m < channels; m += 4) {
    for (let n = 0; n < pixels; n += 8) {
      let a0 = f32x4.splat(0);
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      let b0 = a0;
      let b1 = a0;
      let b2 = a0;
      let b3 = a0;
      let wp = w + ((<usize>(m * depth)) << 2);
      let xp = x + ((<usize>n) << 2);
      for (let k = 0; k < depth; k++) {
        const p = v128.load(xp);
        const q = v128.load(xp, 16);
        let v = v128.load32_splat(wp);
        a0 = f32x4.add(a0, f32x4.mul(v, p));
        b0 = f32x4.add(b0, f32x4.mul(v, q));
        v = v128.load32_splat(wp, 4);
        a1 = f32x4.add(a1, f32x4.mul(v, p));
        b1 = f32x4.add(b1, f32x4.mul(v, q));
        v = v128.load32_splat(wp, 8);
        a2 = f32x4.add(a2, f32x4.mul(v, p));
        b2 = f32x4.add(b2, f32x4.mul(v, q));
        v = v128.load32_splat(wp, 12);
        a3 = f32x4.add(a3, f32x4.mul(v, p));
        b3 = f32x4.add(b3, f32x4.mul(v, q));
        wp += 16;
        xp += row;
      }
      let o = out + ((<usize>(m * pixels + n)) << 2);
      v128.store(o, a0);
      v128.store(o, b0, 16);
      o += row;
      v128.store(o, a1);
      v128.store(o, b1, 16);
      o += row;
      v128.store(o, a2);
      v128.store(o, b2, 16);
      o += row;
      v128.store(o, a3);
      v128.store(o, b3, 16);
    }
  }
}
