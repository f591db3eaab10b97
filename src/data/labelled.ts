// labelled.ts: labelled pictures as people have them, one at a time, prepared as a network reads them.
import { stat } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { given, is, ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { isArrayFile, isTar, isZip, pictureKind } from "../format/signatures.js";
import { SHAPE, type Shape } from "../ops/index.js";
import { type Arrays, arraysOf } from "./arrays.js";
import { listFolder, readBytes, readWhole } from "./bytes.js";
import { CLASS_NAMES, loadCifarFolder, looksLikeCifar, parseCifar } from "./cifar.js";
import type { Dataset } from "./dataset.js";
import { few, searchFolder } from "./folder.js";
import { generate } from "./generate.js";
import { loadIdxFolder, looksLikeIdx, parseIdx } from "./idx.js";
import { decodeImage, type Image } from "./image.js";
import { isTable, readTable } from "./label-table.js";
import { type LabelledPlanes, labelledPlanes, pairIn } from "./labelled-arrays.js";
import type { NpyArray } from "./npy.js";
import { LIMIT, spread } from "./pictures.js";
import { PREPROCESSING, type Preprocessing, prepareImage } from "./preprocessing.js";
import { contentOf, isIdx } from "./signatures.js";
import { readArchive } from "./tar.js";

/** A network that answers: what it reads, and what its classes are called. */
export interface Answerer {
  readonly shape: Shape;
  readonly preprocessing: Preprocessing;
  /** The number of classes that it tells apart. */
  readonly classes: number;
  readonly labels?: readonly string[];
}

/** Labelled pictures, prepared for a network one at a time. */
export interface LabelledImages {
  readonly count: number;
  /** The right class of each. */
  readonly labels: Uint32Array;
  /** The name of each picture, for people: a path, or a number. */
  readonly names: readonly string[];
  /** Names of the classes by number; null where neither the data nor the network says them. */
  readonly classNames: readonly string[] | null;
  /** Remarks for people: how classes were numbered, and what was passed over. */
  readonly remarks: readonly string[];
  /**
   * Channel planes of one picture, pixels 0..255, as the network reads them.
   * @throws BAD_DATA, IO, TRUNCATED for a broken picture
   */
  read(index: number): Promise<Uint8Array>;
}

/** One picture and its label: a class's number, or its name. */
interface Item {
  readonly name: string;
  readonly label: string | number;
  pixels(): Promise<Image | Planes>;
}

/** Pixels that are channel planes already. */
interface Planes {
  readonly planes: Uint8Array;
  readonly shape: Shape;
}

interface Found {
  readonly items: readonly Item[];
  readonly remarks: readonly string[];
  /** Names of classes by number, where the data has such an order of its own. */
  readonly classNames?: readonly string[];
}

const EXPECTED =
  "a folder with a folder for each class, of CIFAR-10 or IDX files, or of a test.tar; a .tar of such folders; a .csv or .txt of picture and label on each line; a .npz of images and labels; an IDX file of images beside that of labels; or the word generated";

const TAKER = is.record<Answerer>({
  shape: SHAPE,
  preprocessing: PREPROCESSING,
  classes: is.integer(1),
  labels: is.optional(is.list(is.text)),
});

/**
 * Opens labelled pictures: "generated", or a folder with a folder for each class, or one of those called test, val or valid in it; a folder of IDX or
 * CIFAR-10 files, of which the test part is taken; a .tar with a folder for each class, or a folder with test.tar; a text or .csv file
 * with a picture and its label on each line; a .npz with images and labels. Pictures of any size and colour are prepared as the network wants them. Labels are
 * numbers of classes, or names: those of the network, else numbered in the order of the alphabet.
 * @param limit pictures at most, spread evenly
 * @returns null for a folder of pictures without folders for classes, and for other data without labels
 * @throws BAD_DATA for anything else, no pictures, or labels that are no class of the network; what the readers throw
 */
export async function openLabelled(
  path: string,
  network: Answerer,
  limit = Number.POSITIVE_INFINITY,
): Promise<LabelledImages | null> {
  given({ path, network, limit }, { path: is.text, network: TAKER, limit: LIMIT });
  const found = path === "generated" ? ofDataset(generate().test) : await search(path, network);
  if (!found) return null;
  if (found.items.length === 0) throw nothing(path, "none");
  const { items } = found;
  const few = spread(items, limit);
  const { labels, classNames, remarks } = numbered(found, network, path);
  const numbers = few.map(({ label }) => labels(label));
  const { shape, preprocessing } = network;
  return {
    count: few.length,
    labels: Uint32Array.from(numbers),
    names: few.map(({ name }) => name),
    classNames,
    remarks: [...found.remarks, ...remarks],
    read: async (index) => prepared(await few[index].pixels(), shape, preprocessing, few[index].name),
  };
}

function nothing(where: string, found: string, cause?: unknown): ShiftwiseError {
  return new ShiftwiseError("BAD_DATA", "no labelled pictures here", { where, expected: EXPECTED, found, cause });
}

async function search(path: string, network: Answerer): Promise<Found | null> {
  const kind = await stat(path).then(
    (found) => (found.isDirectory() ? "folder" : "file"),
    (cause) => {
      const missing = cause.code === "ENOENT" ? "no folder or file of that name" : reason(cause);
      throw nothing(path, missing, cause);
    },
  );
  return kind === "folder" ? searchClasses(path, network) : searchFile(path);
}

/** Parts of a set that are to test with, the best first. */
const PARTS = ["test", "val", "valid", "validation"];

async function searchClasses(path: string, network: Answerer): Promise<Found | null> {
  const entries = await listFolder(path);
  if (looksLikeIdx(entries)) return ofDataset((await loadIdxFolder(path, { classes: byteClasses(network) })).test);
  if (looksLikeCifar(entries)) return ofDataset((await loadCifarFolder(path)).test);
  const archive = entries.find((name) => /^(test|val)\.tar(\.gz)?$/i.test(name));
  if (archive) return ofArchive(join(path, archive));
  const part = PARTS.find((name) => entries.includes(name));
  if (part && entries.some((name) => /^train(ing)?$/.test(name))) {
    const found = await searchClasses(join(path, part), network);
    return found && { ...found, remarks: [`took the pictures of ${part}`, ...found.remarks] };
  }
  const { pictures, arrays, others } = await searchFolder(path);
  const classed = pictures.map((file) => relative(path, file)).filter((file) => file.includes(sep));
  const alone = pictures.length - classed.length;
  if (pictures.length === 0 && arrays.length === 0) {
    throw nothing(path, `a folder of ${others.length} other entries${others.length > 0 ? `: ${few(others)}` : ""}`);
  }
  const folders = new Set(classed.map((file) => file.split(sep)[0]));
  // one folder of pictures, such as "images", is no class
  if (folders.size < 2 || alone > classed.length) return null;
  const stray = alone > 0 ? [`passed over ${alone} pictures outside of the classes' folders`] : [];
  return {
    items: classed.map((name) => ({ name, label: name.split(sep)[0], pixels: () => decoded(join(path, name)) })),
    remarks: stray,
  };
}

/** Labels of IDX files are bytes. */
const byteClasses = ({ classes }: Answerer): number => Math.min(Math.max(classes, 2), 256);

const decoded = async (path: string): Promise<Image> => decodeImage(await readWhole(path), path);

async function searchFile(path: string): Promise<Found | null> {
  if (isTable(path)) return ofTable(path);
  const bytes = await readBytes(path);
  if (pictureKind(bytes)) return null;
  if (isZip(bytes)) return ofArrays(arraysOf(bytes, path), path);
  if (isIdx(bytes)) return ofIdx(bytes, path);
  if (isTar(bytes)) return ofArchive(path);
  if (isArrayFile(bytes)) return null;
  if (/^(test|data)_batch/.test(basename(path))) {
    return ofPlanes({ ...parseCifar(bytes, path), shape: [3, 32, 32] as const }, CLASS_NAMES);
  }
  throw nothing(path, contentOf(bytes));
}

function ofDataset({ images, labels, shape, classNames }: Dataset): Found {
  return ofPlanes({ images, labels, shape }, classNames);
}

function ofPlanes({ images, labels, shape }: LabelledPlanes, classNames?: readonly string[]): Found {
  const length = shape[0] * shape[1] * shape[2];
  const items = Array.from(labels, (label, i) => ({
    name: `picture ${i}`,
    label: Number(label),
    pixels: async () => ({ planes: images.subarray(i * length, (i + 1) * length), shape }),
  }));
  return { items, remarks: [], ...(classNames && { classNames }) };
}

async function ofArchive(path: string): Promise<Found> {
  const entries = await readArchive(path);
  return {
    items: entries.map(({ path: name, className, bytes }) => ({
      name,
      label: className,
      pixels: () => decodeImage(bytes, `${path}: ${name}`),
    })),
    remarks: [],
  };
}

/** The file of labels stands beside the file of images, called as the published sets call them. */
async function ofIdx(bytes: Uint8Array, path: string): Promise<Found | null> {
  const images = parseIdx(bytes, bytes[3], path);
  const name = basename(path);
  const beside = name.replace(/images/i, "labels").replace(/idx[34]/, "idx1");
  const entries = await listFolder(dirname(path));
  const file = [beside, beside.replace(/\.gz$/, ""), `${beside}.gz`].find(
    (one) => one !== name && entries.includes(one),
  );
  if (file === undefined) return null;
  const labels = parseIdx(await readBytes(join(dirname(path), file)), 1, join(dirname(path), file));
  return ofImageArray({ shape: images.dims, type: "uint8", data: images.data }, labels.data, path);
}

function ofArrays(arrays: Arrays, path: string): Found | null {
  const names = [...arrays.keys()];
  const pair = pairIn(names, "test") ?? pairIn(names, "whole");
  if (!pair) return null;
  const found = ofImageArray(arrays.get(pair.images)!, arrays.get(pair.labels)!.data, `${path}: ${pair.images}`);
  return { ...found, remarks: [`took the arrays ${pair.images} and ${pair.labels} of ${names.join(", ")}`] };
}

const ofImageArray = (array: NpyArray, labels: ArrayLike<number>, where: string): Found =>
  ofPlanes(labelledPlanes(array, labels, where));

async function ofTable(path: string): Promise<Found> {
  const rows = await readTable(path);
  const folder = dirname(path);
  const byName = new Map<string, string>();
  if (rows.some(({ file }) => !file.startsWith("/"))) {
    const { pictures } = await searchFolder(folder);
    // a name that stands in several folders is none to look for
    const doubled = new Set<string>();
    for (const file of pictures) {
      byName.set(relative(folder, file).split(sep).join("/"), file);
      const name = basename(file);
      if (name === relative(folder, file)) continue;
      if (byName.has(name)) doubled.add(name);
      else byName.set(name, file);
    }
    for (const name of doubled) byName.delete(name);
  }
  const missing: string[] = [];
  const items = rows.flatMap(({ file, label }): Item[] => {
    const whole = file.startsWith("/") ? file : (byName.get(file.replace(/^\.\//, "")) ?? byName.get(basename(file)));
    if (whole === undefined) missing.push(file);
    return whole === undefined ? [] : [{ name: file, label, pixels: () => decoded(whole) }];
  });
  if (missing.length > rows.length / 10) {
    throw new ShiftwiseError("BAD_DATA", "pictures that are not there", {
      where: path,
      expected: "files beside the table, or in a folder beside it",
      found: `${missing.length} of ${rows.length} missing: ${few(missing)}`,
    });
  }
  const remarks =
    missing.length > 0
      ? [`passed over ${missing.length} of ${rows.length} pictures that are not there: ${few(missing)}`]
      : [];
  return { items, remarks };
}

const isNumber = (label: string | number): boolean => typeof label === "number" || /^\d+$/.test(label);
const folded = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, " ");

/**
 * Numbers the labels of a set.
 * @throws BAD_DATA for a label that is no class of the network
 */
function numbered({ items, classNames: own }: Found, network: Answerer, where: string) {
  const { classes, labels } = network;
  const refuse = (expected: string, found: unknown): ShiftwiseError =>
    new ShiftwiseError("BAD_DATA", "labels that the network does not tell apart", { where, expected, found });
  const distinct = [...new Set(items.map(({ label }) => label))];
  const known = labels?.length === classes ? labels : null;
  const names = known ?? (own?.length === classes ? own : null);
  if (distinct.every(isNumber)) {
    const beyond = distinct.find((label) => Number(label) >= classes);
    if (beyond !== undefined) throw refuse(`classes 0..${classes - 1}`, beyond);
    return { labels: Number, classNames: names, remarks: [] };
  }
  const texts = distinct.map(String).sort();
  if (known) {
    const numbers = new Map(known.map((name, i) => [folded(name), i]));
    // "n01440764 tench, Tinca tinca": the first word, and what stands before a comma, name it as well
    for (const [i, name] of known.entries()) {
      const short = [name.split(" ")[0], name.split(",")[0], name.split(" ").slice(1).join(" ").split(",")[0]];
      for (const one of short) if (one && !numbers.has(folded(one))) numbers.set(folded(one), i);
    }
    const foreign = texts.filter((text) => !numbers.has(folded(text)));
    if (foreign.length === 0) {
      return {
        labels: (label: string | number) => numbers.get(folded(String(label)))!,
        classNames: known,
        remarks: [],
      };
    }
    if (foreign.length < texts.length || texts.length !== classes) {
      throw refuse(`names of the model, such as ${few(known)}; --labels names others`, few(foreign));
    }
  }
  if (texts.length !== classes) {
    throw refuse(
      `${classes} classes; or --labels, a file of the network's names, which says which of them these are`,
      `${texts.length}: ${few(texts)}`,
    );
  }
  const numbers = new Map(texts.map((text, i) => [text, i]));
  return {
    labels: (label: string | number) => numbers.get(String(label))!,
    classNames: known ?? texts,
    remarks: [numberedText(texts, known !== null)],
  };
}

/**
 * The remark on classes that were numbered in the order of their names.
 * @param differ whether the network has other names for them
 * @internal
 */
export function numberedText(names: readonly string[], differ: boolean): string {
  const first = names.slice(0, 2).map((name, i) => `${i} is ${name}`);
  const more = differ ? "; the model calls its classes otherwise" : "";
  return `numbered the classes in the order of their names: ${first.join(", ")}${more}`;
}

/** Pixels as the network reads them: as they are where they fit, else as a picture of any size. */
async function prepared(
  pixels: Image | Planes,
  shape: Shape,
  preprocessing: Preprocessing,
  where: string,
): Promise<Uint8Array> {
  if (!("planes" in pixels)) return prepareImage(pixels, shape, preprocessing, where);
  const fits = shape.every((n, i) => pixels.shape[i] === n) && preprocessing.channels !== "bgr";
  return fits ? pixels.planes : prepareImage(imageOf(pixels), shape, preprocessing, where);
}

/** Channel planes as a picture: grey ones become three equal channels. */
function imageOf({ planes, shape: [channels, height, width] }: Planes): Image {
  const pixels = new Uint8Array(3 * height * width);
  const plane = height * width;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = planes[(channels === 1 ? 0 : c) * plane + i];
  }
  return { width, height, pixels };
}
