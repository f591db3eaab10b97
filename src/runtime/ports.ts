// ports.ts: the doors of a model: checked inputs written to the kernels' memory; tensors read from it.
import { canonicalNaNs, ShiftwiseError } from "../base/index.js";
import type { InputPort, InputValues } from "../model/index.js";
import {
  elements,
  type Normalization,
  pixelTable,
  pixelToReal,
  planesOf,
  type Shape,
  type TensorSpec,
} from "../ops/index.js";
import { type Given, type InputInfo, isValues } from "./inputs.js";
import type { Kernels } from "./kernels.js";
import type { Placement } from "./memory.js";
import { createPictureReader } from "./pictures.js";

/** Pixels that there can be. */
const PIXELS = 256;

/** One output of a model: its name and its shape (channels, rows, columns). */
export interface OutputInfo {
  readonly name: string;
  readonly shape: Shape;
  /** Sizes as ONNX has them, of the same values in the same order. */
  readonly dims: readonly number[];
}

/** The values of every input. */
export type InputBatch = { readonly [name: string]: InputValues };

/** Makes what brings checked inputs to values (channel, row, column): pictures are drawn. The function throws as createPictureReader's. */
export function createInputReader(ports: readonly InputInfo[]): (given: Given) => InputBatch {
  const readers = ports.map((port) => {
    const { name, shape, channelsLast } = port;
    const draw = createPictureReader(port);
    const planes = (values: InputValues) => (channelsLast ? planesOf(values, shape) : values);
    return ({ [name]: input }: Given) => [name, isValues(input) ? planes(input) : draw(input)] as const;
  });
  return (given) => Object.fromEntries(readers.map((read) => read(given)));
}

/** Writes one input's real values to the memory. @throws BAD_DATA for values that are not finite */
export type InputDoor = (buffer: ArrayBufferLike, kernels: Kernels, batch: InputBatch) => void;

/** @param place where the real values are wanted: planes of float32 */
export function createDoor({ name, normalization }: InputPort, spec: TensorSpec, place: Placement): InputDoor {
  const [channels, height, width] = spec.shape;
  const plane = height * width;
  // planes of more pixels than that go through a table of their real values
  const tables = normalization && plane >= PIXELS ? tablesOf(normalization, channels) : null;
  const { address, planeBytes } = place;
  return (buffer, kernels, batch) => {
    const values = batch[name];
    const pixels = values instanceof Float32Array ? undefined : normalization;
    for (let c = 0; c < channels; c++) {
      const to = new Float32Array(buffer, address + c * planeBytes, plane);
      const from = values.subarray(c * plane, (c + 1) * plane);
      if (!pixels) to.set(from);
      else if (tables) for (let i = 0; i < plane; i++) to[i] = tables[c][from[i]];
      else for (let i = 0; i < plane; i++) to[i] = pixelToReal(from[i], c, pixels);
    }
    if (!pixels && !kernels.all_finite(address, planeBytes, channels, plane)) {
      const i = values.findIndex((value) => !Number.isFinite(value));
      throw new ShiftwiseError("BAD_DATA", "input is not finite", {
        where: `input ${name}[${i}]`,
        found: String(values[i]),
      });
    }
  };
}

function tablesOf(normalization: Normalization, channels: number): Float32Array[] {
  return Array.from({ length: channels }, (_, c) => pixelTable(c, normalization));
}

/** Raw values of a tensor, (channel, row, column): integers 0..255 or float32, every NaN with the same bits. */
export function readRaw(buffer: ArrayBufferLike, { shape, encoding }: TensorSpec, place: Placement): Float32Array {
  const plane = shape[1] * shape[2];
  const raw = new Float32Array(elements(shape));
  for (let c = 0; c < shape[0]; c++) {
    const at = place.address + c * place.planeBytes;
    const from = encoding.kind === "float32" ? new Float32Array(buffer, at, plane) : new Uint8Array(buffer, at, plane);
    raw.set(from, c * plane);
  }
  return encoding.kind === "float32" ? canonicalNaNs(raw) : raw;
}
