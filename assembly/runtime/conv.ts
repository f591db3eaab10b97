// conv.ts: convolution of one tile of output pixels: the bucket sums of its channels, each ended by the epilogue.
import { bucket_swar_px16, bucket_swar_px64, bucket_u8_px64 } from "./buckets";
import { Epilogue, encode_px16 } from "./epilogue";
import { encode_lone_px64, encode_plain_px16, form_of, GENERAL, WHOLE } from "./plain";

/**
 * Channels first..last-1 of one tile of `pixels` <= 64 output pixels from `pixel` on, ending in the epilogue.
 * starts: u32 per channel, byte offset of its stream. groupChannels output channels share a patch; the next group's lies
 * patchStep bytes further (`first` is the first channel of its group).
 */
export function conv_swar(
  patch: usize,
  patchStep: u32,
  groupChannels: i32,
  stream: usize,
  starts: usize,
  first: i32,
  last: i32,
  parts: usize,
  epilogue: Epilogue,
  pixel: i32,
  pixels: i32,
): void {
  const form = form_of(epilogue, pixels);
  let left = groupChannels;
  for (let channel = first; channel < last; channel++) {
    const at = stream + <usize>load<u32>(starts + ((<usize>channel) << 2));
    const factors = pixels <= 16 ? bucket_swar_px16(patch, at, parts) : bucket_swar_px64(patch, at, parts);
    if (form == WHOLE && load<u16>(factors) == 1) encode_lone_px64(epilogue, channel, parts, factors, pixel);
    else if (form != GENERAL) encode_plain_px16(epilogue, channel, parts, factors, pixel, pixels);
    else encode_px16(epilogue, channel, parts, factors, pixel, pixels);
    if (--left == 0) {
      left = groupChannels;
      patch += patchStep;
    }
  }
}

/** As conv_swar for activations 0..max, max <= 127: run = 255 / max rows fit a u8 lane. */
export function conv_u8(
  patch: usize,
  patchStep: u32,
  groupChannels: i32,
  stream: usize,
  starts: usize,
  first: i32,
  last: i32,
  parts: usize,
  epilogue: Epilogue,
  pixel: i32,
  pixels: i32,
  run: i32,
): void {
  const form = form_of(epilogue, pixels);
  let left = groupChannels;
  for (let channel = first; channel < last; channel++) {
    const at = stream + <usize>load<u32>(starts + ((<usize>channel) << 2));
    const factors =
      pixels <= 16 ? bucket_swar_px16(patch, at, parts) : bucket_u8_px64(patch, at, parts, (<usize>run) << 1);
    if (form == WHOLE && load<u16>(factors) == 1) encode_lone_px64(epilogue, channel, parts, factors, pixel);
    else if (form != GENERAL) encode_plain_px16(epilogue, channel, parts, factors, pixel, pixels);
    else encode_px16(epilogue, channel, parts, factors, pixel, pixels);
    if (--left == 0) {
      left = groupChannels;
      patch += patchStep;
    }
  }
}
