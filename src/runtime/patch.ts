// patch.ts: walks a sliding window's output tile by tile, and gathers the patch of input rows that each tile needs.
import { type Address, NOWHERE, plus } from "../base/index.js";
import { elements, type Layer } from "../ops/index.js";
import type { Kernels } from "./kernels.js";
import { TILE } from "./layout.js";
import { type PlanContext, planeSize, sourceOf } from "./step.js";
import { gatherOf, planTaps, windowOf } from "./taps.js";
import { GatherJob } from "./wasm.generated.js";

/** Scratch before the masks and rows: the parts of one tile's sum, or 4 x 64 float sums. */
export const SUMS_BYTES = 1024;
/** A chunk of channels that need not be together is cut to about this, to stay in the first-level cache. */
export const CHUNK_BYTES = 32768;
/** The last row may be written past its end. */
const SLACK = 16;

type WindowLayer = Extract<Layer, { kernel: unknown }>;

/**
 * Rows of input channels `channel`.. for one tile of 64 output pixels and less. One object serves all visits: nothing is
 * allocated while running.
 */
export interface Patch {
  pixel: number;
  pixels: number;
  /** Scratch for sums. */
  sums: Address;
  /** The tile's padding masks, 64 bytes a tap; nothing for the form `pointwise`. */
  masks: Address;
  address: Address;
  channel: number;
  channels: number;
}

export interface PatchPlan {
  readonly taps: number;
  readonly tiles: number;
  readonly forEach: (
    kernels: Kernels,
    first: number,
    last: number,
    scratch: Address,
    visit: (patch: Patch) => void,
  ) => void;
}

/**
 * @param fill raw value of padding
 * @param together channels whose rows must be in one patch: all of a convolution group, or 1 for pooling
 * @param sumsBytes scratch for sums
 * @param max largest value, if the complements of all rows, max - x, are to lie behind them
 */
export function planPatch(
  context: PlanContext,
  layer: WindowLayer,
  fill: number,
  together = 1,
  sumsBytes = SUMS_BYTES,
  max = 0,
): PatchPlan {
  const { shape, encoding } = context.spec(layer.input);
  const output = context.spec(layer.output).shape;
  const { memory } = context;
  const float = encoding.kind === "float32";
  const window = windowOf(layer);
  const rowBytes = elements(layer.kernel) * (float ? 4 * TILE : TILE);
  const chunk = Math.min(shape[0], together * Math.max(1, Math.floor(CHUNK_BYTES / (rowBytes * together))));
  // the rows alone can be too much, and the tables of their taps are not made then
  memory.needScratch(chunk * rowBytes);
  const gatherer = gatherOf(shape, output, window, float);
  const size = planeSize(output);
  const before = sumsBytes + elements(layer.kernel) * TILE;
  memory.needScratch(before + chunk * rowBytes * (max ? 2 : 1) + SLACK);
  const { form } = gatherer;
  const taps = planTaps(memory, gatherer, shape, output, window, float ? 4 : 1);
  const job = memory.record(GatherJob, () => {
    const { address, planeBytes } = sourceOf(context, layer.input, gatherer);
    return { ...taps, planes: address, planeBytes, fill, width: output[2] };
  });
  const patch: Patch = {
    pixel: 0,
    pixels: 0,
    sums: NOWHERE,
    masks: NOWHERE,
    address: NOWHERE,
    channel: 0,
    channels: 0,
  };

  // each kernel is called in a place of its own: engines make only such calls short
  const gather = (kernels: Kernels): void => {
    const { address, masks, channel, channels, pixel, pixels } = patch;
    if (float && form === "any") kernels.gather_f32_any(job, address, masks, channel, channels, pixel);
    else if (float) kernels.gather_f32(job, address, masks, channel, channels, pixel);
    else if (form === "pointwise") kernels.gather_u8_pointwise(job, address, channel, channels, pixel);
    else if (form === "shifted") kernels.gather_u8(job, address, masks, channel, channels, pixel);
    else if (form === "any") kernels.gather_u8_any(job, address, masks, channel, channels, pixel);
    else kernels.gather_u8_rows(job, address, masks, channel, channels, pixel, pixels);
  };

  return {
    taps: taps.taps,
    tiles: Math.ceil(size / TILE),
    forEach(kernels, first, last, scratch, visit) {
      patch.sums = scratch;
      patch.masks = plus(scratch, sumsBytes);
      patch.address = plus(scratch, before);
      for (let t = first; t < last; t++) {
        patch.pixel = t * TILE;
        patch.pixels = Math.min(TILE, size - patch.pixel);
        if (form !== "pointwise") kernels.tile_masks(job, patch.masks, patch.pixel);
        for (patch.channel = 0; patch.channel < shape[0]; patch.channel += chunk) {
          patch.channels = Math.min(chunk, shape[0] - patch.channel);
          gather(kernels);
          if (max) kernels.complement_rows(patch.address, chunk * rowBytes, max);
          visit(patch);
        }
      }
    },
  };
}
