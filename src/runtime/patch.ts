// patch.ts: plans the gathering of one layer's patches and walks them tile by tile.
import type { Layer } from "../format/index.js";
import type { Kernels } from "./kernels.js";
import { type PlanContext, phasesOf } from "./step.js";
import { gatherOf, planTaps, TILE, windowOf } from "./taps.js";

/** Scratch before the masks and rows: 64 totals and the lanes, or 4 x 64 float sums. */
export const SUMS_BYTES = 1024;
/** A chunk of channels that need not be together is cut to about this, to stay in the first-level cache. */
const CHUNK_BYTES = 32768;
/** The last row may be written past its end. */
const SLACK = 16;

/** A gathered patch: rows of input channels `channel`.. for output pixels `pixel`... Valid until the next visit. */
export interface Tile {
  address: number;
  /** Distance of the float panels. */
  panelBytes: number;
  channel: number;
  channels: number;
  pixel: number;
  pixels: number;
  /** Scratch for 64 totals or 4 x 64 float sums. */
  sums: number;
}

export interface Patch {
  readonly taps: number;
  readonly tiles: number;
  readonly forEach: (
    kernels: Kernels,
    first: number,
    last: number,
    scratch: number,
    visit: (tile: Tile, kernels: Kernels) => void,
  ) => void;
}

/**
 * @param fill raw value of padding
 * @param together channels whose rows must be in one patch: all of a convolution group, or 1 for pooling
 */
export function planPatch(
  context: PlanContext,
  layer: Extract<Layer, { kernel: unknown }>,
  fill: number,
  together = 1,
): Patch {
  const { memory } = context;
  const input = context.spec(layer.input);
  const output = context.spec(layer.output);
  const float = input.encoding.kind === "float32";
  const window = windowOf(layer);
  const { form, phases } = gatherOf(input.shape, output.shape, window, float);
  const taps = planTaps(memory, { form, phases }, input.shape, output.shape, window, float ? 4 : 1);
  const rowBytes = taps.count * (float ? 4 * TILE : TILE);
  const chunk = Math.min(input.shape[0], together * Math.max(1, Math.floor(CHUNK_BYTES / (rowBytes * together))));
  const masksBytes = taps.count * TILE;
  memory.needScratch(SUMS_BYTES + masksBytes + chunk * rowBytes + SLACK);
  const width = output.shape[2];
  const size = output.shape[1] * width;

  const gather = (kernels: Kernels, tile: Tile, masks: number): void => {
    const from = context.place(phases ? phasesOf(layer.input) : layer.input);
    const planes = from.address + tile.channel * from.planeBytes;
    const { address, panelBytes, channels, pixel, pixels } = tile;
    const places = taps.places + pixel * 4;
    if (float) {
      if (form === "any") {
        kernels.gather_f32_any(
          address,
          panelBytes,
          planes,
          from.planeBytes,
          channels,
          taps.offsets,
          masks,
          taps.count,
          places,
          fill,
        );
      } else {
        kernels.gather_f32(
          address,
          panelBytes,
          planes,
          from.planeBytes,
          channels,
          taps.offsets,
          masks,
          taps.count,
          pixel,
          fill,
        );
      }
      return;
    }
    const planeBytes = from.planeBytes;
    const { offsets, count, rowStep } = taps;
    switch (form) {
      case "pointwise":
        kernels.gather_u8_pointwise(address, planes, planeBytes, channels, pixel);
        break;
      case "shifted":
        kernels.gather_u8(address, planes, planeBytes, channels, offsets, masks, count, pixel, fill);
        break;
      case "rows": {
        const column = pixel % width;
        const source = ((pixel - column) / width) * rowStep;
        kernels.gather_u8_rows(
          address,
          planes,
          planeBytes,
          channels,
          offsets,
          masks,
          count,
          column,
          source,
          width,
          rowStep,
          pixels,
          fill,
        );
        break;
      }
      case "any":
        kernels.gather_u8_any(address, planes, planeBytes, channels, offsets, masks, count, places, fill);
        break;
    }
  };

  // one object for all visits: nothing is allocated while running
  const tile: Tile = { address: 0, panelBytes: 0, channel: 0, channels: 0, pixel: 0, pixels: 0, sums: 0 };
  return {
    taps: taps.count,
    tiles: Math.ceil(size / TILE),
    forEach(kernels, first, last, scratch, visit) {
      const masks = scratch + SUMS_BYTES;
      tile.sums = scratch;
      tile.address = masks + masksBytes;
      for (let t = first; t < last; t++) {
        tile.pixel = t * TILE;
        tile.pixels = Math.min(TILE, size - tile.pixel);
        if (form !== "pointwise") kernels.tile_masks(masks, taps.masks, taps.count, tile.pixel);
        for (tile.channel = 0; tile.channel < input.shape[0]; tile.channel += chunk) {
          tile.channels = Math.min(chunk, input.shape[0] - tile.channel);
          tile.panelBytes = tile.channels * taps.count * 32;
          gather(kernels, tile, masks);
          visit(tile, kernels);
        }
      }
    },
  };
}
