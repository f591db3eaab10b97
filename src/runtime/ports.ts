// ports.ts: the doors of a model: inputs checked, written to the kernels' memory; tensors read from it.

import { ShiftwiseError } from "../base/index.js";
import type { InputPort, ModelDef } from "../model/index.js";
import { canonicalNaNs, elements, type Normalization, pixelTable, type Shape, type TensorSpec } from "../ops/index.js";
import type { Kernels } from "./kernels.js";
import type { Placement } from "./memory.js";
import { createPictureReader, isPicture, type Picture } from "./pictures.js";

export interface InputInfo {
  readonly name: string;
  readonly shape: Shape;
  readonly normalization?: Normalization;
}

export interface OutputInfo {
  readonly name: string;
  readonly shape: Shape;
}

/** Real network values, or pixels 0..255; (channel, row, column), all of one image. */
export type InputValues = Float32Array | Uint8Array | Uint8ClampedArray;
/** Values, or a picture that is brought to the input's size. */
export type Input = InputValues | Picture;
/** One input alone, or several by name. */
export type Inputs = Input | { readonly [name: string]: Input };
/** The checked values of every input. */
export type InputBatch = { readonly [name: string]: InputValues };

/**
 * Makes the check that stands before every run.
 * @returns a function that takes pictures to pixels and throws BAD_DATA for a missing input, a wrong length, or pixels
 * where the model says nothing about them; and as createPictureReader's
 */
export function createInputCheck(def: ModelDef): (inputs: Inputs) => InputBatch {
  const checks = def.inputs.map(({ name, tensor, normalization }) => {
    const { shape } = def.tensors[tensor];
    const where = `input ${name}`;
    const read = createPictureReader(shape, where);
    return (inputs: Inputs): readonly [string, InputValues] => {
      const given = isInput(inputs) ? inputs : inputs[name];
      const values = given && isPicture(given) ? read(given) : given;
      if (!values || values.length !== elements(shape)) {
        throw new ShiftwiseError("BAD_DATA", "wrong input", {
          where,
          expected: `${elements(shape)} values (${shape.join(", ")})`,
          found: values ? `${values.length} values` : "none",
        });
      }
      if (!(values instanceof Float32Array || normalization)) {
        throw new ShiftwiseError("BAD_DATA", "this model says nothing about pixels", {
          where,
          expected: "a Float32Array of network values",
          found: given.constructor.name,
        });
      }
      return [name, values];
    };
  });
  return (inputs) => Object.fromEntries(checks.map((check) => check(inputs)));
}

export function isInput(inputs: Inputs): inputs is Input {
  return ArrayBuffer.isView(inputs) || isPicture(inputs);
}

/** Writes one input's real values to the memory. @throws BAD_DATA for values that are not finite */
export type InputDoor = (buffer: ArrayBufferLike, kernels: Kernels, batch: InputBatch) => void;

/** @param place where the real values are wanted: planes of float32 */
export function createDoor({ name, normalization }: InputPort, spec: TensorSpec, place: Placement): InputDoor {
  const [channels, height, width] = spec.shape;
  const plane = height * width;
  // pixels go through one table of 256 real values a channel
  const tables = normalization ? tablesOf(normalization, channels) : null;
  const { address, planeBytes } = place;
  return (buffer, kernels, batch) => {
    const values = batch[name];
    const pixels = values instanceof Float32Array ? null : tables;
    for (let c = 0; c < channels; c++) {
      const to = new Float32Array(buffer, address + c * planeBytes, plane);
      const from = values.subarray(c * plane, (c + 1) * plane);
      if (pixels) for (let i = 0; i < plane; i++) to[i] = pixels[c][from[i]];
      else to.set(from);
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
