// target.js: data files and archives of every kind, changed by byte, as they are and packed: read, or refused with a code.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { typed } from "../case.js";
import { mutateBytes } from "../mutate.js";
import { data as room } from "../project.js";
import { drawFrom, tape } from "../tape.js";
import * as bases from "./bases.js";

const { decodeImage, imagesOf, openCalibration, openDataset, parseCifar, parseIdx } = room;
const { prepareImage, readNpy, readNpz, readPreprocessing } = room;
const SHAPE = [3, 4, 5];
let folder = "";
let made = null;
const bombs = new Map();

/** A valid folder of its own for a kind; the file that is to be changed is written over. */
function folderOf(name, files) {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(path, file), bytes);
  return path;
}

async function prepare() {
  folder = mkdtempSync(join(tmpdir(), "shiftwise-fuzz-"));
  process.on("exit", () => rmSync(folder, { recursive: true }));
  const [images, labels, cifar, tar] = [bases.idxImages(), bases.idxLabels(), bases.cifar(), await bases.tar()];
  const pictures = await bases.pictures();
  made = {
    images,
    labels,
    cifar,
    tar,
    pictures,
    npy: bases.npyFiles(),
    npz: bases.npz(),
    preprocessing: bases.preprocessing(),
  };
  const idx = { "train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels };
  folderOf("idx", { ...idx, "t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels });
  folderOf("cifar", { "data_batch_1.bin": cifar, "test_batch.bin": cifar });
  folderOf("tar", { "train.tar": tar, "test.tar": tar });
  folderOf("pictures", { "a.png": pictures[0], "b.jpg": pictures[1] });
}

/** Writes a file into a folder, has it read, and puts the valid one back. */
const inFolder = (name, file, valid, read) => async (bytes) => {
  const path = join(folder, name, file);
  writeFileSync(path, bytes);
  try {
    return await read(join(folder, name));
  } finally {
    writeFileSync(path, valid());
  }
};
const alone = (file, read) => (bytes) => {
  writeFileSync(join(folder, file), bytes);
  return read(join(folder, file));
};
const calibrate = (path) => openCalibration(path, SHAPE, {});

/** Kinds of files: a valid one, and who reads it. `packed` where gzip is undone on the way. */
const KINDS = {
  npy: {
    base: (draw) => draw.pick(made.npy),
    read: (bytes) => {
      const { data, shape } = readNpy(bytes, "npy");
      return imagesOf(data, shape, SHAPE, "npy");
    },
  },
  npz: {
    base: () => made.npz,
    read: (bytes) => [...readNpz(bytes, "npz").values()].map(({ data, shape }) => imagesOf(data, shape, SHAPE, "npz")),
  },
  idx: { base: () => made.images, read: (bytes) => parseIdx(bytes, 3, "idx") },
  cifar: { base: () => made.cifar, read: (bytes) => parseCifar(bytes, "cifar") },
  picture: {
    base: (draw) => draw.pick(made.pictures),
    read: async (bytes) => prepareImage(await decodeImage(bytes, "picture"), SHAPE, {}, "picture"),
  },
  preprocessing: { base: () => made.preprocessing, read: alone("preprocessing.json", readPreprocessing) },
  images: {
    packed: true,
    base: () => made.images,
    read: inFolder("idx", "train-images-idx3-ubyte", () => made.images, openDataset),
  },
  labels: {
    packed: true,
    base: () => made.labels,
    read: inFolder("idx", "t10k-labels-idx1-ubyte", () => made.labels, openDataset),
  },
  batch: {
    packed: true,
    base: () => made.cifar,
    read: inFolder("cifar", "data_batch_1.bin", () => made.cifar, openDataset),
  },
  archive: { packed: true, base: () => made.tar, read: inFolder("tar", "train.tar", () => made.tar, openDataset) },
  calibration: {
    packed: true,
    base: (draw) => draw.pick([...made.npy, made.npz]),
    read: alone("calibration.npy", calibrate),
  },
  folder: {
    base: (draw) => draw.pick(made.pictures),
    read: inFolder("pictures", "b.jpg", () => made.pictures[1], calibrate),
  },
};

const KIND_NAMES = Object.keys(KINDS);

function makeBytes({ kind, base, changes, packed }) {
  const draw = drawFrom(packed);
  let bytes = KINDS[kind].base(drawFrom(base));
  const packs = KINDS[kind].packed && draw.chance(0.5);
  if (packs && draw.chance(0.02)) {
    if (!bombs.has(kind)) bombs.set(kind, bases.bomb(bytes));
    return bombs.get(kind);
  }
  const inside = draw.chance(0.5);
  const change = () => {
    for (const numbers of changes) bytes = mutateBytes(drawFrom(numbers), bytes);
  };
  if (!packs || inside) change();
  if (packs) bytes = new Uint8Array(gzipSync(bytes));
  if (packs && !inside) change();
  return bytes;
}

export const data = {
  name: "data",
  share: 1,
  cases: fc.record({
    kind: fc.constantFrom(...KIND_NAMES),
    base: tape(2),
    packed: tape(4),
    changes: fc.array(tape(12), { maxLength: 4 }),
  }),
  /** The decoders of pictures keep caches of their own. */
  memory: 256 * 2 ** 20,
  prepare,
  async run(description) {
    const { code } = await typed(() => KINDS[description.kind].read(makeBytes(description)));
    return `${description.kind} ${code ?? "read"}`;
  },
  artifact: (description) => ({ extension: description.kind, bytes: makeBytes(description) }),
};
