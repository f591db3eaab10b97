// add.ts: sums of two tensors that no convolution could take in, and the flattening of planes for dense layers.
import { encode_lanes, encode_px16 } from "./epilogue";
import { FIRST, LANES } from "./lanes";

/** Ends `pixels` u8 values of one plane; the second operand is the epilogue's residual. */
export function add_u8(
  planes: usize,
  planeBytes: usize,
  channels: i32,
  totals: usize,
  epilogue: usize,
  size: i32,
): void {
  for (let channel = 0; channel < channels; channel++, planes += planeBytes) {
    for (let pixel = 0; pixel < size; pixel += 16) {
      const bytes = v128.load(planes + <usize>pixel);
      v128.store(totals + LANES, bytes);
      v128.store(totals + LANES, i16x8.shr_u(bytes, 8), 16);
      encode_px16(epilogue, channel, totals, pixel, min(16, size - pixel), FIRST);
    }
  }
}

/** Ends float32 planes: the add of float tensors, and the encoding of a model's input. */
export function add_f32(planes: usize, planeBytes: usize, channels: i32, epilogue: usize, size: i32): void {
  for (let channel = 0; channel < channels; channel++, planes += planeBytes) {
    encode_lanes(epilogue, channel, planes, 0, size, false, false);
  }
}

/** Ends a vector of sums, one a channel: dense layers and global pooling. */
export function end_vector(epilogue: usize, sums: usize, channels: i32, integer: bool): void {
  encode_lanes(epilogue, 0, sums, 0, channels, true, integer);
}

/** Copies the first `bytes` of every plane one after the other. */
export function flatten(out: usize, planes: usize, planeBytes: usize, channels: i32, bytes: usize): void {
  for (; channels > 0; channels--, planes += planeBytes, out += bytes) memory.copy(out, planes, bytes);
}
