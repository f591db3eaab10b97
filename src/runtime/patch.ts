// patch.ts: walks a sliding window's output tile by tile, and gathers the patch of input rows that each tile needs.
import { type Address, NOWHERE, type Pointer, plus } from "../base/index.js";
import { elements, type Layer } from "../ops/index.js";
import type { Kernels } from "./kernels.js";
import { TILE } from "./layout.js";
import type { Placement } from "./memory.js";
import type { PlanContext } from "./step.js";
import { type GatherForm, gatherOf, planTaps, type Taps, windowOf } from "./taps.js";
import { GatherJob } from "./wasm.generated.js";

/** Scratch before the masks and rows: the parts of one tile's sum, or 4 x 64 float sums. */
export const SUMS_BYTES = 1024;
/** A chunk of channels that need not be together is cut to about this, to stay in the first-level cache. */
export const CHUNK_BYTES = 32768;
/** The last row may be written past its end. */
const SLACK = 16;

type WindowLayer = Extract<Layer, { kernel: unknown }>;

/** One tile of 64 output pixels and less. One object serves all visits: nothing is allocated while running. */
export interface Tile {
  pixel: number;
  pixels: number;
  /** Scratch for sums. */
  sums: Address;
  /** The tile's padding masks, 64 bytes a tap; nothing for the form `pointwise`. */
  masks: Address;
}

/** A layer's window over its input: where it reads and in which order its output is made. */
export interface SlidingPlan {
  readonly form: GatherForm;
  readonly job: Pointer<GatherJob>;
  readonly taps: Taps;
  readonly tiles: number;
  /** Scratch behind the masks. */
  readonly scratchUsed: number;
  /** The planes it reads: the input's, or its phases. Final when planning has ended. */
  readonly source: () => Placement;
  readonly forEach: (
    kernels: Kernels,
    first: number,
    last: number,
    scratch: Address,
    visit: (tile: Tile) => void,
  ) => void;
}

/**
 * @param fill raw value of padding
 * @param sumsBytes scratch for sums
 */
export function planSliding(
  context: PlanContext,
  layer: WindowLayer,
  fill: number,
  sumsBytes = SUMS_BYTES,
): SlidingPlan {
  const input = context.spec(layer.input);
  const { shape } = context.spec(layer.output);
  const float = input.encoding.kind === "float32";
  const window = windowOf(layer);
  const { form, phases } = gatherOf(input.shape, shape, window, float);
  const size = shape[1] * shape[2];
  const scratchUsed = sumsBytes + elements(window.kernel) * TILE;
  context.memory.needScratch(scratchUsed);
  const taps = planTaps(context.memory, { form, phases }, input.shape, shape, window, float ? 4 : 1);
  const source = (): Placement => context.place(layer.input, phases ? "phases" : "raw");
  const job = context.memory.record(GatherJob, () => {
    const { address, planeBytes } = source();
    return { ...taps, planes: address, planeBytes, fill, width: shape[2] };
  });
  const tile: Tile = { pixel: 0, pixels: 0, sums: NOWHERE, masks: NOWHERE };
  return {
    form,
    job,
    taps,
    tiles: Math.ceil(size / TILE),
    scratchUsed,
    source,
    forEach(kernels, first, last, scratch, visit) {
      tile.sums = scratch;
      tile.masks = plus(scratch, sumsBytes);
      for (let t = first; t < last; t++) {
        tile.pixel = t * TILE;
        tile.pixels = Math.min(TILE, size - tile.pixel);
        if (form !== "pointwise") kernels.tile_masks(job, tile.masks, tile.pixel);
        visit(tile);
      }
    },
  };
}

/** Rows of input channels `channel`.. for one tile. Valid until the next visit. */
export interface Patch extends Tile {
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
 */
export function planPatch(
  context: PlanContext,
  layer: WindowLayer,
  fill: number,
  together = 1,
  sumsBytes = SUMS_BYTES,
): PatchPlan {
  const { shape, encoding } = context.spec(layer.input);
  const float = encoding.kind === "float32";
  const rowBytes = elements(layer.kernel) * (float ? 4 * TILE : TILE);
  const chunk = Math.min(shape[0], together * Math.max(1, Math.floor(CHUNK_BYTES / (rowBytes * together))));
  // the rows alone can be too much, and the tables of their taps are not made then
  context.memory.needScratch(chunk * rowBytes);
  const sliding = planSliding(context, layer, fill, sumsBytes);
  const { form, job, scratchUsed } = sliding;
  const { taps } = sliding.taps;
  context.memory.needScratch(scratchUsed + chunk * rowBytes + SLACK);
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
    taps,
    tiles: sliding.tiles,
    forEach(kernels, first, last, scratch, visit) {
      patch.address = plus(scratch, scratchUsed);
      sliding.forEach(kernels, first, last, scratch, (tile) => {
        Object.assign(patch, tile);
        for (patch.channel = 0; patch.channel < shape[0]; patch.channel += chunk) {
          patch.channels = Math.min(chunk, shape[0] - patch.channel);
          gather(kernels);
          visit(patch);
        }
      });
    },
  };
}
