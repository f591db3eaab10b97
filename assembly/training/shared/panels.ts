// panels.ts: panels of 8 pixels, gathered by offsets, and planes turned into blocks of 8 channels.

/** Four pixels of every row k, wherever they are, into 16 bytes of a 32-byte panel row. */
function packHalf(x: usize, rows: usize, depth: i32, pixels: usize, panel: usize): void {
  const end = rows + ((<usize>depth) << 2);
  const o0 = <usize>load<u32>(pixels);
  const o1 = <usize>load<u32>(pixels, 4);
  const o2 = <usize>load<u32>(pixels, 8);
  const o3 = <usize>load<u32>(pixels, 12);
  if (o1 - o0 === 4 && o2 - o1 === 4 && o3 - o2 === 4) {
    for (; rows < end; rows += 4, panel += 32) v128.store(panel, v128.load(x + o0 + <usize>load<u32>(rows)));
  } else if (o1 - o0 === 8 && o2 - o1 === 8 && o3 - o2 === 8) {
    for (; rows < end; rows += 4, panel += 32) {
      const from = x + o0 + <usize>load<u32>(rows);
      // ends at pixel 3, so that nothing past it is read
      const high = v128.load(from, 12);
      v128.store(panel, i32x4.shuffle(v128.load(from), high, 0, 2, 5, 7));
    }
  } else {
    for (; rows < end; rows += 4, panel += 32) {
      const from = x + <usize>load<u32>(rows);
      store<f32>(panel, load<f32>(from + o0));
      store<f32>(panel, load<f32>(from + o1), 4);
      store<f32>(panel, load<f32>(from + o2), 8);
      store<f32>(panel, load<f32>(from + o3), 12);
    }
  }
}

/** panel[k][i] = x[rows[k] + pixels[i]] for 8 pixels; all offsets in bytes. */
export function packPanel(x: usize, rows: usize, depth: i32, pixels: usize, panel: usize): void {
  const first = <usize>load<u32>(pixels);
  // pixels ascend, so 8 of them in 28 bytes are neighbours; where the last one is repeated there are fewer than 8
  const last = <usize>load<u32>(pixels, 28);
  if (last - first === 28 && last - <usize>load<u32>(pixels, 24) === 4) {
    const end = rows + ((<usize>depth) << 2);
    for (; rows < end; rows += 4, panel += 32) {
      const from = x + first + <usize>load<u32>(rows);
      v128.store(panel, v128.load(from));
      v128.store(panel, v128.load(from, 16), 16);
    }
    return;
  }
  packHalf(x, rows, depth, pixels, panel);
  packHalf(x, rows, depth, pixels + 16, panel + 16);
}

function loadIf(present: bool, from: usize): v128 {
  return present ? v128.load(from) : f32x4.splat(0);
}

/** Transposes 4 channels x 4 pixels to [pixel][channel], 32 bytes from pixel to pixel. */
export function transpose4(a: v128, b: v128, c: v128, d: v128, to: usize): void {
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const AB = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const CD = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(ab, cd, 0, 2));
  v128.store(to, i64x2.shuffle(ab, cd, 1, 3), 32);
  v128.store(to, i64x2.shuffle(AB, CD, 0, 2), 64);
  v128.store(to, i64x2.shuffle(AB, CD, 1, 3), 96);
}

/**
 * Turns `channels` planes of one image, `plane` pixels each, into blocks of 8 channels: to[channel / 8][pixel][8],
 * `blockBytes` from block to block. Missing channels are zero.
 */
export function interleavePlanes(from: usize, channels: i32, plane: i32, to: usize, blockBytes: usize): void {
  const bytes = (<usize>plane) << 2;
  for (let c = 0; c < channels; c += 8, to += blockBytes, from += bytes << 3) {
    const left = channels - c;
    let at = to;
    let x = from;
    let p = 0;
    for (; p + 4 <= plane; p += 4, x += 16, at += 128) {
      transpose4(
        v128.load(x),
        loadIf(left > 1, x + bytes),
        loadIf(left > 2, x + 2 * bytes),
        loadIf(left > 3, x + 3 * bytes),
        at,
      );
      transpose4(
        loadIf(left > 4, x + 4 * bytes),
        loadIf(left > 5, x + 5 * bytes),
        loadIf(left > 6, x + 6 * bytes),
        loadIf(left > 7, x + 7 * bytes),
        at + 16,
      );
    }
    for (; p < plane; p++, x += 4, at += 32) {
      for (let i = 0; i < 8; i++) {
        store<f32>(at + ((<usize>i) << 2), i < left ? load<f32>(x + <usize>i * bytes) : 0);
      }
    }
  }
}
