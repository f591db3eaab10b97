// open.ts: a data set by the name or folder a person gives.
import { stat } from "node:fs/promises";
import { ShiftwiseError } from "../base/index.js";
import { listFolder } from "./bytes.js";
import { loadCifarFolder, looksLikeCifar } from "./cifar.js";
import type { TrainTest } from "./dataset.js";
import { type GenerateOptions, generate } from "./generate.js";
import { loadIdxFolder, looksLikeIdx } from "./idx.js";
import { loadTarFolder, looksLikeTar } from "./tar.js";

/** Seed and sizes apply to the generated set alone; folders are read whole, `classes` applies to IDX files. */
export interface OpenOptions extends GenerateOptions {
  readonly classes?: number;
}

/**
 * Opens "generated", or a folder of IDX files, of CIFAR-10 binary files or of two archives of images, train.tar and
 * test.tar.
 * @throws BAD_DATA for anything else, saying what was looked for; what the readers throw.
 */
export async function openDataset(pathOrName: string, options: OpenOptions = {}): Promise<TrainTest> {
  if (pathOrName === "generated") return generate(options);
  const isFolder = await stat(pathOrName).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const entries = isFolder ? await listFolder(pathOrName) : [];
  if (looksLikeIdx(entries)) return loadIdxFolder(pathOrName, options);
  if (looksLikeCifar(entries)) return loadCifarFolder(pathOrName);
  if (looksLikeTar(entries)) return loadTarFolder(pathOrName);
  const found = isFolder ? `a folder of ${entries.length} other entries` : "no folder of that name";
  throw new ShiftwiseError("BAD_DATA", "no data set here", {
    expected:
      "the name generated, a folder with train-images-idx3-ubyte[.gz], with data_batch*.bin[.gz], or with train.tar and test.tar",
    found,
    where: pathOrName,
  });
}
