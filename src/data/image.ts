// image.ts: one encoded image (JPEG, PNG, WebP, ...) to RGB pixels, through the optional package sharp.
import type { Sharp } from "sharp";
import { given, is, type Kind, ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { pictureKind } from "../format/signatures.js";
import { decodeBmp } from "./bmp.js";
import { contentOf } from "./signatures.js";

/** A decoded picture. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** height x width x 3, red, green and blue of a pixel side by side. */
  readonly pixels: Uint8Array;
}

const SIDE = is.integer(1, 0x7fffffff);
/** An image with as many pixels as it says. */
export const IMAGE: Kind = (value, where) => {
  is.record<Image>({ width: SIDE, height: SIDE, pixels: is.bytes })(value, where);
  const { width, height, pixels } = value as Image;
  const count = 3 * width * height;
  if (pixels.length !== count) throw is.refused(`${where}.pixels`, `${count} bytes`, pixels);
};

/** No photograph that a network is shown is larger; what claims to be is refused before it is unpacked. */
export const MOST_PIXELS = 2 ** 26;
/** Images up to here are decoded as they come; larger ones share MOST_PIXELS with all others that are being decoded. */
const FEW_PIXELS = 2 ** 22;

/**
 * Decodes an image to 8-bit sRGB: grey becomes three equal channels, transparency is laid on black, a photograph is turned
 * as its EXIF orientation says, of several pictures in a file the first is taken. The kind is recognised by the content: JPEG, PNG,
 * WebP, GIF, TIFF, AVIF, BMP.
 * @param where file to name in errors.
 * @throws UNSUPPORTED when sharp is not installed, or for a compressed BMP; BAD_DATA for bytes that are no such image, or one of more than 2^26 pixels.
 */
export async function decodeImage(bytes: Uint8Array, where: string): Promise<Image> {
  given({ bytes, where }, { bytes: is.bytes, where: is.text });
  const kind = pictureKind(bytes);
  if (kind === "BMP") return decodeBmp(bytes, MOST_PIXELS, where);
  if (kind === null) {
    const message = bytes.length === 0 ? "an empty file" : "cannot decode the image";
    throw new ShiftwiseError("BAD_DATA", message, {
      expected: "JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP",
      found: contentOf(bytes),
      where,
    });
  }
  const { default: sharp } = await loadSharp(where);
  const decode = async (limitInputPixels: number): Promise<Image> =>
    pixelsOf(sharp(bytes, { limitInputPixels }).rotate().flatten().toColourspace("srgb"));
  const failed = (cause: unknown) =>
    new ShiftwiseError("BAD_DATA", "cannot decode the image", {
      expected: `a whole ${kind}: save it anew, or leave it out`,
      found: reason(cause),
      where,
      cause,
    });
  try {
    return await decode(FEW_PIXELS);
  } catch (cause) {
    // too large for the quick way, or broken
    const size = await sharp(bytes, { limitInputPixels: false })
      .metadata()
      .catch(() => ({ width: 0, height: 0 }));
    const count = size.width * size.height;
    if (count <= FEW_PIXELS) throw failed(cause);
    if (count <= MOST_PIXELS) {
      return withRoom(count, () => decode(MOST_PIXELS)).catch((error) => {
        throw failed(error);
      });
    }
    throw new ShiftwiseError("BAD_DATA", "an image too large", {
      expected: `at most ${MOST_PIXELS} pixels`,
      found: `${size.width}x${size.height}`,
      where,
      cause,
    });
  }
}

/** Pixels of the large images that are being decoded, and who waits until there are fewer. */
let decoding = 0;
const waiting: (() => void)[] = [];

async function withRoom<T>(count: number, work: () => Promise<T>): Promise<T> {
  while (decoding > 0 && decoding + count > MOST_PIXELS) {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  }
  decoding += count;
  try {
    return await work();
  } finally {
    decoding -= count;
    for (const go of waiting.splice(0)) go();
  }
}

/**
 * Another size, each pixel the mean of what it covers (triangle filter).
 * @throws BAD_DATA when sharp cannot; UNSUPPORTED when it is not installed.
 */
export async function resizeImage(image: Image, width: number, height: number, where: string): Promise<Image> {
  given({ image, width, height, where }, { image: IMAGE, width: SIDE, height: SIDE, where: is.text });
  const { default: sharp } = await loadSharp(where);
  try {
    const picture = sharp(image.pixels, { raw: { width: image.width, height: image.height, channels: 3 } });
    return await pixelsOf(picture.resize(width, height, { fit: "fill", kernel: "linear" }));
  } catch (cause) {
    throw new ShiftwiseError("BAD_DATA", "cannot resize the image", { found: reason(cause), where, cause });
  }
}

async function pixelsOf(picture: Sharp): Promise<Image> {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, pixels: new Uint8Array(data) };
}

async function loadSharp(where: string) {
  return await import("sharp").catch((cause) => {
    throw new ShiftwiseError("UNSUPPORTED", "reading images needs the package sharp", {
      expected: "npm install sharp",
      found: "it is not installed",
      where,
      cause,
    });
  });
}
