// calibration.ts: unlabelled images by the folder or file a person gives, prepared for a network.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ShiftwiseError } from "../base/index.js";
import type { Shape } from "../ops/index.js";
import { listFolder, readBytes } from "./bytes.js";
import { loadCifarFolder, looksLikeCifar } from "./cifar.js";
import { imagesOf } from "./fit.js";
import { loadIdxFolder, looksLikeIdx } from "./idx.js";
import { decodeImage } from "./image.js";
import { type NpyArray, readNpy, readNpz } from "./npy.js";
import { normalizationOf, type Preprocessing, prepareImage } from "./preprocessing.js";
import { type Pictures, type Samples, samplesOf } from "./samples.js";

/** Images to calibrate with; `pictures` where they are pixels, which training can go on with. */
export interface Calibration {
  readonly samples: Samples;
  readonly pictures: Pictures | null;
}

const IMAGE = /\.(jpe?g|png|webp|gif|avif|tiff?)$/i;
const AT_ONCE = 8;

/**
 * Opens a folder of image files (those in folders inside it too), of CIFAR-10 binary or IDX files (their training part), or
 * an .npy or .npz file of (count, channels, height, width) or (count, height, width, channels): uint8 pixels, which the
 * preprocessing's range, mean and std apply to, or floats, which are network values as they are.
 * @param limit images at most, spread evenly over those there are, in the order of their paths.
 * @throws BAD_DATA for anything else, or images that the network does not take; BAD_OPTION for preprocessing that does not
 *   fit; what the readers throw.
 */
export async function openCalibration(
  path: string,
  shape: Shape,
  preprocessing: Preprocessing,
  limit = Number.POSITIVE_INFINITY,
): Promise<Calibration> {
  const normalization = normalizationOf(preprocessing, shape[0]);
  const found = await stat(path).catch(() => null);
  const ofPixels = (images: Uint8Array): Calibration => {
    const pictures = { images: evenly(images, shape, limit), shape, normalization };
    return { pictures, samples: samplesOf(pictures) };
  };
  if (found?.isFile()) {
    const { shape: dimensions, data } = await readArray(path);
    if (data instanceof Uint8Array) return ofPixels(imagesOf(data, dimensions, shape, path));
    return {
      pictures: null,
      samples: floatSamples(evenly(imagesOf(data, dimensions, shape, path), shape, limit), shape),
    };
  }
  const entries = found?.isDirectory() ? await listFolder(path) : [];
  if (looksLikeCifar(entries) || looksLikeIdx(entries)) {
    const { train } = looksLikeCifar(entries) ? await loadCifarFolder(path) : await loadIdxFolder(path);
    if (train.shape.join() === shape.join()) return ofPixels(train.images);
    throw new ShiftwiseError("BAD_DATA", "the network does not take these images", {
      where: path,
      expected: shape.join("x"),
      found: train.shape.join("x"),
    });
  }
  const files = found?.isDirectory() ? await imageFiles(path) : [];
  if (files.length > 0) return ofPixels(await readImages(spread(files, limit), shape, preprocessing));
  throw new ShiftwiseError("BAD_DATA", "nothing to calibrate with here", {
    where: path,
    expected: "a folder of images, of CIFAR-10 or IDX files, or an .npy or .npz file",
    found: found ? `a folder of ${entries.length} other entries` : "nothing of that name",
  });
}

async function readArray(path: string): Promise<NpyArray> {
  const bytes = await readBytes(path);
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) return readNpy(bytes, path);
  const arrays = [...readNpz(bytes, path).values()];
  if (arrays.length === 1) return arrays[0];
  throw new ShiftwiseError("BAD_DATA", "which array is meant", {
    where: path,
    expected: "one array",
    found: arrays.length,
  });
}

/** Paths of all images in a folder and the folders in it, sorted. */
async function imageFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause) => {
    throw new ShiftwiseError("IO", "cannot read the folder", { found: String(cause.message), where: folder, cause });
  });
  return entries
    .filter((entry) => entry.isFile() && IMAGE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function readImages(files: readonly string[], shape: Shape, preprocessing: Preprocessing): Promise<Uint8Array> {
  const length = shape[0] * shape[1] * shape[2];
  const images = new Uint8Array(files.length * length);
  let next = 0;
  const readSome = async (): Promise<void> => {
    while (next < files.length) {
      const index = next++;
      const file = files[index];
      const image = await decodeImage(await readBytes(file), file);
      images.set(await prepareImage(image, shape, preprocessing, file), index * length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readSome));
  return images;
}

/** `limit` of the items at even distances, or all. */
function spread<T>(items: readonly T[], limit: number): readonly T[] {
  if (items.length <= limit) return items;
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)]);
}

function evenly<T extends Float32Array | Uint8Array>(images: T, shape: Shape, limit: number): T {
  const length = shape[0] * shape[1] * shape[2];
  const count = images.length / length;
  if (count <= limit) return images;
  const kept = images.slice(0, limit * length) as T;
  const order = spread(
    Array.from({ length: count }, (_, i) => i),
    limit,
  );
  for (const [i, from] of order.entries()) kept.set(images.subarray(from * length, (from + 1) * length), i * length);
  return kept;
}

/** @throws BAD_DATA for a value that is not finite. */
function floatSamples(values: Float32Array, shape: Shape): Samples {
  const length = shape[0] * shape[1] * shape[2];
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new ShiftwiseError("BAD_DATA", "a value that is not finite", {
      found: String(values[bad]),
      where: `value ${bad}`,
    });
  return {
    shape,
    count: values.length / length,
    read: (from, count) => values.slice(from * length, (from + count) * length),
  };
}
