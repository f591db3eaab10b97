// arrays.ts: arrays from files, which of several is meant, and their rows as samples.

import { ShiftwiseError } from "../base/index.js";
import { isArrayFile, isZip } from "../format/signatures.js";
import type { Shape } from "../ops/index.js";
import { fitOf, imagesOf, layoutsOf, plainSizes } from "./fit.js";
import { parseIdx } from "./idx.js";
import { type NpyArray, readNpy, readNpz } from "./npy.js";
import { contentOf, isIdx } from "./signatures.js";

/** Arrays by name; the name of a single array is empty. */
export type Arrays = ReadonlyMap<string, NpyArray>;

/**
 * The arrays of a file: .npy, .npz or IDX, recognised by its content.
 * @throws BAD_FILE for other files; what their readers throw.
 */
export function arraysOf(bytes: Uint8Array, where: string): Arrays {
  if (isArrayFile(bytes)) return new Map([["", readNpy(bytes, where)]]);
  if (isZip(bytes)) return readNpz(bytes, where);
  if (isIdx(bytes)) {
    const { dims, data } = parseIdx(bytes, bytes[3], where);
    return new Map([["", { shape: dims, type: "uint8", data }]]);
  }
  throw new ShiftwiseError("BAD_FILE", "nothing to calibrate with", {
    where,
    expected: "a picture, or an array in a .npy, .npz or IDX file",
    found: contentOf(bytes),
  });
}

export interface Chosen {
  readonly array: NpyArray;
  /** The file, and the array's name if it has one. */
  readonly where: string;
  readonly remarks: readonly string[];
}

/** The part of an input that tells its array. */
export interface Taker {
  readonly name: string;
  readonly shape: Shape;
}

const place = (path: string, name: string): string => (name === "" ? path : `${path}: ${name}`);
const listed = (arrays: Arrays): string =>
  [...arrays].map(([name, { shape, type }]) => `${name} (${shape.join(", ")}) ${type}`.trim()).join("; ") ||
  "no arrays";
const fitting = (arrays: Arrays, { shape }: Taker) =>
  [...arrays].filter(([, array]) => array.data.length > 0 && fitOf(array.shape, shape));

/**
 * The array that is named; else the one of the input's name, the only one that fits, one for training, the first that fits.
 * @param wanted name from outside; null where none is given.
 * @throws BAD_DATA where no array has that name, or none of several fits.
 */
export function chooseArray(arrays: Arrays, wanted: string | null, input: Taker, path: string): Chosen {
  const refuse = (message: string, expected: string) =>
    new ShiftwiseError("BAD_DATA", message, { where: path, expected, found: listed(arrays) });
  if (wanted !== null) {
    const array = arrays.get(wanted);
    if (array) return { array, where: place(path, wanted), remarks: [] };
    if (arrays.size === 1 && arrays.has("")) throw refuse("the only array of this file has no name", `${path} alone`);
    throw refuse("no array of that name", wanted === "" ? "a name behind #" : `one named ${wanted}`);
  }
  const all = [...arrays];
  const fit = fitting(arrays, input);
  const [name, array] =
    fit.find(([name]) => name === input.name) ??
    (fit.length > 1 ? fit.find(([name]) => /train/i.test(name)) : undefined) ??
    fit[0] ??
    // imagesOf says best what is wrong with a single one
    (all.length === 1 ? all[0] : []);
  if (name === undefined || array === undefined) {
    throw refuse("no array that the network takes", `one of ${layoutsOf(input.shape)}`);
  }
  const remarks = all.length > 1 ? [`took the array ${name} of ${listed(arrays)}: ${path}#name takes another`] : [];
  return { array, where: place(path, name), remarks };
}

/**
 * The arrays for several inputs: each takes the one of its name, or the only other one that fits.
 * @returns in the order of the inputs.
 * @throws BAD_DATA naming all inputs without one.
 */
export function chooseArrays(arrays: Arrays, inputs: readonly Taker[], path: string): Chosen[] {
  const names = inputs.map(({ name }) => name);
  const unnamed: Arrays = new Map([...arrays].filter(([name]) => !names.includes(name)));
  const found = inputs.map((input) => {
    const own = arrays.get(input.name);
    const fit = own ? [[input.name, own] as const] : fitting(unnamed, input);
    // which of several arrays is whose only names can say
    return fit.length === 1 ? fit[0] : null;
  });
  /** The first input that the same array fits. */
  const takerOf = (i: number) => names.find((_, k) => found[k] && found[k][0] === found[i]?.[0]);
  const lacking = inputs.filter(({ name }, i) => takerOf(i) !== name);
  if (lacking.length > 0) {
    const taken = found.flatMap((one, i) =>
      one && takerOf(i) !== names[i] ? [`${takerOf(i)} took ${one[0] || "it"}`] : [],
    );
    const wanted = lacking.map(({ name, shape }) => `${name} (count, ${plainSizes(shape).join(", ")})`);
    const whose = `${lacking.length > 1 ? "the inputs" : "the input"} ${lacking.map(({ name }) => name).join(", ")}`;
    throw new ShiftwiseError("BAD_DATA", `no array for ${whose}, nor --constant for what stays the same`, {
      where: path,
      expected: `in a .npz ${wanted.join(", ")}`,
      found: [listed(arrays), ...new Set(taken)].join("; "),
    });
  }
  return inputs.map(({ name }, i) => {
    const [called, array] = found[i]!;
    const remarks = called === name ? [] : [`took the array ${called} for ${name}`];
    return { array, where: place(path, called), remarks };
  });
}

/** Samples that stand in an array one after the other. */
export interface Rows {
  readonly values: Float32Array | Uint8Array;
  readonly count: number;
}

/**
 * An array's samples, (count, channels, height, width).
 * @param limit samples at most, spread evenly.
 * @throws BAD_DATA, OVERFLOW as imagesOf; BAD_DATA for a value that is not finite.
 */
export function rowsOf({ data, shape }: NpyArray, input: Shape, limit: number, where: string): Rows {
  const fit = fitOf(shape, input);
  const length = input[0] * input[1] * input[2];
  if (!fit || fit.count <= limit) {
    const values = imagesOf(data, shape, input, where);
    return checkFinite({ values, count: values.length / length }, where);
  }
  const chosen = data.slice(0, limit * length);
  for (let i = 0; i < limit; i++) {
    const from = spreadIndex(i, fit.count, limit) * length;
    chosen.set(data.subarray(from, from + length), i * length);
  }
  return checkFinite({ values: imagesOf(chosen, [limit, ...fit.sample], input, where), count: limit }, where);
}

function checkFinite(rows: Rows, where: string): Rows {
  const bad = rows.values instanceof Float32Array ? rows.values.findIndex((value) => !Number.isFinite(value)) : -1;
  if (bad < 0) return rows;
  throw new ShiftwiseError("BAD_DATA", "a value that is not finite", {
    where: `${where}: value ${bad}`,
    expected: "numbers that float32 holds",
    found: String(rows.values[bad]),
  });
}

/** The place of the i-th of `limit` items at even distances among `count`. */
export function spreadIndex(i: number, count: number, limit: number): number {
  return Math.floor((i * count) / limit);
}

/** Remarks where integers look like pixels that only uint8 stands for. */
export function remarksOn({ type, data }: NpyArray): string[] {
  if (!/^u?int(16|32|64)$|^int8$/.test(type)) return [];
  const values = data.subarray(0, 2 ** 20) as Float32Array;
  if (!(values.every((value) => value >= 0 && value <= 255) && values.some((value) => value > 1))) return [];
  return [`the ${type} values are taken as what the network reads; pixels would be uint8`];
}
