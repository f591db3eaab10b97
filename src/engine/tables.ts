// tables.ts: where the taps and pixels of a convolution lie, as the byte offsets that the kernels walk along.
import { type ConvNode, convOutputShape, type Shape } from "../ops/index.js";

/** A convolution's numbers, per group where `group` is in the name. */
export interface Geometry {
  readonly input: Shape;
  readonly output: Shape;
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [top: number, left: number, bottom: number, right: number];
  readonly groups: number;
  readonly groupInputs: number;
  readonly groupOutputs: number;
}

/** One product of panels: see convPanels in assembly/training/convolution.ts. */
export interface Pass {
  /** Byte offsets of the taps from a pixel, one per depth. */
  readonly taps: readonly number[];
  /** Byte offset of the pixel's first tap, and of its result, for every pixel of a block of images. */
  readonly inputs: Uint32Array;
  readonly outputs: Uint32Array;
  /** Byte offset in one group's weights of the weight of each tap, from the row's start. */
  readonly columns: readonly number[];
}

export function geometryOf(node: ConvNode, input: Shape): Geometry {
  const [outputs, groupInputs, height, width] = node.weight.shape;
  const { stride, dilation, padding, groups } = node;
  const kernel = [height, width] as const;
  const output = convOutputShape(input, outputs, { kernel, stride, dilation, padding });
  return {
    input,
    output,
    kernel,
    stride,
    dilation,
    padding,
    groups,
    groupInputs,
    groupOutputs: outputs / groups,
  };
}

/** Height and width of a plane with its padding. */
export type PaddedPlane = readonly [height: number, width: number, top: number, left: number];

export function paddedInput({ input, padding: [top, left, bottom, right] }: Geometry): PaddedPlane {
  return [input[1] + top + bottom, input[2] + left + right, top, left];
}

/**
 * Images taken at a time: enough pixels to fill tiles of 8 and to hide the call, few enough to stay in the cache.
 */
export function imagesPerBlock(plane: number, batch: number): number {
  let images = 1;
  while (images < batch && (images * plane < 64 || ((images * plane) % 8 !== 0 && images < 8))) images *= 2;
  return Math.min(images, batch);
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The forward pass over `images` images; x is padded, y is not. */
export function forwardPass(g: Geometry, images: number): Pass {
  const [height, width] = paddedInput(g);
  const [, outHeight, outWidth] = g.output;
  const [kernelHeight, kernelWidth] = g.kernel;
  const taps: number[] = [];
  for (let c = 0; c < g.groupInputs; c++) {
    for (let ky = 0; ky < kernelHeight; ky++) {
      for (let kx = 0; kx < kernelWidth; kx++) {
        taps.push(4 * ((c * height + ky * g.dilation[0]) * width + kx * g.dilation[1]));
      }
    }
  }
  const inputs = new Uint32Array(images * outHeight * outWidth);
  const outputs = new Uint32Array(inputs.length);
  let p = 0;
  for (let n = 0; n < images; n++) {
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++, p++) {
        inputs[p] = 4 * ((n * g.input[0] * height + y * g.stride[0]) * width + x * g.stride[1]);
        outputs[p] = 4 * ((n * g.output[0] * outHeight + y) * outWidth + x);
      }
    }
  }
  return { taps, inputs, outputs, columns: range(taps.length).map((k) => 4 * k) };
}

/** One axis of the data gradient: x = phase + stride i takes dy[i + shift] for each of these taps. */
interface Phase {
  readonly first: number;
  readonly count: number;
  readonly taps: readonly { readonly k: number; readonly shift: number }[];
}

/**
 * dx[x] = sum over k of w[k] dy[(x + padding - k dilation) / stride] where the division leaves no rest: for each
 * remainder of x that is a plain convolution of dy with some of the taps.
 */
function phases(size: number, kernel: number, stride: number, dilation: number, padding: number): Phase[] {
  return range(Math.min(stride, size)).map((first) => ({
    first,
    count: Math.ceil((size - first) / stride),
    taps: range(kernel)
      .map((k) => ({ k, shift: (first + padding - k * dilation) / stride }))
      .filter(({ shift }) => Number.isInteger(shift)),
  }));
}

/** The data gradient: padding that dy needs, and one pass for every stride phase. */
export function dataGradient(g: Geometry, images: number): { readonly plane: PaddedPlane; readonly passes: Pass[] } {
  const [inHeight, inWidth] = [g.input[1], g.input[2]];
  const [outHeight, outWidth] = [g.output[1], g.output[2]];
  const rows = phases(inHeight, g.kernel[0], g.stride[0], g.dilation[0], g.padding[0]);
  const columns = phases(inWidth, g.kernel[1], g.stride[1], g.dilation[1], g.padding[1]);
  const reach = (all: readonly Phase[], size: number): { before: number; after: number } => {
    const lows = all.flatMap((phase) => phase.taps.map((tap) => tap.shift));
    const highs = all.flatMap((phase) => phase.taps.map((tap) => tap.shift + phase.count - 1));
    return { before: Math.max(0, ...lows.map((low) => -low)), after: Math.max(0, ...highs.map((h) => h - size + 1)) };
  };
  const vertical = reach(rows, outHeight);
  const horizontal = reach(columns, outWidth);
  const height = outHeight + vertical.before + vertical.after;
  const width = outWidth + horizontal.before + horizontal.after;
  const kernelSize = g.kernel[0] * g.kernel[1];

  const passes = rows.flatMap((row) =>
    columns.map((column): Pass => {
      const taps: number[] = [];
      const weights: number[] = [];
      for (let c = 0; c < g.groupOutputs; c++) {
        for (const { k: ky, shift: sy } of row.taps) {
          for (const { k: kx, shift: sx } of column.taps) {
            taps.push(4 * ((c * height + sy + vertical.before) * width + sx + horizontal.before));
            weights.push(4 * (c * g.groupInputs * kernelSize + ky * g.kernel[1] + kx));
          }
        }
      }
      const inputs = new Uint32Array(images * row.count * column.count);
      const outputs = new Uint32Array(inputs.length);
      let p = 0;
      for (let n = 0; n < images; n++) {
        for (let i = 0; i < row.count; i++) {
          for (let j = 0; j < column.count; j++, p++) {
            inputs[p] = 4 * ((n * g.output[0] * height + i) * width + j);
            const y = row.first + i * g.stride[0];
            outputs[p] = 4 * ((n * g.input[0] * inHeight + y) * inWidth + column.first + j * g.stride[1]);
          }
        }
      }
      return { taps, inputs, outputs, columns: weights };
    }),
  );
  return { plane: [height, width, vertical.before, horizontal.before], passes };
}

/** Pixels in order as runs of (byte offset, count, step in bytes): see gemmRuns. */
export function runsOf(inputs: Uint32Array): number[] {
  const runs: number[] = [];
  let p = 0;
  while (p < inputs.length) {
    const step = p + 1 < inputs.length ? inputs[p + 1] - inputs[p] : 0;
    let count = 1;
    while (p + count < inputs.length && inputs[p + count] - inputs[p + count - 1] === step) count++;
    runs.push(inputs[p], count, step);
    p += count;
  }
  return runs;
}
