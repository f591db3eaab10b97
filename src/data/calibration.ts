// calibration.ts: samples without labels by the folder or file a person gives, prepared for a network.

import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { given, is, type Kind, ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { pictureKind } from "../format/signatures.js";
import { SHAPE, type Shape } from "../ops/index.js";
import { type Arrays, arraysOf, type Chosen, chooseArray, chooseArrays, remarksOn, rowsOf } from "./arrays.js";
import { allocate, listFolder, readBytes } from "./bytes.js";
import { loadCifarFolder, looksLikeCifar } from "./cifar.js";
import { few, searchFolder } from "./folder.js";
import { loadIdxFolder, looksLikeIdx } from "./idx.js";
import type { NpyArray } from "./npy.js";
import { LIMIT, readAll, readPictures, spread } from "./pictures.js";
import { normalizationOf, PREPROCESSING, type Preprocessing } from "./preprocessing.js";
import { type Pictures, type Samples, samplesOf } from "./samples.js";

/** Samples to calibrate with; `pictures` where they are pixels, which training can go on with. */
export interface Calibration {
  readonly samples: Samples;
  readonly pictures: Pictures | null;
  /** Remarks for people: what was chosen, and what was passed over. */
  readonly remarks: readonly string[];
}

/** An input of a network that needs samples. */
export interface CalibrationInput {
  readonly name: string;
  readonly shape: Shape;
  readonly preprocessing: Preprocessing;
}

/** Pixels prepared for the network, or arrays that are yet to be; `broken` where files among them were passed over. */
type Source = { readonly remarks: readonly string[]; readonly broken?: boolean } & (
  | { readonly pixels: Uint8Array }
  | { readonly arrays: Arrays; readonly wanted: string | null; readonly path: string }
);

const INPUTS: Kind = (value, where) => {
  is.list(is.record<CalibrationInput>({ name: is.text, shape: SHAPE, preprocessing: PREPROCESSING }))(value, where);
  if ((value as unknown[]).length === 0) throw is.refused(where, "at least one input", value);
};

const EXPECTED = "a folder of pictures, of arrays, of CIFAR-10 or IDX files; a picture; a .npy, .npz or IDX file";

/**
 * Opens samples for a network of one input: a picture; a folder of pictures, those in folders inside it too; a folder of CIFAR-10
 * binary or IDX files, of which the training part is taken; arrays in a .npy, .npz or IDX file or a folder of them. Kinds are
 * recognised by the content of the files. Arrays fit where imagesOf takes them. Those of uint8 are pixels, which the preprocessing's
 * range, mean and std apply to; all others are what the network reads. Of several arrays in a .npz `file.npz#name` takes one,
 * else it is that of the input's name, else one that fits.
 * @param limit samples at most, spread evenly over those there are, in the order of their paths.
 * @param name of the input.
 * @throws BAD_DATA for anything else, no samples, more than a tenth of broken files, or what the network does not take;
 *   BAD_OPTION for preprocessing that does not fit; what the readers throw.
 */
export async function openCalibration(
  path: string,
  shape: Shape,
  preprocessing: Preprocessing,
  limit = Number.POSITIVE_INFINITY,
  name = "",
): Promise<Calibration> {
  given(
    { path, shape, preprocessing, limit, name },
    { path: is.text, shape: SHAPE, preprocessing: PREPROCESSING, limit: LIMIT, name: is.text },
  );
  const source = await openSource(path, shape, preprocessing, limit);
  return calibrationFrom(source, { name, shape, preprocessing }, limit);
}

/**
 * Opens samples for all inputs of a network: one .npz with an array for each, by the inputs' names, or where no array has such
 * a name by the only shape that fits; or a folder with a folder or file of each input's name, whose samples belong together in
 * the order of their paths.
 * @returns by the inputs' names.
 * @throws BAD_DATA for another kind of file, an input without an array, different numbers of samples, a broken file in a folder
 *   of several inputs; as openCalibration.
 */
export async function openCalibrations(
  path: string,
  inputs: readonly CalibrationInput[],
  limit = Number.POSITIVE_INFINITY,
): Promise<ReadonlyMap<string, Calibration>> {
  given({ path, inputs, limit }, { path: is.text, inputs: INPUTS, limit: LIMIT });
  const [first] = inputs;
  const parts = inputs.length > 1 ? await partsOf(path, inputs) : null;
  if (parts) {
    const result = new Map<string, Calibration>();
    for (const [i, input] of inputs.entries()) {
      const source = await openSource(parts[i], input.shape, input.preprocessing, limit);
      if (source.broken) {
        const details = { where: parts[i], expected: "no broken files", found: source.remarks.join("; ") };
        throw new ShiftwiseError("BAD_DATA", "samples of several inputs would not belong together", details);
      }
      result.set(input.name, calibrationFrom(source, input, limit));
    }
    return checkCounts(result, path);
  }
  const source = await openSource(path, first.shape, first.preprocessing, limit);
  if (inputs.length === 1) return new Map([[first.name, calibrationFrom(source, first, limit)]]);
  if (!("arrays" in source) || source.wanted !== null) {
    throw new ShiftwiseError("BAD_DATA", "samples for one input of several", {
      where: path,
      expected: `an array in a .npz file, or an entry in a folder, for each of ${inputs.map((input) => input.name).join(", ")}; or --constant for an input that stays`,
    });
  }
  const chosen = chooseArrays(source.arrays, inputs, path);
  const entries = inputs.map((input, i) => [input.name, ofArray(chosen[i], source.remarks, input, limit)] as const);
  return checkCounts(new Map(entries), path);
}

/**
 * The entry of a folder for each input, called as the input is; null where it is no such folder.
 * @throws BAD_DATA for a folder with some of them
 */
async function partsOf(path: string, inputs: readonly CalibrationInput[]): Promise<string[] | null> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const entries = isFolder ? await listFolder(path) : [];
  const parts = inputs.map(({ name }) => entries.find((entry) => entry.replace(/\.np[yz]$/i, "") === name));
  if (parts.every((part) => part === undefined)) return null;
  const lacking = inputs.filter((_, i) => parts[i] === undefined).map(({ name }) => name);
  if (lacking.length === 0) return parts.map((part) => join(path, part!));
  throw new ShiftwiseError(
    "BAD_DATA",
    `no samples for ${lacking.length > 1 ? "the inputs" : "the input"} ${few(lacking)}`,
    {
      where: path,
      expected: `a folder, or a .npy or .npz file, called ${lacking[0]}; or --constant for an input that stays`,
      found: few(entries),
    },
  );
}

function checkCounts(found: ReadonlyMap<string, Calibration>, path: string): ReadonlyMap<string, Calibration> {
  const [[first, { samples }]] = found;
  for (const [name, { samples: own }] of found) {
    if (own.count === samples.count) continue;
    throw new ShiftwiseError("BAD_DATA", "inputs with different numbers of samples", {
      where: `${path}: ${name}`,
      expected: `${samples.count}, as for ${first}`,
      found: own.count,
    });
  }
  return found;
}

function calibrationFrom(source: Source, input: CalibrationInput, limit: number): Calibration {
  if ("pixels" in source) return ofPixels(source.pixels, source.remarks, input);
  return ofArray(chooseArray(source.arrays, source.wanted, input, source.path), source.remarks, input, limit);
}

function ofPixels(images: Uint8Array, remarks: readonly string[], input: CalibrationInput): Calibration {
  const { shape, preprocessing } = input;
  const pictures = { images, shape, normalization: normalizationOf(preprocessing, shape[0]) };
  return { pictures, samples: samplesOf(pictures), remarks };
}

function ofArray(chosen: Chosen, said: readonly string[], input: CalibrationInput, limit: number): Calibration {
  const { shape, preprocessing } = input;
  const { values, count } = rowsOf(chosen.array, shape, limit, chosen.where);
  const { resize, channels } = preprocessing;
  const idle = resize !== undefined || channels === "bgr";
  const unused = idle ? ["a size and an order of channels are for pictures: arrays are taken as they are"] : [];
  const remarks = [...said, ...chosen.remarks, ...unused];
  if (values instanceof Uint8Array) return ofPixels(values, remarks, input);
  const length = values.length / count;
  const read = (from: number, some: number) => values.slice(from * length, (from + some) * length);
  return { pictures: null, samples: { shape, count, read }, remarks: [...remarks, ...remarksOn(chosen.array)] };
}

async function openSource(given: string, shape: Shape, preprocessing: Preprocessing, limit: number): Promise<Source> {
  const { path, wanted, found } = await locate(given);
  if (found === "folder") return openFolder(path, shape, preprocessing, limit);
  const bytes = await readBytes(path);
  if (pictureKind(bytes)) return readPictures([path], shape, preprocessing, path);
  return { arrays: arraysOf(bytes, path), wanted, path, remarks: [] };
}

/** Finds what stands at a path; where nothing does, `file#name` may be meant. */
async function locate(given: string) {
  const kind = (path: string) =>
    stat(path).then((found) => (found.isDirectory() ? ("folder" as const) : ("file" as const)));
  try {
    return { path: given, wanted: null, found: await kind(given) };
  } catch (cause) {
    const [, path = "", wanted = ""] = /^(.+)#(.*?)$/s.exec(given) ?? [];
    const found = path === "" ? null : await kind(path).catch(() => null);
    if (found === "file") return { path, wanted, found };
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new ShiftwiseError("BAD_DATA", "nothing to calibrate with here", {
      where: given,
      expected: EXPECTED,
      found: missing ? "nothing of that name" : reason(cause),
      cause,
    });
  }
}

async function openFolder(path: string, shape: Shape, preprocessing: Preprocessing, limit: number): Promise<Source> {
  const entries = await listFolder(path);
  if (looksLikeCifar(entries) || looksLikeIdx(entries)) {
    // labels do not matter here
    const { train } = looksLikeCifar(entries)
      ? await loadCifarFolder(path)
      : await loadIdxFolder(path, { classes: 256 });
    const array: NpyArray = { shape: [train.labels.length, ...train.shape], type: "uint8", data: train.images };
    return { arrays: new Map([["", array]]), wanted: null, path, remarks: [] };
  }
  const { pictures, arrays, others, hidden } = await searchFolder(path);
  const passed = (what: string, more: readonly string[]) => {
    const names = [...more.map((file) => relative(path, file)), ...others];
    return names.length === 0 ? [] : [`passed over what is no ${what}: ${few(names)}`];
  };
  if (pictures.length > 0) {
    const { pixels, remarks } = await readPictures(spread(pictures, limit), shape, preprocessing, path);
    const broken = remarks.length > 0;
    return { pixels, broken, remarks: [...remarks, ...passed("picture", arrays)] };
  }
  if (arrays.length > 0) {
    const { array, remarks } = await joinArrays(spread(arrays, limit), shape, path);
    const all = [...remarks, ...passed("array", [])];
    return { arrays: new Map([["", array]]), wanted: null, path, broken: remarks.length > 0, remarks: all };
  }
  throw new ShiftwiseError("BAD_DATA", "nothing to calibrate with here", {
    where: path,
    expected: EXPECTED,
    found: `a folder of ${others.length} other entries${others.length > 0 ? `: ${few(others)}` : ""}${hidden > 0 ? `, ${hidden} hidden` : ""}`,
  });
}

/** The samples of many files as one array. @throws BAD_DATA where some are pixels and others are not; as readAll. */
async function joinArrays(files: readonly string[], shape: Shape, folder: string) {
  const { results, remarks } = await readAll(
    files,
    async (path) => {
      const { array, where } = chooseArray(arraysOf(await readBytes(path), path), null, { name: "", shape }, path);
      return { path, type: array.type, ...rowsOf(array, shape, Number.POSITIVE_INFINITY, where) };
    },
    "arrays",
    folder,
  );
  const all = results.map(({ value }) => value);
  const [{ type, path: first }] = all;
  const other = all.find((rows) => (rows.type === "uint8") !== (type === "uint8"));
  if (other) {
    throw new ShiftwiseError("BAD_DATA", "pixels and numbers in one folder", {
      where: other.path,
      expected: `${type}, as in ${first}`,
      found: other.type,
    });
  }
  const count = all.reduce((sum, rows) => sum + rows.count, 0);
  const length = shape[0] * shape[1] * shape[2];
  const data = allocate<Uint8Array | Float32Array>(
    type === "uint8" ? Uint8Array : Float32Array,
    count * length,
    "arrays",
    folder,
  );
  let at = 0;
  for (const { values } of all) {
    data.set(values, at);
    at += values.length;
  }
  const array: NpyArray = { shape: [count, ...shape], type, data };
  return { array, remarks };
}
