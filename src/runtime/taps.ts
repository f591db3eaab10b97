// taps.ts: how the patch of a sliding window is gathered: tap offsets, padding masks, and which gather kernel serves.
import type { Layer, Shape } from "../ops/index.js";
import { type MemoryPlan, planeBytesOf } from "./memory.js";

export const TILE = 64;

export interface SlidingWindow {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
}

/** The window of a convolution or pooling layer, with what it leaves out. */
export function windowOf(layer: Extract<Layer, { kernel: unknown }>): SlidingWindow {
  return {
    kernel: layer.kernel,
    stride: layer.stride,
    dilation: ("dilation" in layer && layer.dilation) || [1, 1],
    padding: "padding" in layer ? layer.padding : [0, 0, 0, 0],
  };
}

/**
 * How the rows of a patch are found.
 * - pointwise: one tap, no padding, stride 1: rows are copied.
 * - shifted: a tap is one offset for the whole tile, padding a mask.
 * - rows: the same for each output row by itself.
 * - any: a table of places.
 */
export type GatherForm = "pointwise" | "shifted" | "rows" | "any";

export interface Gather {
  readonly form: GatherForm;
  /** Whether it reads the four phase planes of stride 2 instead of the plane. */
  readonly phases: boolean;
}

export interface Taps {
  readonly count: number;
  /** i32 per tap: elements from an output pixel's own place to its input. */
  readonly offsets: number;
  /** (u32, u32) per tap: column and row masks, one byte an output pixel. */
  readonly masks: number;
  /** i32 per output pixel: its place in the input plane; 0 unless the form is `any`. */
  readonly places: number;
  /** Elements between the inputs of two output rows, for the form `rows`. */
  readonly rowStep: number;
}

/** float32 planes know only `shifted` and `any`. */
export function gatherOf(input: Shape, output: Shape, window: SlidingWindow, float: boolean): Gather {
  const { kernel, stride, padding } = window;
  if (stride[0] === 1 && stride[1] === 1 && input[2] === output[2]) {
    const bare = kernel[0] * kernel[1] === 1 && padding.every((p) => p === 0) && !float;
    return { form: bare ? "pointwise" : "shifted", phases: false };
  }
  if (float) return { form: "any", phases: false };
  if (stride[1] === 1) return { form: "rows", phases: false };
  if (stride[0] !== 2 || stride[1] !== 2) return { form: "any", phases: false };
  return { form: output[2] === phaseShape(input)[2] ? "shifted" : "rows", phases: true };
}

/** Rows and columns of one phase plane of stride 2. */
export function phaseShape([channels, height, width]: Shape): Shape {
  return [channels, Math.ceil(height / 2), Math.ceil(width / 2)];
}

/** Distance of two phase planes of u8, with the slack that split_phases_u8 wants. */
export function phaseBytesOf(input: Shape): number {
  return planeBytesOf(phaseShape(input), 1) + 16;
}

/** Places the tables of a window into memory, sharing equal ones between layers. */
export function planTaps(
  memory: MemoryPlan,
  gather: Gather,
  input: Shape,
  output: Shape,
  window: SlidingWindow,
  elementBytes: number,
): Taps {
  const [, height, width] = input;
  const [, outHeight, outWidth] = output;
  const { kernel, stride, dilation, padding } = window;
  const count = kernel[0] * kernel[1];
  if (gather.form === "pointwise") return { count, offsets: 0, masks: 0, places: 0, rowStep: 0 };

  // width of the rows that taps are counted in
  const rowWidth = gather.phases ? phaseShape(input)[2] : width;
  const offsets = new Int32Array(count);
  const masks = new Uint32Array(count * 2);
  const key = `${height}x${width} ${outHeight}x${outWidth}`;
  const mask = (axis: 0 | 1, tap: number): number => {
    const shift = tap * dilation[axis] - padding[axis];
    const size = axis === 0 ? height : width;
    return memory.shared(
      `mask ${axis} ${key} ${stride[axis]} ${shift}`,
      () => {
        const bytes = new Uint8Array(outHeight * outWidth);
        for (let i = 0; i < bytes.length; i++) {
          const at = (axis === 0 ? Math.floor(i / outWidth) : i % outWidth) * stride[axis] + shift;
          bytes[i] = at >= 0 && at < size ? 255 : 0;
        }
        return bytes;
      },
      TILE,
    );
  };
  for (let ky = 0, tap = 0; ky < kernel[0]; ky++) {
    for (let kx = 0; kx < kernel[1]; kx++, tap++) {
      const row = ky * dilation[0] - padding[0];
      const column = kx * dilation[1] - padding[1];
      const [down, right] = gather.phases ? [row >> 1, column >> 1] : [row, column];
      const inPhase = gather.phases ? (row & 1) * 2 + (column & 1) : 0;
      offsets[tap] = inPhase * phaseBytesOf(input) + down * rowWidth + right;
      // masked pixels are read all the same, outside the plane
      memory.needGuard((Math.abs(down * rowWidth + right) + 2 * TILE) * elementBytes);
      masks[tap * 2] = mask(1, kx);
      masks[tap * 2 + 1] = mask(0, ky);
    }
  }
  const places =
    gather.form === "any"
      ? memory.shared(
          `places ${key} ${stride}`,
          () => {
            const table = new Int32Array(outHeight * outWidth);
            for (let y = 0; y < outHeight; y++) {
              for (let x = 0; x < outWidth; x++) table[y * outWidth + x] = y * stride[0] * width + x * stride[1];
            }
            return table;
          },
          TILE * 4,
        )
      : 0;
  const rowStep = gather.phases ? rowWidth : stride[0] * width;
  return { count, offsets: memory.constant(offsets), masks: memory.constant(masks), places, rowStep };
}
