// conv.ts: convolution of one tile of output pixels: the bucket sums of its channels, each ended by the epilogue.
import { bucket_swar_px16, bucket_swar_px64 } from "./shared/buckets";
import { Epilogue } from "./shared/epilogue";
import { end_px64 } from "./shared/short-epilogue";

/** The weights of a convolution, and how it ends. */
@unmanaged
export class ConvJob {
  /** The channels' streams (buckets.ts), and the offset of each channel's own: u32, in bytes. */
  stream!: usize;
  starts!: usize;
  epilogue: Epilogue = changetype<Epilogue>(0);
  /** Output channels that share a patch; those of the next group read one that lies groupBytes further. */
  groupChannels!: i32;
  groupBytes!: u32;
  /** Rows whose sum fits a u8 lane: 255 / the largest activation. */
  run!: i32;
}

/** Computes channels first..last-1 of one tile of `pixels` <= 64 pixels from `pixel` on. `first` is the first of its group. */
export function conv_codes(
  job: ConvJob,
  patch: usize,
  first: i32,
  last: i32,
  parts: usize,
  pixel: i32,
  pixels: i32,
): void {
  const stream = job.stream;
  const starts = job.starts;
  const epilogue = job.epilogue;
  // channels that still read this patch
  let left = job.groupChannels;
  for (let channel = first; channel < last; channel++) {
    const at = stream + <usize>load<u32>(starts + ((<usize>channel) << 2));
    // sum into parts
    const factors = pixels <= 16 ? bucket_swar_px16(patch, at, parts) : bucket_swar_px64(patch, at, parts);
    end_px64(epilogue, channel, parts, factors, pixel, pixels);
    // the next group's rows lie behind
    if (--left == 0) {
      left = job.groupChannels;
      patch += job.groupBytes;
    }
  }
}
