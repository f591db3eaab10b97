// add.ts: sums of two tensors that no convolution could take in, and the flattening of planes for dense layers.
import { Epilogue, encode_lanes, encode_px16 } from "./shared/epilogue";

/** Planes that an epilogue ends; the second operand of a sum is its residual. */
@unmanaged
export class AddJob {
  planes!: usize;
  planeBytes!: u32;
  /** Pixels of a plane. */
  size!: i32;
  /** u8 planes only: the factors of one part, which is 1. */
  factors!: usize;
  epilogue: Epilogue = changetype<Epilogue>(0);
}

/** Ends channels first..last-1 of u8 planes. */
export function add_u8(job: AddJob, first: i32, last: i32, parts: usize): void {
  const size = job.size;
  let planes = job.planes + <usize>first * job.planeBytes;
  for (let channel = first; channel < last; channel++, planes += job.planeBytes) {
    for (let pixel = 0; pixel < size; pixel += 16) {
      const bytes = v128.load(planes + <usize>pixel);
      v128.store(parts, bytes);
      v128.store(parts, i16x8.shr_u(bytes, 8), 16);
      encode_px16(job.epilogue, channel, parts, job.factors, pixel, min(16, size - pixel));
    }
  }
}

/** Ends channels first..last-1 of float32 planes: the add of float tensors, and the encoding of a model's input. */
export function add_f32(job: AddJob, first: i32, last: i32): void {
  let planes = job.planes + <usize>first * job.planeBytes;
  for (let channel = first; channel < last; channel++, planes += job.planeBytes) {
    end_plane(job.epilogue, planes, channel, job.size);
  }
}

/** Ends a plane of `size` float32 sums. */
export function end_plane(epilogue: Epilogue, sums: usize, channel: i32, size: i32): void {
  encode_lanes(epilogue, channel, sums, 0, size, false, false);
}

/** Ends a vector of sums, one for each of `channels` from `first` on: dense layers and global pooling. */
export function end_vector(epilogue: Epilogue, sums: usize, first: i32, channels: i32, integer: bool): void {
  encode_lanes(epilogue, first, sums, 0, channels, true, integer);
}

/** Copies the first `bytes` of every plane one after the other. */
export function flatten(out: usize, planes: usize, planeBytes: u32, channels: i32, bytes: u32): void {
  for (; channels > 0; channels--, planes += planeBytes, out += bytes) memory.copy(out, planes, bytes);
}

/** Says whether all values of the planes are finite: no exponent has all bits set. */
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
