// preprocessing.ts: how an image file becomes what a network reads: size, channels, range, mean and deviation.

import { frozenCopy, given, is, ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { fields } from "../format/index.js";
import { type Normalization, SHAPE, type Shape } from "../ops/index.js";
import { readWhole } from "./bytes.js";
import { layoutsOf } from "./fit.js";
import { IMAGE, type Image, MOST_PIXELS, resizeImage } from "./image.js";

/**
 * The steps from a picture to an input, in this order: the shorter side is resized to `resize` and the middle is cut out,
 * the channels are put in order, a pixel 0..255 becomes (pixel * range / 255 - mean[c]) / std[c].
 */
export interface Preprocessing {
  /** Length of the shorter side, 1..4096. Default: none; the largest middle part with the input's proportions gets the input's size. */
  readonly resize?: number;
  /** Default "grey", 0.299 R + 0.587 G + 0.114 B, for networks of one channel, else "rgb". */
  readonly channels?: "rgb" | "bgr" | "grey";
  /** The value of a pixel of 255 before the mean is taken off: 1 or 255. Default 1. */
  readonly range?: number;
  /** One number a channel, or one for all. Default 0 and 1. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/**
 * Reads a description from a JSON file: an object with fields of Preprocessing, or with such an object for each input by name.
 * @param input the name of the input that is meant, in a file for several
 * @throws IO, BAD_FILE
 */
export async function readPreprocessing(path: string, input = ""): Promise<Preprocessing> {
  given({ path, input }, { path: is.text, input: is.text });
  const read = await readPreprocessings(path);
  if (!(read instanceof Map)) return read;
  const own = read.get(input);
  if (own) return own;
  const details = { where: path, expected: `an entry for the input ${input}`, found: [...read.keys()].join(", ") };
  throw new ShiftwiseError("BAD_FILE", "preprocessing of other inputs", details);
}

/**
 * Reads a description for all inputs, or one for each by name.
 * @throws IO, BAD_FILE
 * @internal
 */
export async function readPreprocessings(path: string): Promise<Preprocessing | Map<string, Preprocessing>> {
  const text = new TextDecoder().decode(await readWhole(path));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ShiftwiseError("BAD_FILE", "not JSON", { where: path, found: reason(cause), cause });
  }
  const byName = typeof value === "object" && value !== null ? Object.values(value) : [];
  const ofSeveral = byName.length > 0 && byName.every((one) => one?.constructor === Object);
  if (!ofSeveral) return readFields(value, path);
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  return new Map(entries.map(([name, one]) => [name, readFields(one, `${path}: ${name}`)]));
}

function readFields(value: unknown, path: string): Preprocessing {
  const f = fields.record(value, path, [], ["resize", "channels", "range", "mean", "std"]);
  const numbers = (field: "mean" | "std") => fields.list(f[field], `${path}: ${field}`, fields.number);
  return {
    ...(f.resize !== undefined && { resize: fields.integer(f.resize, `${path}: resize`, 1, 4096) }),
    ...(f.channels !== undefined && { channels: fields.oneOf(f.channels, `${path}: channels`, CHANNELS) }),
    ...(f.range !== undefined && { range: fields.oneOf(f.range, `${path}: range`, [1, 255]) }),
    ...(f.mean !== undefined && { mean: numbers("mean") }),
    ...(f.std !== undefined && { std: numbers("std") }),
  };
}

/**
 * The orders of channels that a file of preprocessing may name.
 * @internal
 */
export const CHANNELS = frozenCopy(["rgb", "bgr", "grey"] as const);
const NUMBERS = is.optional(is.list(is.number));
export const PREPROCESSING = is.record<Preprocessing>({
  resize: is.optional(is.integer(1, 4096)),
  channels: is.optional(is.oneOf(...CHANNELS)),
  range: is.optional(is.oneOf(1, 255)),
  mean: NUMBERS,
  std: NUMBERS,
});

/**
 * Mean and deviation as a network's input node holds them, for pixels / 255.
 * @throws BAD_OPTION for numbers that are not one a channel, a mean above the range, or a deviation that is not above 0.
 */
export function normalizationOf(preprocessing: Preprocessing, channels: number): Normalization {
  given({ preprocessing, channels }, { preprocessing: PREPROCESSING, channels: is.integer(1, 0x7fffffff) });
  const { range = 1, mean = [0], std = [1] } = preprocessing;
  const spread = (name: string, values: readonly number[], ok: (value: number) => boolean) => {
    const all = values.length === 1 ? Array<number>(channels).fill(values[0]) : values;
    if (all.length === channels && all.every(ok)) return all.map((value) => value / range);
    throw new ShiftwiseError("BAD_OPTION", "preprocessing that does not fit the network", {
      where: name,
      expected: `${channels === 1 ? "1 number" : `1 or ${channels} numbers`}${name === "std" ? " above 0" : ""}`,
      found: values.join(", "),
    });
  };
  const beyond = mean.find((value) => value > range);
  if (beyond !== undefined) {
    throw new ShiftwiseError("BAD_OPTION", "a mean that no pixel reaches", {
      where: "mean",
      expected: `at most ${range}, the value of the brightest pixel${range === 1 ? "; range 255 for means of 0..255" : ""}`,
      found: beyond,
    });
  }
  return {
    mean: spread("mean", mean, Number.isFinite),
    std: spread("std", std, (value) => value > 0 && value < Number.POSITIVE_INFINITY),
  };
}

/** The part of `model.inputs[i]` that says how an input takes pixels. */
export interface PictureInput {
  readonly shape: Shape;
  /** Whether pixels go in as (row, column, channel). Default false: as channel planes. */
  readonly channelsLast?: boolean;
  /** The rule that a model carries, which `readPicture` follows and `prepareImage` does not. */
  readonly resize?: number;
  readonly channels?: "bgr";
}

export const PICTURE_INPUT = is.either(
  Array.isArray,
  SHAPE,
  is.record<PictureInput>({
    shape: SHAPE,
    channelsLast: is.optional(is.boolean),
    resize: is.optional(is.integer(1, 4096)),
    channels: is.optional(is.oneOf("bgr")),
  }),
);

/**
 * The middle of an image as pixels of the size a network reads: with `resize` what is cut out after the shorter side has that
 * length, else the largest middle part with the input's proportions. So `readPicture` and browsers do it.
 * @param input the model's input, `model.inputs[0]`: pixels come in its order; a shape alone stands for channel planes
 * @throws BAD_OPTION for channels that the shape has not, and for an input of one row or column, unless the image has its size;
 *   BAD_DATA for an image so narrow that it would become huge; what resizeImage throws.
 */
export async function prepareImage(
  image: Image,
  input: Shape | PictureInput,
  preprocessing: Preprocessing,
  where: string,
): Promise<Uint8Array> {
  given(
    { image, input, preprocessing, where },
    { image: IMAGE, input: PICTURE_INPUT, preprocessing: PREPROCESSING, where: is.text },
  );
  const { resize, channels: wanted } = preprocessing;
  const { shape, channelsLast = false } = "shape" in input ? input : { shape: input };
  const [depth, height, width] = shape;
  // such inputs are vectors and lines of other data
  if ((height === 1 || width === 1) && (image.width !== width || image.height !== height)) {
    throw new ShiftwiseError("BAD_OPTION", "a picture for a network that reads none", {
      where,
      expected: `arrays of ${layoutsOf(shape)}, as in a .npy file`,
      found: `a picture of ${image.width}x${image.height} pixels`,
    });
  }
  const channels = wanted ?? (depth === 1 ? "grey" : "rgb");
  if (depth !== (channels === "grey" ? 1 : 3)) {
    throw new ShiftwiseError("BAD_OPTION", "the network does not read such channels", {
      where: "channels",
      expected: depth === 1 ? "grey" : depth === 3 ? "rgb or bgr" : `images, which have 1 or 3 channels, not ${depth}`,
      found: channels,
    });
  }
  const sized = await (resize === undefined
    ? fitted(image, width, height, where)
    : scaled(image, resize, width, height, where));
  const top = Math.floor((sized.height - height) / 2);
  const left = Math.floor((sized.width - width) / 2);
  const pixels = new Uint8Array(depth * height * width);
  const [step, stride] = channelsLast ? [depth, 1] : [1, height * width];
  const order = channels === "bgr" ? [2, 1, 0] : [0, 1, 2];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const at = ((top + y) * sized.width + left + x) * 3;
      const [r, g, b] = order.map((c) => sized.pixels[at + c]);
      if (depth === 1) pixels[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
      else for (const [c, value] of [r, g, b].entries()) pixels[i * step + c * stride] = value;
    }
  }
  return pixels;
}

/** The largest middle part with the proportions of a size, in that size. */
async function fitted(image: Image, width: number, height: number, where: string): Promise<Image> {
  const scale = Math.min(image.width / width, image.height / height);
  const part = middle(image, Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  return part.width === width && part.height === height ? part : resizeImage(part, width, height, where);
}

function middle({ width: all, height: rows, pixels }: Image, width: number, height: number): Image {
  if (width === all && height === rows) return { width, height, pixels };
  const [left, top] = [(all - width) >> 1, (rows - height) >> 1];
  const part = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * all + left);
    part.set(pixels.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { width, height, pixels: part };
}

/** The image with its shorter side in a length, or larger where it would not cover a size. */
async function scaled(image: Image, shorter: number, width: number, height: number, where: string): Promise<Image> {
  const least = Math.max(width / image.width, height / image.height);
  const factor = Math.max(shorter / Math.min(image.width, image.height), least);
  const across = Math.max(Math.round(image.width * factor), width);
  const down = Math.max(Math.round(image.height * factor), height);
  if (across * down > MOST_PIXELS) {
    throw new ShiftwiseError("BAD_DATA", "an image too long for its width", {
      where,
      expected: `at most ${MOST_PIXELS} pixels once it has the network's size`,
      found: `${image.width}x${image.height}, which becomes ${across}x${down}`,
    });
  }
  return factor === 1 ? image : resizeImage(image, across, down, where);
}
