// ports.ts: the doors of a model's memory: inputs checked and written, tensors read.
import {
  elements,
  type InputPort,
  type Normalization,
  pixelTable,
  ShiftwiseError,
  type TensorSpec,
} from "../format/index.js";
import type { Kernels } from "./kernels.js";
import type { Placement } from "./memory.js";

/** Real network values, or pixels 0..255; (channel, row, column), all of one image. */
export type InputValues = Float32Array | Uint8Array | Uint8ClampedArray;
/** One input alone, or several by name. */
export type Inputs = InputValues | { readonly [name: string]: InputValues };

/** Writes one input's real values. Pixels go through `tables`, one of 256 real values a channel. */
export class InputDoor {
  readonly #port: InputPort;
  readonly #spec: TensorSpec;
  readonly #place: Placement;
  readonly #tables: readonly Float32Array[] | null;

  /** @param place where the real values are wanted: planes of float32 */
  constructor(port: InputPort, spec: TensorSpec, place: Placement) {
    this.#port = port;
    this.#spec = spec;
    this.#place = place;
    this.#tables = port.normalization ? tablesOf(port.normalization, spec.shape[0]) : null;
  }

  /** @throws BAD_DATA for a missing input, a wrong length, pixels without normalization, values that are not finite */
  write(buffer: ArrayBufferLike, kernels: Kernels, inputs: Inputs): void {
    const { name } = this.#port;
    const [channels, height, width] = this.#spec.shape;
    const plane = height * width;
    const where = `input ${name}`;
    const values = isValues(inputs) ? inputs : inputs[name];
    if (!values || values.length !== channels * plane) {
      throw new ShiftwiseError("BAD_DATA", "wrong input", {
        where,
        expected: `${channels * plane} values (${channels}, ${height}, ${width})`,
        found: values ? `${values.length} values` : "none",
      });
    }
    const tables = values instanceof Float32Array ? null : this.#tables;
    if (!(values instanceof Float32Array || tables)) {
      throw new ShiftwiseError("BAD_DATA", "this model says nothing about pixels", {
        where,
        expected: "a Float32Array of network values",
        found: values.constructor.name,
      });
    }
    const { address, planeBytes } = this.#place;
    for (let c = 0; c < channels; c++) {
      const to = new Float32Array(buffer, address + c * planeBytes, plane);
      const from = values.subarray(c * plane, (c + 1) * plane);
      if (tables) for (let i = 0; i < plane; i++) to[i] = tables[c][from[i]];
      else to.set(from);
    }
    if (!tables && !kernels.all_finite(address, planeBytes, channels, plane)) {
      const i = values.findIndex((value) => !Number.isFinite(value));
      throw new ShiftwiseError("BAD_DATA", "input is not finite", {
        where: `${where}[${i}]`,
        found: String(values[i]),
      });
    }
  }
}

function tablesOf(normalization: Normalization, channels: number): Float32Array[] {
  return Array.from({ length: channels }, (_, c) => pixelTable(c, normalization));
}

function isValues(inputs: Inputs): inputs is InputValues {
  return ArrayBuffer.isView(inputs);
}

/** Raw values of a tensor, (channel, row, column): integers 0..255 or float32. */
export function readRaw(buffer: ArrayBufferLike, { shape, encoding }: TensorSpec, place: Placement): Float32Array {
  const plane = shape[1] * shape[2];
  const raw = new Float32Array(elements(shape));
  for (let c = 0; c < shape[0]; c++) {
    const at = place.address + c * place.planeBytes;
    const from = encoding.kind === "float32" ? new Float32Array(buffer, at, plane) : new Uint8Array(buffer, at, plane);
    raw.set(from, c * plane);
  }
  return raw;
}
