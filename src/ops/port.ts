// port.ts: the dimensions that ONNX gives an input or output, and the order in which an input's values are handed in.
import { type Check, fields as json } from "../format/index.js";
import { elements } from "./geometry.js";
import type { Shape } from "./tensor.js";

/** The dimensions of a tensor that is an input or output. */
export interface PortShape {
  /**
   * Sizes as ONNX has them, the batch of 1 among them: the same elements in the same order as (channel, row, column). Default
   * [1, channels, rows, columns], of a vector [1, channels].
   */
  readonly dims?: readonly number[];
}

/** The same of an input. */
export interface InputPortShape extends PortShape {
  /** Whether values are handed in as (row, column, channel); the default dimensions are [1, rows, columns, channels] then. */
  readonly channelsLast?: boolean;
}

/** The dimensions of a port whose tensor has this shape. */
export function dimsOf(shape: Shape, { dims, channelsLast }: InputPortShape = {}): readonly number[] {
  const [channels, height, width] = shape;
  if (dims) return dims;
  if (channelsLast) return [1, height, width, channels];
  return height * width === 1 ? [1, channels] : [1, ...shape];
}

/** The dimensions and order that are not those of a port by default. */
export function unusual(shape: Shape, { dims, channelsLast }: InputPortShape): InputPortShape {
  const order = channelsLast ? { channelsLast } : {};
  const same = !dims || dims.join() === dimsOf(shape, order).join();
  return { ...(!same && { dims: [...dims] }), ...order };
}

/** Reads what a file says of a port. */
export function readPortShape({ dims, channelsLast }: json.Json, where: string): InputPortShape {
  const size = (value: unknown, place: string): number => json.integer(value, place, 1);
  return {
    ...(dims !== undefined && { dims: json.list(dims, `${where}.dims`, size) }),
    ...(channelsLast !== undefined && { channelsLast: json.boolean(channelsLast, `${where}.channelsLast`) }),
  };
}

/** @throws BAD_GRAPH for dimensions of another number of elements */
export function checkPort({ dims }: PortShape, shape: Shape, place: string, check: Check): void {
  if (!dims) return;
  const whole = Array.isArray(dims) && dims.every((n) => Number.isInteger(n) && n >= 1);
  const fits = whole && dims.length <= DIMS_MAX && elements(dims) === elements(shape);
  check(fits, `${place}.dims`, `at most ${DIMS_MAX} sizes with the elements of ${shape.join("x")}`, dims);
}

const DIMS_MAX = 64;

/** Values (row, column, channel) as (channel, row, column). */
export function planesOf<T extends Float32Array | Uint8Array | Uint8ClampedArray>(
  values: T,
  [channels, ...plane]: Shape,
): T {
  const size = elements(plane);
  const planes = values.slice() as T;
  for (let i = 0; i < size; i++) for (let c = 0; c < channels; c++) planes[c * size + i] = values[i * channels + c];
  return planes;
}
