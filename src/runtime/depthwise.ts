// depthwise.ts: the step of depthwise convolutions: the copies of a plane that their taps read, and the pieces in which they run.
import { type Address, plus, roundUp } from "../base/index.js";
import { type ConvLayer, elements, type Shape, zeroOf } from "../ops/index.js";
import { planCodes } from "./codes.js";
import { TILE } from "./layout.js";
import type { IntegerWeights } from "./levels.js";
import { blocksOf, type PlanContext, planeSize, type Step, sourceOf } from "./step.js";
import { type Gather, gatherOf, type SlidingWindow, windowOf } from "./taps.js";
import { DepthwiseJob } from "./wasm.generated.js";

/** Bytes of one plane's copies: those of two and what is read and written stay in the first-level cache. */
const ROOM_BYTES = 12288;
/** Byte offsets are u16. */
const OFFSET_MAX = 65535;
/** Most taps: a part holds a digit of each. */
const TAPS_MAX = 128;
/** Pixels up to which taps are shifted one by one. */
const SHIFTED_MAX = 256;
/** The largest byte offset that leaves room for an exponent. */
const OFFSET_SHIFTED_MAX = 4095;
/** Bytes that are copied at a time. */
const TURN = 32;

/** The pixels of a copy: those of the plane, or of a phase of it, that lie under the taps of one column. */
interface Copy {
  /** The first row and the first column of the plane, as far as they are there. */
  readonly row: number;
  readonly column: number;
}

/** The way in which a window is slid over a plane or its phases. */
export interface Sliding {
  readonly gather: Gather;
  readonly copies: readonly Copy[];
  readonly copyBytes: number;
  /** Rows above the plane in a copy. */
  readonly above: number;
  /** Bytes that each tap lies behind a pixel's own place, in the copies of a plane. */
  readonly offsets: Uint16Array;
  /** The farthest of them in one copy. */
  readonly reach: number;
  /** Tiles of a piece, and the number of pieces. */
  readonly tiles: number;
  readonly pieces: number;
  /** Whether taps are shifted one by one, 32 pixels at a time. */
  readonly shifted: boolean;
}

/** Plans the copies that a window's taps read; null where the window is another, or they are too large. */
export function slidingOf(input: Shape, output: Shape, window: SlidingWindow): Sliding | null {
  const { kernel, dilation, padding } = window;
  const gather = gatherOf(input, output, window, false);
  if (gather.form !== "shifted" || elements(kernel) > TAPS_MAX) return null;
  const [, outHeight, width] = output;
  const [down] = gather.steps;
  const copies: Copy[] = [];
  const taps: { readonly copy: number; readonly row: number }[] = [];
  for (let ky = 0; ky < kernel[0]; ky++) {
    for (let kx = 0; kx < kernel[1]; kx++) {
      const place = ky * dilation[0] - padding[0];
      const first = Math.floor(place / down);
      const row = place - first * down;
      const column = kx * dilation[1] - padding[1];
      let index = copies.findIndex((other) => other.row === row && other.column === column);
      if (index < 0) index = copies.push({ row, column }) - 1;
      taps.push({ copy: index, row: first });
    }
  }
  const rows = taps.map(({ row }) => row);
  const above = Math.max(0, -Math.min(...rows));
  const reach = (above + Math.max(...rows)) * width;
  const all = Math.ceil((outHeight * width) / TILE);
  const most = Math.max(1, Math.floor((ROOM_BYTES / copies.length - reach) / TILE));
  const pieces = Math.ceil(all / most);
  const tiles = Math.ceil(all / pieces);
  const copyBytes = roundUp(tiles * TILE + reach, TURN);
  if (copies.length * copyBytes > OFFSET_MAX) return null;
  const offsets = Uint16Array.from(taps, (tap) => tap.copy * copyBytes + (above + tap.row) * width);
  const shifted = planeSize(output) <= SHIFTED_MAX && copies.length * copyBytes <= OFFSET_SHIFTED_MAX;
  return { gather, copies, copyBytes, above, offsets, reach, tiles, pieces, shifted };
}

/** Plans a convolution whose outputs have one input channel each; null where its taps cannot be read from copies. */
export function planDepthwise(context: PlanContext, layer: ConvLayer, weights: IntegerWeights): Step | null {
  const { memory } = context;
  const { encoding, shape: input } = context.spec(layer.input);
  const { shape: output } = context.spec(layer.output);
  const sliding = slidingOf(input, output, windowOf(layer));
  if (!sliding) return null;
  const [outputs] = output;
  const { gather, copies, copyBytes, offsets, reach, tiles, pieces, shifted } = sliding;
  const { codes, partsBytes } = planCodes(context, layer, weights, { rows: offsets, shifted });
  const multiplier = outputs / input[0];
  const list = planCopies(context, sliding, input, output);
  memory.needScratch(partsBytes + 2 * copies.length * copyBytes);
  const job = memory.record(DepthwiseJob, () => {
    const { address, planeBytes } = sourceOf(context, layer.input, gather);
    return {
      ...codes,
      ...{ copies: list, planes: address, planeBytes, multiplier, copyBytes, reach },
      count: copies.length,
      fill: zeroOf(encoding),
      shifted: Number(shifted) as 0 | 1,
    };
  });
  const blocks = blocksOf(planeSize(output), pieces, outputs);
  const blockOutputs = roundUp(Math.ceil(outputs / blocks), multiplier);
  return {
    name: layer.name,
    op: layer.op,
    units: pieces * blocks,
    run(kernels, firstUnit, lastUnit, scratch) {
      for (let piece = Math.floor(firstUnit / blocks); piece * blocks < lastUnit; piece++) {
        const first = Math.max(firstUnit - piece * blocks, 0) * blockOutputs;
        const last = Math.min((lastUnit - piece * blocks) * blockOutputs, outputs);
        const pixel = piece * tiles * TILE;
        const stop = Math.min(pixel + tiles * TILE, planeSize(output));
        kernels.conv_codes_depthwise(job, plus(scratch, partsBytes), first, last, scratch, pixel, stop);
      }
    },
  };
}

/** Places the records and masks of a window's copies. */
function planCopies(
  { memory }: PlanContext,
  { gather, copies, above, reach }: Sliding,
  input: Shape,
  output: Shape,
): Address {
  const [down, right] = gather.steps;
  const [, height, width] = input;
  const [, , outWidth] = output;
  const bytes = roundUp(planeSize(output), TILE) + reach + TURN;
  const list = new Int32Array(2 * copies.length);
  copies.forEach(({ row, column }, i) => {
    const place = Math.floor(column / right);
    const first = (row * right + column - place * right) * gather.size;
    const from = place - above * outWidth;
    memory.needGuard(Math.max(0, -from), from + bytes);
    // the outputs whose input, at right * x + column, lies in 0..width-1
    const begin = Math.max(0, Math.ceil(-column / right));
    const end = Math.min(outWidth, Math.ceil((width - column) / right));
    const key = `copy ${[down, right, height, width, outWidth, above, row, column, bytes]}`;
    const mask = memory.shared(key, bytes, (to) => {
      for (let y = 0; down * y + row < height && begin < end; y++) {
        const line = (above + y) * outWidth;
        to.fill(255, line + begin, line + end);
      }
    });
    list.set([first + from, mask], 2 * i);
  });
  return memory.constant(list);
}
