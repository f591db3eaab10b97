// taps.ts: how the patch of a sliding window is gathered: tap offsets, padding masks, and which gather kernel serves.
import type { Layer, Shape } from "../format/index.js";
import type { MemoryPlan } from "./memory.js";

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
    dilation: "dilation" in layer ? layer.dilation : [1, 1],
    padding: "padding" in layer ? layer.padding : [0, 0, 0, 0],
  };
}

/**
 * - pointwise: one tap, no padding, stride 1: rows are copied.
 * - shifted: output and input have one width and stride 1: a tap is an offset, padding a mask.
 * - phases: stride 2 over phase planes, which then are `shifted`.
 * - any: a table of places.
 */
export type GatherKind = "pointwise" | "shifted" | "phases" | "any";

export interface Taps {
  readonly kind: GatherKind;
  readonly count: number;
  /** i32 per tap: elements from an output pixel's own place to its input. */
  readonly offsets: number;
  /** (u32, u32) per tap: column and row masks, one byte an output pixel. */
  readonly masks: number;
  /** i32 per output pixel: its place in the input plane; 0 unless kind is `any`. */
  readonly places: number;
}

export function gatherKind(input: Shape, output: Shape, window: SlidingWindow): GatherKind {
  const { kernel, stride, padding } = window;
  const unpadded = padding.every((p) => p === 0);
  if (stride[0] === 1 && stride[1] === 1 && input[2] === output[2]) {
    return kernel[0] === 1 && kernel[1] === 1 && unpadded && input[1] === output[1] ? "pointwise" : "shifted";
  }
  if (stride[0] === 2 && stride[1] === 2 && output[2] === Math.ceil(input[2] / 2)) return "phases";
  return "any";
}

/** Rows and columns of one phase plane of stride 2. */
export function phaseShape([channels, height, width]: Shape): Shape {
  return [channels, Math.ceil(height / 2), Math.ceil(width / 2)];
}

/**
 * Places the tables of a window into memory, sharing equal ones between layers.
 * @param kind from gatherKind; float32 planes know only `shifted` and `any`
 * @param phaseElements distance of two phase planes in elements, for kind `phases`
 */
export function planTaps(
  memory: MemoryPlan,
  kind: GatherKind,
  input: Shape,
  output: Shape,
  window: SlidingWindow,
  phaseElements: number,
): Taps {
  const [, height, width] = input;
  const [, outHeight, outWidth] = output;
  const { kernel, stride, dilation, padding } = window;
  const count = kernel[0] * kernel[1];
  if (kind === "pointwise") return { kind, count, offsets: 0, masks: 0, places: 0 };

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
      if (kind === "phases") {
        const phase = (row & 1) * 2 + (column & 1);
        offsets[tap] = phase * phaseElements + (row >> 1) * outWidth + (column >> 1);
      } else {
        offsets[tap] = row * width + column;
      }
      masks[tap * 2] = mask(1, kx);
      masks[tap * 2 + 1] = mask(0, ky);
    }
  }
  const places =
    kind === "any"
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
  return { kind, count, offsets: memory.constant(offsets), masks: memory.constant(masks), places };
}
