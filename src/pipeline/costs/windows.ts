// windows.ts: the work of laying out the rows under a sliding window, for convolutions and pooling.
import { elements, type TensorSpec } from "../../ops/index.js";
import { CHUNK_BYTES, elementBytes, gatherOf, slidingOf, TILE, type windowOf } from "../../runtime/inside.js";
import { TURN } from "./endings.js";
import type { Counts } from "./features.js";

/** The shapes of a layer with a window. */
export interface Sliding {
  readonly input: TensorSpec;
  readonly output: TensorSpec;
  readonly window: ReturnType<typeof windowOf>;
}

export const tilesOf = ({ shape }: TensorSpec): number => Math.ceil((shape[1] * shape[2]) / TILE);

export const isFloat = ({ encoding }: TensorSpec): boolean => encoding.kind === "float32";

const formOf = ({ input, output, window }: Sliding) => gatherOf(input.shape, output.shape, window, isFloat(input)).form;

/** Returns how the taps of a depthwise layer are read from copies of its planes; null where they are gathered. */
export const slidingIn = ({ input, output, window }: Sliding): ReturnType<typeof slidingOf> =>
  slidingOf(input.shape, output.shape, window);

/**
 * Counts the rows of all patches.
 * @param together channels whose rows are in one patch
 */
export function gatherPatches(sliding: Sliding, together: number): Counts {
  const { input, output, window } = sliding;
  const form = formOf(sliding);
  const taps = elements(window.kernel);
  const [channels] = input.shape;
  const tiles = tilesOf(output);
  const bytes = taps * TILE * elementBytes(input.encoding) * together;
  const chunk = Math.min(channels, together * Math.max(1, Math.floor(CHUNK_BYTES / bytes)));
  const rows = tiles * channels * taps;
  const counts = { tile: tiles * Math.ceil(channels / chunk), mask: form === "pointwise" ? 0 : tiles * taps };
  if (isFloat(input)) return { ...counts, [form === "any" ? "floatLookedUpRow" : "floatRow"]: rows };
  if (form === "pointwise") return { ...counts, pointwiseRow: rows };
  if (form === "shifted") return { ...counts, shiftedRow: rows };
  if (form === "any") return { ...counts, lookedUpRow: rows };
  return { ...counts, rowOfPieces: rows, piece: channels * taps * piecesOf(output) };
}

/** Vectors that the rows of a plane are cut into, tile by tile. */
function piecesOf({ shape: [, height, width] }: TensorSpec): number {
  let pieces = 0;
  for (let pixel = 0; pixel < height * width; ) {
    const length = Math.min(width - (pixel % width), TILE - (pixel % TILE));
    pieces += Math.ceil(length / TURN);
    pixel += length;
  }
  return pieces;
}
