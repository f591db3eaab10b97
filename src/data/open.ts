// open.ts: a data set by the name or folder a person gives.
import { stat } from "node:fs/promises";
import { given, is, ShiftwiseError } from "../base/index.js";
import { reason } from "../base/system.js";
import { isZip } from "../format/signatures.js";
import { listFolder, readBytes } from "./bytes.js";
import { loadCifarFolder, looksLikeCifar } from "./cifar.js";
import { loadClassFolders } from "./class-folders.js";
import type { TrainTest } from "./dataset.js";
import { readHead } from "./folder.js";
import { type GenerateOptions, generate } from "./generate.js";
import { loadIdxFolder, looksLikeIdx } from "./idx.js";
import { loadNpzSet } from "./labelled-arrays.js";
import { loadTarFolder, looksLikeTar } from "./tar.js";

/** Seed and sizes apply to the generated set alone; others are read whole, `classes` applies to IDX files and .npz. */
export interface OpenOptions extends GenerateOptions {
  readonly classes?: number;
}

const A_FILE = "a file: name the folder that it lies in";

/**
 * Opens "generated"; a .npz of pictures and labels, whose arrays are called as x_train and y_train, x_test and y_test, or images and
 * labels; or a folder of IDX files, of CIFAR-10 binary files, of two archives of images, train.tar and
 * test.tar, or of pictures in folders that name their classes. These lie in folders train and test; without the two every fifth picture
 * of each class is held out to test.
 * @throws BAD_DATA for anything else, saying what was looked for; what the readers throw.
 */
export async function openDataset(pathOrName: string, options: OpenOptions = {}): Promise<TrainTest> {
  given(
    { pathOrName, options },
    {
      pathOrName: is.text,
      options: is.record<OpenOptions>({
        classes: is.anything,
        seed: is.anything,
        train: is.anything,
        test: is.anything,
      }),
    },
  );
  if (pathOrName === "generated") return generate(options);
  const kind = await stat(pathOrName).then(
    (found) => (found.isDirectory() ? "a folder" : found.isFile() ? A_FILE : "neither a folder nor a file"),
    (cause) => (cause.code === "ENOENT" ? "no folder of that name" : reason(cause)),
  );
  const entries = kind === "a folder" ? await listFolder(pathOrName) : [];
  if (looksLikeIdx(entries)) return loadIdxFolder(pathOrName, options);
  if (looksLikeCifar(entries)) return loadCifarFolder(pathOrName);
  if (looksLikeTar(entries)) return loadTarFolder(pathOrName);
  if (kind === A_FILE && isZip(await readHead(pathOrName))) {
    return loadNpzSet(await readBytes(pathOrName), pathOrName, options.classes);
  }
  const classed = kind === "a folder" ? await loadClassFolders(pathOrName, entries) : null;
  if (classed) return classed;
  throw new ShiftwiseError("BAD_DATA", "no data set here", {
    expected:
      "generated, a .npz, or a folder of train/class and test/class, class, train-images-idx3-ubyte, data_batch.bin, train.tar",
    found: kind === "a folder" ? `a folder of ${entries.length} other entries` : kind,
    where: pathOrName,
  });
}
