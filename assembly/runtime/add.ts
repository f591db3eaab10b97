// add.ts: sums of two tensors that no convolution could take in, and the flattening of planes for dense layers.
import { Epilogue, encode_lanes, encode_px16 } from "./epilogue";

/**
 * Ends channels first..last-1, planes of `size` u8 values; the second operand is the epilogue's residual. factors: of one
 * part, 1.
 */
export function add_u8(
  planes: usize,
  planeBytes: u32,
  first: i32,
  last: i32,
  parts: usize,
  factors: usize,
  epilogue: Epilogue,
  size: i32,
): void {
  planes += <usize>first * planeBytes;
  for (let channel = first; channel < last; channel++, planes += planeBytes) {
    for (let pixel = 0; pixel < size; pixel += 16) {
      const bytes = v128.load(planes + <usize>pixel);
      v128.store(parts, bytes);
      v128.store(parts, i16x8.shr_u(bytes, 8), 16);
      encode_px16(epilogue, channel, parts, factors, pixel, min(16, size - pixel));
    }
  }
}

/** Ends the float32 planes of channels first..last-1: the add of float tensors, and the encoding of a model's input. */
export function add_f32(planes: usize, planeBytes: u32, first: i32, last: i32, epilogue: Epilogue, size: i32): void {
  planes += <usize>first * planeBytes;
  for (let channel = first; channel < last; channel++, planes += planeBytes) {
    encode_lanes(epilogue, channel, planes, 0, size, false, false);
  }
}

/** Ends a vector of sums, one for each of `channels` from `first` on: dense layers and global pooling. */
export function end_vector(epilogue: Epilogue, sums: usize, first: i32, channels: i32, integer: bool): void {
  encode_lanes(epilogue, first, sums, 0, channels, true, integer);
}

/** Copies the first `bytes` of every plane one after the other. */
export function flatten(out: usize, planes: usize, planeBytes: u32, channels: i32, bytes: u32): void {
  for (; channels > 0; channels--, planes += planeBytes, out += bytes) memory.copy(out, planes, bytes);
}

/** Whether no value of the planes is an infinity or NaN: the exponent bits of none are all ones. */
export function all_finite(planes: usize, planeBytes: u32, channels: i32, size: i32): bool {
  const exponent = i32x4.splat(0x7f800000);
  let found = i32x4.splat(0);
  for (; channels > 0; channels--, planes += planeBytes) {
    const end = planes + ((<usize>size) << 2);
    let at = planes;
    for (; at + 16 <= end; at += 16) {
      found = v128.or(found, i32x4.eq(v128.and(v128.load(at), exponent), exponent));
    }
    for (; at < end; at += 4) {
      found = v128.or(found, i32x4.eq(v128.and(v128.load32_splat(at), exponent), exponent));
    }
  }
  return !v128.any_true(found);
}
