// gather.ts: lays the activations that a tile of 64 output pixels needs into rows of one patch, in tap order.
//
// Row k = (channel * taps + tap) holds, for every pixel j of the tile, the input under that tap. Planes are dense
// (row y, column x at y * width + x), so with equal input and output widths a tap is one constant offset:
//
//   source(j, tap) = pixel + j + offset[tap]      valid where columns[tap][pixel + j] & rows[tap][pixel + j]
//
// and padding is a mask. Other widths go row by row (gather_rows). Stride 2 first splits a plane into its four phases
// (split_phases). Everything else looks each pixel up in a table (gather_any).

/** Mask bytes of one tile: for each tap 64 of columns & rows. tapMasks: per tap, the addresses of both (u32, u32). */
export function tile_masks(masks: usize, tapMasks: usize, taps: i32, pixel: i32): void {
  for (; taps > 0; taps--, tapMasks += 8, masks += 64) {
    const columns = <usize>load<u32>(tapMasks) + <usize>pixel,
      rows = <usize>load<u32>(tapMasks, 4) + <usize>pixel;
    v128.store(masks, v128.and(v128.load(columns), v128.load(rows)));
    v128.store(masks, v128.and(v128.load(columns, 16), v128.load(rows, 16)), 16);
    v128.store(masks, v128.and(v128.load(columns, 32), v128.load(rows, 32)), 32);
    v128.store(masks, v128.and(v128.load(columns, 48), v128.load(rows, 48)), 48);
  }
}

/** u8 rows of `channels` planes. offsets: i32 per tap. `fill` is what padding holds, the encoding's zero. */
export function gather_u8(
  patch: usize,
  planes: usize,
  planeBytes: u32,
  channels: i32,
  offsets: usize,
  masks: usize,
  taps: i32,
  pixel: i32,
  fill: i32,
): void {
  const zero = i8x16.splat(<i8>fill);
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += 64) {
      const from = <usize>(<i32>planes + pixel + load<i32>(offsets + ((<usize>tap) << 2)));
      const mask = masks + ((<usize>tap) << 6);
      if (fill == 0) {
        v128.store(patch, v128.and(v128.load(from), v128.load(mask)));
        v128.store(patch, v128.and(v128.load(from, 16), v128.load(mask, 16)), 16);
        v128.store(patch, v128.and(v128.load(from, 32), v128.load(mask, 32)), 32);
        v128.store(patch, v128.and(v128.load(from, 48), v128.load(mask, 48)), 48);
      } else {
        v128.store(patch, v128.bitselect(v128.load(from), zero, v128.load(mask)));
        v128.store(patch, v128.bitselect(v128.load(from, 16), zero, v128.load(mask, 16)), 16);
        v128.store(patch, v128.bitselect(v128.load(from, 32), zero, v128.load(mask, 32)), 32);
        v128.store(patch, v128.bitselect(v128.load(from, 48), zero, v128.load(mask, 48)), 48);
      }
    }
  }
}

/**
 * As gather_u8 where the output is of another width than the rows it reads: the tile starts in column `column` of an
 * output row that begins `source` elements into the plane, and each further output row rowStep elements on.
 */
export function gather_u8_rows(
  patch: usize,
  planes: usize,
  planeBytes: u32,
  channels: i32,
  offsets: usize,
  masks: usize,
  taps: i32,
  column: i32,
  source: i32,
  width: i32,
  rowStep: i32,
  pixels: i32,
  fill: i32,
): void {
  const zero = i8x16.splat(<i8>fill);
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += 64) {
      let row = <i32>planes + source + load<i32>(offsets + ((<usize>tap) << 2));
      let x = column;
      for (let j = 0; j < pixels; row += rowStep, x = 0) {
        const length = min(width - x, pixels - j);
        // whole vectors: what runs over is written again by the next row, or masked
        for (let i = 0; i < length; i += 16) {
          v128.store(patch + <usize>(j + i), v128.load(<usize>(row + x + i)));
        }
        j += length;
      }
      const mask = masks + ((<usize>tap) << 6);
      v128.store(patch, v128.bitselect(v128.load(patch), zero, v128.load(mask)));
      v128.store(patch, v128.bitselect(v128.load(patch, 16), zero, v128.load(mask, 16)), 16);
      v128.store(patch, v128.bitselect(v128.load(patch, 32), zero, v128.load(mask, 32)), 32);
      v128.store(patch, v128.bitselect(v128.load(patch, 48), zero, v128.load(mask, 48)), 48);
    }
  }
}

/** One tap and no padding: 64 bytes of every plane. */
export function gather_u8_pointwise(patch: usize, planes: usize, planeBytes: u32, channels: i32, pixel: i32): void {
  for (let from = planes + <usize>pixel; channels > 0; channels--, from += planeBytes, patch += 64) {
    v128.store(patch, v128.load(from));
    v128.store(patch, v128.load(from, 16), 16);
    v128.store(patch, v128.load(from, 32), 32);
    v128.store(patch, v128.load(from, 48), 48);
  }
}

/** Any geometry: places holds, for the tile's 64 pixels, the i32 offset of tap 0; elements of 1 byte. */
export function gather_u8_any(
  patch: usize,
  planes: usize,
  planeBytes: u32,
  channels: i32,
  offsets: usize,
  masks: usize,
  taps: i32,
  places: usize,
  fill: i32,
): void {
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += 64) {
      const base = <i32>planes + load<i32>(offsets + ((<usize>tap) << 2));
      const mask = masks + ((<usize>tap) << 6);
      for (let j: usize = 0; j < 64; j++) {
        const inside = load<u8>(mask + j) != 0;
        store<u8>(patch + j, inside ? load<u8>(<usize>(base + load<i32>(places + (j << 2)))) : <u8>fill);
      }
    }
  }
}

// Float rows lie in eight panels of 8 pixels, so that a GEMM tile walks one panel straight through:
// row k of panel g is at patch + g * panelBytes + 32 k.

/** float32 rows with equal widths: as gather_u8, any fill. */
export function gather_f32(
  patch: usize,
  panelBytes: u32,
  planes: usize,
  planeBytes: u32,
  channels: i32,
  offsets: usize,
  masks: usize,
  taps: i32,
  pixel: i32,
  fill: f32,
): void {
  const padding = f32x4.splat(fill);
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += 32) {
      let from = <usize>(<i32>planes + ((pixel + load<i32>(offsets + ((<usize>tap) << 2))) << 2));
      let mask = masks + ((<usize>tap) << 6);
      for (let to = patch, end = patch + (panelBytes << 3); to < end; to += panelBytes, from += 32, mask += 8) {
        const words = v128.load8x8_s(mask);
        v128.store(to, v128.bitselect(v128.load(from), padding, i32x4.extend_low_i16x8_s(words)));
        v128.store(to, v128.bitselect(v128.load(from, 16), padding, i32x4.extend_high_i16x8_s(words)), 16);
      }
    }
  }
}

/** float32 rows of any geometry: as gather_u8_any with offsets and places in elements. */
export function gather_f32_any(
  patch: usize,
  panelBytes: u32,
  planes: usize,
  planeBytes: u32,
  channels: i32,
  offsets: usize,
  masks: usize,
  taps: i32,
  places: usize,
  fill: f32,
): void {
  for (; channels > 0; channels--, planes += planeBytes) {
    for (let tap = 0; tap < taps; tap++, patch += 32) {
      const base = load<i32>(offsets + ((<usize>tap) << 2));
      const mask = masks + ((<usize>tap) << 6);
      let to = patch;
      for (let j: usize = 0; j < 64; j++) {
        const at = <usize>(<i32>planes + ((base + load<i32>(places + (j << 2))) << 2));
        store<f32>(to + ((j & 7) << 2), load<u8>(mask + j) != 0 ? load<f32>(at) : fill);
        if ((j & 7) == 7) to += panelBytes;
      }
    }
  }
}

/**
 * Splits u8 planes for stride 2: phase (py, px) of a plane holds the pixels (2y + py, 2x + px), ceil(width / 2) columns
 * wide; the four phases of a channel follow each other, phaseBytes apart, with 16 bytes of slack at least. Cells beyond
 * the plane hold left-overs.
 */
export function split_phases_u8(
  out: usize,
  phaseBytes: u32,
  planes: usize,
  planeBytes: u32,
  channels: i32,
  height: i32,
  width: i32,
): void {
  const half = <usize>((width + 1) >> 1);
  for (; channels > 0; channels--, planes += planeBytes, out += phaseBytes << 2) {
    let from = planes;
    let even = out;
    for (let y = 0; y < height; y++, from += <usize>width) {
      // odd rows go to the lower two phases; whole vectors run over a row's end, where the next row is written later
      const to = y & 1 ? even + (phaseBytes << 1) : even;
      for (let x: usize = 0; x < half; x += 16) {
        const a = v128.load(from + (x << 1));
        const b = v128.load(from + (x << 1), 16);
        const evens = i8x16.narrow_i16x8_u(v128.and(a, i16x8.splat(0xff)), v128.and(b, i16x8.splat(0xff)));
        const odds = i8x16.narrow_i16x8_u(i16x8.shr_u(a, 8), i16x8.shr_u(b, 8));
        v128.store(to + x, evens);
        v128.store(to + phaseBytes + x, odds);
      }
      if (y & 1) even += half;
    }
  }
}
