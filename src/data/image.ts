// image.ts: one encoded image (JPEG, PNG, WebP, ...) to RGB pixels, through the optional package sharp.
import type { Sharp } from "sharp";
import { ShiftwiseError } from "../base/index.js";

export interface Image {
  readonly width: number;
  readonly height: number;
  /** height x width x 3, red, green and blue of a pixel side by side. */
  readonly pixels: Uint8Array;
}

/** No photograph that a network is shown is larger; what claims to be is refused before it is unpacked. */
const MOST_PIXELS = 2 ** 26;

/**
 * Decodes an image to 8-bit sRGB: grey becomes three equal channels, transparency is laid on black, a photograph is turned
 * as its EXIF orientation says.
 * @param where file to name in errors.
 * @throws UNSUPPORTED when sharp is not installed; BAD_DATA for bytes that are no image, or one of more than 2^26 pixels.
 */
export async function decodeImage(bytes: Uint8Array, where: string): Promise<Image> {
  const { default: sharp } = await loadSharp(where);
  const picture = sharp(bytes, { limitInputPixels: MOST_PIXELS }).rotate().flatten().toColourspace("srgb");
  return pixelsOf(picture, "cannot decode the image", where);
}

/**
 * Another size, each pixel the mean of what it covers (triangle filter).
 * @throws BAD_DATA when sharp cannot; UNSUPPORTED when it is not installed.
 */
export async function resizeImage(image: Image, width: number, height: number, where: string): Promise<Image> {
  const { default: sharp } = await loadSharp(where);
  const picture = sharp(image.pixels, { raw: { width: image.width, height: image.height, channels: 3 } });
  return pixelsOf(picture.resize(width, height, { fit: "fill", kernel: "linear" }), "cannot resize the image", where);
}

async function pixelsOf(picture: Sharp, failure: string, where: string): Promise<Image> {
  try {
    const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, pixels: new Uint8Array(data) };
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new ShiftwiseError("BAD_DATA", failure, { found, where, cause });
  }
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
