// field.ts: the fields of layers and nodes: how each is read from a file, written to it, and which tensors it names.
import { fields as json, type StoredTensor, type TensorSource } from "../format/index.js";
import {
  readAxisWeights,
  readEncoding,
  readNormalization,
  writeAxisWeights,
  writeEncoding,
  writeNormalization,
} from "./encoding.js";
import type { AxisWeights, Encoding, Normalization, Shape, Weights } from "./tensor.js";

/** The data that a field may ask for while it is read. */
export interface Reading {
  /** The place of the layer or node in the file, for error messages. */
  readonly where: string;
  /** Name of the layer or node. */
  readonly name: string;
  /** The fields read so far, in the order of the record. */
  readonly sofar: Readonly<Record<string, unknown>>;
  /** The tensors stored beside the JSON. */
  readonly source: TensorSource;
  /** Shape of a tensor of the model. @throws BAD_GRAPH for a name that the model does not have */
  readonly shapeOf: (tensor: string) => Shape;
}

/** The place of stored tensors in the file: those of one place keep the order of their layers. */
export type Place = "first" | "second" | "last";

/** The data that a field may ask for while it is written. */
export interface Writing {
  /** The fields of the layer or node. */
  readonly owner: Readonly<Record<string, unknown>>;
  readonly shapeOf: (tensor: string) => Shape;
  /** Stores a tensor as `<name>.<suffix>`. */
  readonly store: (suffix: string, tensor: StoredTensor, place?: Place) => void;
  /** Stores weights as an array of this shape, and returns their JSON. */
  readonly storeWeights: (weights: Weights, shape: readonly number[]) => object;
}

/** One field of a layer or node. */
export interface Field<T> {
  /** The key in the JSON where it is not the field's own name; null where only stored tensors hold the field. */
  readonly key?: string | null;
  /** Whether a file may lack the field. */
  readonly optional?: boolean;
  /** The first version of the file format that has the field: 1 unless given. */
  readonly since?: number;
  /** The first version of the file format that has the value: 1 unless given. */
  sinceOf?(value: T): number;
  read(value: unknown, place: string, reading: Reading): T;
  write(value: T, writing: Writing): unknown;
  /** The tensors that the value names, in order. */
  names?(value: T): readonly string[];
  /** The value with other tensors in their place. */
  renamed?(value: T, to: (name: string) => string): T;
  /** The trainable parameter that the value is, or null. */
  parameter?(value: T): Tensor | null;
}

/** A dense row-major float32 array with its dimensions. Training updates `data` in place. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** One field for every property of a layer or node but those that all have. */
export type FieldsOf<T> = {
  readonly [K in keyof Omit<T, "op" | "name" | "output">]-?: Field<Exclude<T[K], undefined>>;
};

const asIs = <T>(value: T): T => value;

function plain<T>(read: (value: unknown, place: string) => T, write: (value: T) => unknown = asIs): Field<T> {
  return { read, write };
}

/** The same field, which a file may lack. */
export function optional<T>(field: Field<T>): Field<T> {
  return { ...field, optional: true };
}

/** One of several words or numbers. */
export function choice<T extends string | number>(choices: readonly T[]): Field<T> {
  return plain((value, place) => {
    // 0 and -0 are equal, but a file has no -0
    if (typeof value === "number") json.number(value, place);
    return json.oneOf(value, place, choices);
  });
}

/** The name of a tensor. */
export const tensor: Field<string> = {
  read: (value, place) => json.identifier(value, place),
  write: asIs,
  names: (name) => [name],
  renamed: (name, to) => to(name),
};

/** The names of any number of tensors. */
export const tensors: Field<readonly string[]> = {
  read: (value, place) => json.list(value, place, json.identifier),
  write: asIs,
  names: asIs,
  renamed: (names, to) => names.map(to),
};

/** The names of two tensors. */
export const twoTensors: Field<readonly [string, string]> = {
  read: (value, place) => {
    const [a, b] = json.list(value, place, json.identifier, 2);
    return [a, b];
  },
  write: asIs,
  names: asIs,
  renamed: ([a, b], to) => [to(a), to(b)],
};

export const number: Field<number> = /* @__PURE__ */ plain(json.number);
export const numbers: Field<readonly number[]> = /* @__PURE__ */ plain((value, place) =>
  json.list(value, place, json.number),
);
/** An integer from 1 on. */
export const count: Field<number> = /* @__PURE__ */ plain((value, place) => json.integer(value, place, 1));
/** Indices from 0 on; -1 stands for none. */
export const indices: Field<readonly number[]> = /* @__PURE__ */ plain((value, place) =>
  json.list(value, place, (entry, at) => json.integer(entry, at, -1)),
);
/** Integers from 1 on. */
export const sizes: Field<readonly number[]> = /* @__PURE__ */ plain((value, place) =>
  json.list(value, place, (entry, at) => json.integer(entry, at, 1)),
);
/** Integers from 0 on. */
export const axes: Field<readonly number[]> = /* @__PURE__ */ plain((value, place) =>
  json.list(value, place, (entry, at) => json.integer(entry, at)),
);
/** Two integers from 1 on, vertical and horizontal. */
export const pair: Field<readonly [number, number]> = /* @__PURE__ */ plain((value, place) => json.pair(value, place));
export const optionalPair = /* @__PURE__ */ optional(pair);
/** Two integers from 0 on: before and behind. */
export const widths: Field<readonly [number, number]> = /* @__PURE__ */ plain((value, place) =>
  json.pair(value, place, 0),
);
/** Four integers from 0 on: top, left, bottom, right. */
export const padding: Field<readonly [number, number, number, number]> = /* @__PURE__ */ plain(json.quad);
/** Three integers: (channel, row, column). */
export const shape: Field<Shape> = /* @__PURE__ */ plain((value, place) => json.triple(value, place));
export const start: Field<Shape> = /* @__PURE__ */ plain((value, place) => json.triple(value, place, 0));
export const encoding: Field<Encoding> = /* @__PURE__ */ plain(readEncoding, writeEncoding);
export const normalization: Field<Normalization> = /* @__PURE__ */ plain(readNormalization, writeNormalization);
export const taps: Field<AxisWeights> = /* @__PURE__ */ plain(readAxisWeights, writeAxisWeights);
