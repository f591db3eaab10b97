// pictures.ts: the browser's pictures as the pixels that an input takes.
//
// The rule is the same for every kind. The largest middle part with the input's proportions is drawn to the input's
// size, smoothly, over black. Three channels are R, G and B; one channel is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601),
// rounded. ImageData that has the input's size already is taken pixel for pixel.

import { arrayKind, described, isArray, ownView, ShiftwiseError } from "../base/index.js";
import type { Shape } from "../ops/index.js";

/** Pixels as canvases give them: RGBA, row by row. An ImageData is one. */
export interface RgbaPixels {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A picture that a page or a program has. It is resized to the input and normalized as the model says. */
export type Picture =
  | RgbaPixels
  | ImageBitmap
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLImageElement
  | HTMLVideoElement
  | VideoFrame;

/** The parts of an input that say how a picture becomes its pixels. */
export interface PictureRule {
  readonly name: string;
  readonly shape: Shape;
  readonly resize?: number;
  readonly channels?: "bgr";
}

type Canvas2d = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export function isPicture(value: unknown): value is Picture {
  if (typeof value !== "object" || value === null || arrayKind(value) !== undefined) return false;
  return "width" in value
    ? typeof value.width === "number"
    : "displayWidth" in value && typeof value.displayWidth === "number";
}

/**
 * Checks that a picture can be brought to an input's size.
 * @throws BAD_DATA for a picture without pixels or with others than its size says, and for an input of other than 1 or 3
 * channels
 */
export function checkPicture(picture: Picture, [channels]: Shape, where: string): void {
  if (channels !== 1 && channels !== 3) {
    throw new ShiftwiseError("BAD_DATA", "this input takes no pictures", {
      where,
      expected: "an input of 1 or 3 channels",
      found: `${channels} channels`,
    });
  }
  const [w, h] = sizeOf(picture);
  if (!(w > 0 && h > 0)) {
    throw new ShiftwiseError("BAD_DATA", "a picture without pixels", {
      where,
      expected: "a width and height above 0, of a video one that plays",
      found: `${w}x${h}`,
    });
  }
  if (!isRgba(picture)) return;
  const { data } = picture;
  if (isArray(data, "Uint8ClampedArray", "Uint8Array") && ownView(data)?.length === 4 * w * h) return;
  throw new ShiftwiseError("BAD_DATA", "a picture whose pixels do not fit its size", {
    where,
    expected: `${4 * w * h} bytes of RGBA, a Uint8ClampedArray or Uint8Array`,
    found: described(data),
  });
}

/**
 * Makes a reader of pictures for one input, which keeps the canvas it draws on.
 * @returns a function from a picture that `checkPicture` accepts to (channel, row, column) pixels; it throws BAD_DATA for a
 * picture whose pixels may not be read, UNSUPPORTED without a canvas to draw on
 */
export function createPictureReader({
  name,
  shape,
  resize = 1,
  channels: order,
}: PictureRule): (picture: Picture) => Uint8ClampedArray {
  const [channels, height, width] = shape;
  let canvas: Canvas2d | null = null;
  return (picture) => {
    const [w, h] = sizeOf(picture);
    if (isRgba(picture) && w === width && h === height) {
      return planesOf(ownView(picture.data)!, channels, width * height, order);
    }
    canvas ??= createCanvas(width, height, false);
    const scale = Math.min(w / width, h / height, Math.min(w, h) / resize);
    const part = [width * scale, height * scale];
    // what is transparent must not show the picture before
    canvas.clearRect(0, 0, width, height);
    try {
      const source = isRgba(picture) ? onCanvas(picture) : picture;
      canvas.drawImage(source, (w - part[0]) / 2, (h - part[1]) / 2, part[0], part[1], 0, 0, width, height);
      return planesOf(canvas.getImageData(0, 0, width, height).data, channels, width * height, order);
    } catch (cause) {
      throw new ShiftwiseError("BAD_DATA", "the picture's pixels may not be read", {
        where: `input ${name}`,
        found: String(cause),
        cause,
      });
    }
  };
}

function sizeOf(picture: Picture): readonly [width: number, height: number] {
  if ("videoWidth" in picture) return [picture.videoWidth, picture.videoHeight];
  if ("naturalWidth" in picture) return [picture.naturalWidth, picture.naturalHeight];
  if ("displayWidth" in picture) return [picture.displayWidth, picture.displayHeight];
  return [picture.width, picture.height];
}

function isRgba(picture: Picture): picture is RgbaPixels {
  return "data" in picture;
}

function createCanvas(width: number, height: number, alpha: boolean): Canvas2d {
  const canvas =
    typeof OffscreenCanvas === "undefined"
      ? Object.assign(globalThis.document?.createElement("canvas") ?? {}, { width, height })
      : new OffscreenCanvas(width, height);
  const context =
    "getContext" in canvas ? (canvas.getContext("2d", { alpha, willReadFrequently: true }) as Canvas2d | null) : null;
  if (!context) {
    throw new ShiftwiseError("UNSUPPORTED", "no canvas here to bring a picture to the input's size", {
      expected: `pixels of ${width}x${height}, as readPicture of shiftwise/node makes them`,
    });
  }
  context.imageSmoothingQuality = "high";
  return context;
}

function onCanvas({ data, width, height }: RgbaPixels): CanvasImageSource {
  const context = createCanvas(width, height, true);
  const pixels = context.createImageData(width, height);
  pixels.data.set(data);
  context.putImageData(pixels, 0, 0);
  return context.canvas;
}

/** RGBA over black to planes. */
function planesOf(rgba: ArrayLike<number>, channels: number, plane: number, order?: "bgr"): Uint8ClampedArray {
  const pixels = new Uint8ClampedArray(channels * plane);
  for (let i = 0; i < plane; i++) {
    const at = 4 * i;
    const cover = rgba[at + 3] / 255;
    if (channels === 1) {
      pixels[i] = (0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]) * cover;
    } else {
      for (let c = 0; c < 3; c++) pixels[c * plane + i] = rgba[at + (order ? 2 - c : c)] * cover;
    }
  }
  return pixels;
}
