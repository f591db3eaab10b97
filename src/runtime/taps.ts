// taps.ts: how the patch of a sliding window is gathered: tap offsets, padding masks, and which gather kernel serves.
import { type Address, NOWHERE, roundUp } from "../base/index.js";
import { elements, type Layer, type Shape } from "../ops/index.js";
import { TILE } from "./layout.js";
import { type Make, type MemoryPlan, planeBytesOf } from "./memory.js";
import type { GatherJob } from "./wasm.generated.js";

/** Bytes that an entry of the list of masks may cost. */
const ENTRY_BYTES = 1024;
/** A gather that would read more bytes than this outside a plane looks every pixel up instead. */
const REACH_MAX = 2 ** 20;
/** Elements of a vector. */
const LANES = 16;
/** Phases of a plane that are made however small they are, and for each tap. */
const PHASES = 4;

export interface SlidingWindow {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
}

/** The phases of even and odd rows and columns, which the entry's own kernel splits. */
export const HALVES = "2,2 ";

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
 * The way in which the rows of a patch are found.
 * - pointwise: one tap, no padding, stride 1: rows are copied.
 * - shifted: a tap is one offset for the whole tile, padding a mask.
 * - rows: the same for each output row by itself.
 * - any: a table of places. Only this form reads nothing outside the plane.
 */
export type GatherForm = "pointwise" | "shifted" | "rows" | "any";

export interface Gather {
  readonly form: GatherForm;
  /** Rows and columns of the plane from one to the next of what is read: of a phase of it those of the stride, else 1. */
  readonly steps: readonly [down: number, right: number];
  /** Which phases are read that a stride parts the plane into, as HALVES of stride 2; nothing where the plane itself is. */
  readonly phases: string;
  /** Width of the rows that are read, and the elements between the inputs of two output rows. */
  readonly width: number;
  readonly rowStep: number;
  /** Elements of the plane, or from one phase to the next. */
  readonly size: number;
}

/**
 * The part of a gather that follows from window and shapes alone; places and rowStep are for the forms `any` and
 * `rows`.
 */
export type Taps = Pick<GatherJob, "taps" | "offsets" | "tapMasks" | "places" | "rowStep">;

/** Elements that a gather reads before and behind a plane: under padding, and up to the end of a tile or a vector. */
export interface Reach {
  readonly before: number;
  readonly behind: number;
}

/** Chooses the way in which a layer gathers. float32 planes know only `shifted` and `any`. */
export function gatherOf(input: Shape, output: Shape, window: SlidingWindow, float: boolean): Gather {
  const { kernel, stride, padding } = window;
  const [, height, width] = input;
  const [down, right] = stride;
  const whole = (form: GatherForm): Gather => {
    return { form, steps: [1, 1], phases: "", width, rowStep: width * down, size: height * width };
  };
  const fast = (): Gather => {
    const count = down * right;
    if (count === 1 && width === output[2]) {
      const bare = elements(kernel) === 1 && padding.every((p) => p === 0) && !float;
      return whole(bare ? "pointwise" : "shifted");
    }
    // of rows shorter than a vector little is gathered at once
    if (!float && right === 1 && (count === 1 || output[2] >= LANES)) return whole("rows");
    const [rows, columns] = [Math.ceil(height / down), Math.ceil(width / right)];
    const many = count > PHASES && (count * LANES > height * width || count > PHASES * elements(kernel));
    if (float || many) return whole("any");
    const form = output[2] === columns ? "shifted" : "rows";
    // phases with the slack that kernels want which split planes
    const size = planeBytesOf([1, rows, columns], 1) + 16;
    return { form, steps: stride, phases: `${stride} `, width: columns, rowStep: columns, size };
  };
  const gather = fast();
  const { before, behind } = reachOf(gather, output, window);
  return Math.max(before, behind) * (float ? 4 : 1) > REACH_MAX ? whole("any") : gather;
}

/**
 * Elements that a form reads outside a plane, or outside a channel's phases. A tap is one offset for all output
 * pixels, so the last output rows read as far below the plane as the padding below it reaches, and the last tile whole
 * vectors more.
 */
export function reachOf(gather: Gather, output: Shape, window: SlidingWindow): Reach {
  const { form, width, rowStep, size } = gather;
  if (form === "any") return { before: 0, behind: 0 };
  const { kernel, dilation, padding } = window;
  const [, outHeight, outWidth] = output;
  const [down, right] = gather.steps;
  const place = (row: number, column: number): number => Math.floor(row / down) * width + Math.floor(column / right);
  const first = place(-padding[0], -padding[1]);
  const last = place(dilation[0] * (kernel[0] - 1) - padding[0], dilation[1] * (kernel[1] - 1) - padding[1]);
  const span = form === "rows" ? (outHeight - 1) * rowStep + outWidth + LANES - 1 : roundUp(outHeight * outWidth, TILE);
  // the last phase begins where the others end
  return { before: Math.max(0, -first), behind: Math.max(0, last + span - size) };
}

/** Places the tables of a window into memory, sharing equal ones between layers. @throws OVERFLOW */
export function planTaps(
  memory: MemoryPlan,
  gather: Gather,
  input: Shape,
  output: Shape,
  window: SlidingWindow,
  elementBytes: number,
): Taps {
  const { kernel, stride, dilation, padding } = window;
  const count = elements(kernel);
  const { before, behind } = reachOf(gather, output, window);
  memory.needGuard(before * elementBytes, behind * elementBytes);
  if (gather.form === "pointwise") {
    return { taps: count, offsets: NOWHERE, tapMasks: NOWHERE, places: NOWHERE, rowStep: 0 };
  }

  memory.expect(count * 12);
  const columns = planMasks(memory, 1, input, output, window);
  const rows = planMasks(memory, 0, input, output, window);
  const { form, steps, width, rowStep, size } = gather;
  const [down, right] = steps;
  const offsets = new Int32Array(count);
  const masks = new Uint32Array(count * 2);
  for (let ky = 0, tap = 0; ky < kernel[0]; ky++) {
    for (let kx = 0; kx < kernel[1]; kx++, tap++) {
      const row = ky * dilation[0] - padding[0];
      const column = kx * dilation[1] - padding[1];
      // the place in a phase, and which phase it is
      const [y, x] = [Math.floor(row / down), Math.floor(column / right)];
      const phase = (row - y * down) * right + column - x * right;
      offsets[tap] = phase * size + y * width + x;
      masks[tap * 2] = columns[kx];
      masks[tap * 2 + 1] = rows[ky];
    }
  }
  const places = form === "any" ? planPlaces(memory, input, output, stride) : NOWHERE;
  return { taps: count, offsets: memory.constant(offsets), tapMasks: memory.constant(masks), places, rowStep };
}

/** Addresses of the masks of one axis' taps: a byte for each output pixel, 255 where the tap meets the plane. */
function planMasks(
  memory: MemoryPlan,
  axis: 0 | 1,
  input: Shape,
  output: Shape,
  { kernel, stride, dilation, padding }: SlidingWindow,
): Address[] {
  const [, outHeight, outWidth] = output;
  const bytes = outHeight * outWidth;
  const size = input[1 + axis];
  const limit = output[1 + axis];
  const keyOf = (shift: number): string => `mask ${axis} ${size} ${outHeight}x${outWidth} ${stride[axis]} ${shift}`;
  // more than a window of many taps on few pixels takes in the module's memory is its list of masks here
  memory.expect(kernel[axis] * ENTRY_BYTES);
  const shifts = Array.from({ length: kernel[axis] }, (_, tap) => tap * dilation[axis] - padding[axis]);
  return shifts.map((shift) => {
    // the outputs whose input, at * stride + shift, lies in 0..size-1
    const first = Math.min(limit, Math.max(0, Math.ceil(-shift / stride[axis])));
    const last = Math.min(limit, Math.max(0, Math.ceil((size - shift) / stride[axis])));
    const fill: Make = (to) => {
      if (axis === 0) {
        to.fill(255, first * outWidth, last * outWidth);
        return;
      }
      to.fill(255, first, last);
      for (let done = outWidth; done < bytes; done *= 2) to.copyWithin(done, 0, done);
    };
    return memory.shared(keyOf(shift), bytes, fill, TILE);
  });
}

/** Address of the table of the form `any`: where each output pixel's own place lies in the plane. */
function planPlaces(memory: MemoryPlan, input: Shape, output: Shape, stride: readonly [number, number]): Address {
  const [, , width] = input;
  const [, outHeight, outWidth] = output;
  const fill: Make = ({ buffer, byteOffset }) => {
    const table = new Int32Array(buffer, byteOffset, outHeight * outWidth);
    for (let y = 0; y < outHeight; y++) {
      for (let x = 0; x < outWidth; x++) table[y * outWidth + x] = y * stride[0] * width + x * stride[1];
    }
  };
  return memory.shared(`places ${width} ${outHeight}x${outWidth} ${stride}`, 4 * outHeight * outWidth, fill, TILE * 4);
}
