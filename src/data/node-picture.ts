// node-picture.ts: a picture as Node has it, a file, its bytes or raw pixels, to the pixels that a model's input takes.
import { arrayKind, given, is, isBuffer, ownView, ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { readWhole } from "./bytes.js";
import { decodeImage, type Image, MOST_PIXELS } from "./image.js";
import { CHANNELS, PICTURE_INPUT, type PictureInput, type Preprocessing, prepareImage } from "./preprocessing.js";

/** Raw pixels, row by row: grey, RGB or RGBA, of 8 bits each. */
export interface RawPicture {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A picture in Node: a path or file: URL, the bytes of a JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP file, a Blob of them, or raw pixels. */
export type PictureSource = string | URL | Uint8Array | ArrayBuffer | Blob | RawPicture;

/** The ways that a picture can become an input. */
export interface PictureOptions {
  /**
   * Length of the shorter side, after which the middle is cut out, as calibration and validation of many networks have it.
   * Default: as the model says, else the largest middle part with the input's proportions; so it is in browsers.
   */
  readonly resize?: Preprocessing["resize"];
  /** Default: as the model says, else "grey" for inputs of one channel and "rgb". */
  readonly channels?: Preprocessing["channels"];
}

const OPTIONS = is.record<PictureOptions>({
  resize: is.optional(is.integer(1, 4096)),
  channels: is.optional(is.oneOf(...CHANNELS)),
});

/**
 * Makes the pixels of an input from a picture, in the input's own order, for `model.run`. Files are decoded by the package sharp.
 * @param input the model's input, `model.inputs[0]`
 * @throws IO for a file that cannot be read; BAD_DATA for a picture that does not decode, is too large, or whose bytes do not
 * fit its size; BAD_OPTION for what is no picture and for an input that takes none; UNSUPPORTED where sharp is not installed
 */
export async function readPicture(
  source: PictureSource,
  input: PictureInput,
  options: PictureOptions = {},
): Promise<Uint8Array> {
  given({ input, options }, { input: PICTURE_INPUT, options: OPTIONS });
  const { resize = input.resize, channels = input.channels } = options;
  const { image, where } = await imageOf(source);
  return prepareImage(image, input, { resize, channels }, where);
}

async function imageOf(source: unknown): Promise<{ readonly image: Image; readonly where: string }> {
  const decoded = async (bytes: Uint8Array, where: string) => ({ image: await decodeImage(bytes, where), where });
  if (typeof source === "string" || isUrl(source)) {
    const path = pathOf(source);
    return decoded(await readWhole(path), path);
  }
  if (arrayKind(source) === "Uint8Array") return decoded(bytesOf(source as Uint8Array), "picture");
  if (isBuffer(source)) return decoded(new Uint8Array(source), "picture");
  if (isBlob(source)) return decoded(new Uint8Array(await source.arrayBuffer()), nameOf(source));
  if (typeof source === "object" && source !== null && "data" in source) {
    return { image: rgbOf(source as RawPicture), where: "picture" };
  }
  const expected = "a path, the bytes of a picture file, a Blob, or raw pixels { data, width, height }";
  throw is.refused("picture", expected, source);
}

/** A path as it is, or that of a file: URL. */
function pathOf(source: string | URL): string {
  const text = String(source);
  if (typeof source === "string" && !/^[a-z][a-z\d+.-]+:/i.test(text)) return text;
  if (text.startsWith("file:")) {
    try {
      return process.getBuiltinModule("node:url").fileURLToPath(text);
    } catch (cause) {
      throw new ShiftwiseError("IO", "cannot read the file", { where: text, found: reason(cause), cause });
    }
  }
  throw new ShiftwiseError("BAD_OPTION", "pictures are not fetched", {
    where: text,
    expected: "a path, or the bytes: await (await fetch(url)).arrayBuffer()",
  });
}

function isUrl(value: unknown): value is URL {
  return typeof value === "object" && value !== null && "href" in value && "protocol" in value;
}

function isBlob(value: unknown): value is Blob {
  return typeof value === "object" && value !== null && "arrayBuffer" in value && "size" in value;
}

const nameOf = (blob: Blob): string => ("name" in blob ? String(blob.name) : "picture");

function bytesOf(array: Uint8Array): Uint8Array {
  const bytes = ownView(array);
  if (bytes) return bytes;
  const expected = "bytes that are still here: pass bytes.slice() to keep them";
  throw new ShiftwiseError("BAD_DATA", "the picture's bytes were handed over to another thread", { expected });
}

/** Raw pixels as RGB; what is transparent is laid on black. @throws BAD_DATA */
function rgbOf({ data, width, height }: RawPicture): Image {
  const kind = arrayKind(data);
  const bytes = kind === "Uint8Array" || kind === "Uint8ClampedArray" ? ownView(data) : null;
  const count = width * height;
  const depth = bytes ? bytes.length / count : 0;
  const isSize = [width, height].every((side) => Number.isInteger(side) && side > 0) && count <= MOST_PIXELS;
  if (!bytes || !isSize || ![1, 3, 4].includes(depth)) {
    throw new ShiftwiseError("BAD_DATA", "raw pixels that do not fit their size", {
      where: "picture",
      expected: "a Uint8Array of 1, 3 or 4 bytes a pixel, and at most 2^26 pixels",
      found: `${width}x${height} with ${bytes ? `${bytes.length} bytes` : (kind ?? "no bytes")}`,
    });
  }
  if (depth === 3) return { width, height, pixels: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) };
  const pixels = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) {
      pixels[3 * i + c] = depth === 1 ? bytes[i] : Math.round((bytes[4 * i + c] * bytes[4 * i + 3]) / 255);
    }
  }
  return { width, height, pixels };
}
