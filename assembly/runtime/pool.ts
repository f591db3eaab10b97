// pool.ts: maximum and sum over windows, from the rows that gather.ts lays out, and sums of whole planes.
import { TILE } from "../../src/runtime/layout";
import { Epilogue } from "./shared/epilogue";

/** Maxima over windows of `taps` rows, and the planes that they are written to. */
@unmanaged
export class MaxPoolJob {
  taps!: i32;
  out!: usize;
  outBytes!: u32;
}

/** Sums over windows of `taps` rows, and how they end. */
@unmanaged
export class SumPoolJob {
  taps!: i32;
  /** u8 rows only: the factors of the parts, 1 for each PART_ROWS taps and for the rest of them. */
  factors!: usize;
  epilogue: Epilogue = changetype<Epilogue>(0);
}

/** Takes the maxima of one tile of 64 u8 pixels for each channel of a patch. Padding holds 0, which never wins. */
export function pool_max_u8(job: MaxPoolJob, patch: usize, channel: i32, channels: i32, pixel: i32, pixels: i32): void {
  const taps = job.taps;
  let out = job.out + <usize>channel * job.outBytes + <usize>pixel;
  for (; channels > 0; channels--, out += job.outBytes) {
    // 16 pixels: the largest of their taps, which lie 64 bytes apart
    for (let j: usize = 0; j < <usize>pixels; j += 16) {
      let row = patch + j;
      let best = v128.load(row);
      for (let tap = 1; tap < taps; tap++) {
        row += TILE;
        best = i8x16.max_u(best, v128.load(row));
      }
      v128.store(out + j, best);
    }
    patch += <usize>taps * TILE;
  }
}

/** Sums every u8 plane of `size` pixels in i32; what lies behind a plane's end is not counted. */
export function plane_sums_u8(planes: usize, planeBytes: u32, size: i32, channels: i32, sums: usize): void {
  for (; channels > 0; channels--, planes += planeBytes, sums += 4) {
    let lanes = i32x4.splat(0);
    let i: usize = 0;
    for (const whole = <usize>(size & ~15); i < whole; i += 16) {
      lanes = i32x4.add(lanes, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(v128.load(planes + i))));
    }
    let sum =
      i32x4.extract_lane(lanes, 0) +
      i32x4.extract_lane(lanes, 1) +
      i32x4.extract_lane(lanes, 2) +
      i32x4.extract_lane(lanes, 3);
    // the pixels behind the last whole vector
    for (; i < <usize>size; i++) sum += <i32>load<u8>(planes + i);
    store<i32>(sums, sum);
  }
}
