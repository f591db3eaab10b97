// training.js: the rows that retrain: ResNet-20 and a VGG on CIFAR-10, the demo network on Fashion-MNIST, INQ at every bit width.
//
// A row's float network is trained once, and pruned once, for all rows that ask for the same settings. Whatever is kept
// between runs lies in bench/results/rows: float-<settings>.safetensors, pruned-<settings>.checkpoint, <row>.checkpoint,
// <row>.safetensors.
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32, gzip } from "node:zlib";
import { openDataset, size, subset } from "../../dist/data/index.js";
import { decodeNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
import { packModel, ShiftwiseError } from "../../dist/model/index.js";
import { importOnnxFile } from "../../dist/onnx/index.js";
import { freshNetwork, normalizedFor, quantizeByRetraining, recipeFor, withNorms } from "../../dist/pipeline/index.js";
import { quantizerNamed } from "../../dist/quantize/index.js";
import { train, writeAtomically } from "../../dist/training/index.js";
import { measureModel, round } from "./measure.js";
import { showTraining } from "./screen.js";

const CIFAR_NORMALIZATION = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Where a group of rows starts: data, network, and the training of its float network. */
const resnet20From = (file) => ({
  data: "cifar10/jpeg",
  async network(shared, data, seed) {
    const network = await importOnnxFile(join(shared, "models", file));
    const nodes = network.nodes.map((node) => {
      if (node.op === "input") return { ...node, normalization: CIFAR_NORMALIZATION };
      // what the network was trained with; the export holds 1 - 0.1 rounded to float32
      return node.op === "batchNorm" ? { ...node, momentum: 0.1 } : node;
    });
    const ready = { ...network, nodes };
    return withNorms(ready, normalizedFor(ready, data.train), seed);
  },
  float: {
    epochs: 4,
    batchSize: 128,
    learningRate: 0.02,
    weightDecay: 1e-4,
    schedule: { kind: "cosine" },
    augment: { crop: 4, flip: true },
  },
});
const resnet20 = resnet20From("resnet20_cifar10_bn.onnx");
const folded20 = resnet20From("resnet20_cifar10_folded.onnx");

const fashion = {
  data: "fashion-mnist",
  network: async (_shared, data, seed) => freshNetwork("demo", data.train, seed, 16),
  float: {
    epochs: 12,
    batchSize: 128,
    learningRate: 0.1,
    weightDecay: 5e-4,
    schedule: { kind: "cosine", warmUp: 1 },
    augment: { shift: 1 },
  },
};

/**
 * Every tenth training image is held out, and settings are chosen by these; every portion is measured on them, too. The float
 * network is of one seed: a seed moves what comes after it.
 */
const vggOnCifar = {
  data: "cifar10/jpeg",
  heldOut: 10,
  floatSeed: 1,
  network: async (_shared, data, seed) =>
    freshNetwork("vgg", { ...data.train, normalization: CIFAR_NORMALIZATION }, seed),
  float: {
    epochs: 30,
    batchSize: 128,
    learningRate: 0.1,
    weightDecay: 5e-4,
    schedule: { kind: "cosine", warmUp: 1 },
    augment: { crop: 4, flip: true },
  },
};

/** What `quantize --data` does at this width unless something else is set; `settings` are a row's own. */
const tuned = (bits, settings) => ({ ...recipeFor(bits), ...settings });
const onResnet20 = (bits, more) => tuned(bits, { weightDecay: 1e-4, augment: { crop: 4, flip: true }, ...more });
const onFashion = (bits, more) => tuned(bits, { weightDecay: 5e-4, augment: { shift: 1 }, ...more });
const onVgg = (bits, more) => tuned(bits, { weightDecay: 5e-4, augment: { crop: 4, flip: true }, ...more });
/** More than the recipe's epochs, where its own miss the bar or may, and for the row that is held against one of these. */
const longer = (bits, times = 2) => ({ epochs: recipeFor(bits).epochs.map((n) => times * n) });
/** Half of the loss from the labels: the folded network missed the bars at 5, 4 and 2 bits when the float one alone taught it. */
const withLabels = { share: 0.5 };

/** INQ's own levels, with a scale for every channel, where the recipe has sums of two powers. */
const ownLevels = { quantizer: quantizerNamed("powers-paper") };

/** `settings` is a recipe of quantizeByRetraining. */
const row = (about, base, settings) => ({
  about,
  settings,
  run: (name, options) => runRow(name, base, settings, options),
});

export const trainingRows = {
  "resnet20-w5a8": row("ResNet-20, CIFAR-10 as JPEG, 5-bit weights", resnet20, onResnet20(5, longer(5))),
  "resnet20-w4a8": row("the same, 4-bit weights", resnet20, onResnet20(4)),
  "resnet20-w3a8": row("the same, 3-bit weights", resnet20, onResnet20(3)),
  "resnet20-w2a8": row("the same, 2-bit weights", resnet20, onResnet20(2)),
  "resnet20-w3a8-powers": row(
    "3-bit weights, INQ's own levels",
    resnet20,
    onResnet20(3, { ...longer(3), ...ownLevels }),
  ),
  "resnet20-w2a8-powers": row("ternary weights", resnet20, onResnet20(2, ownLevels)),
  "resnet20-w5a4": row(
    "5-bit weights, 4-bit activations",
    resnet20,
    onResnet20(5, { ...longer(5), activations: { kind: "linear", bits: 4 } }),
  ),
  "resnet20-w5a8-random": row(
    "5-bit weights, portions drawn at random",
    resnet20,
    onResnet20(5, { ...longer(5), partition: "random" }),
  ),
  "resnet20-w5a8-pruned80": row(
    "80 % of the weights pruned, 5 bits for the others",
    resnet20,
    onResnet20(5, { sparsity: 0.8 }),
  ),
  "resnet20-folded-w5a8": row(
    "batch norm folded by the export and put back, 5-bit weights",
    folded20,
    onResnet20(5, { ...longer(5, 4), ...withLabels }),
  ),
  "resnet20-folded-w4a8": row("the same, 4-bit weights", folded20, onResnet20(4, { ...longer(4, 4), ...withLabels })),
  "resnet20-folded-w3a8": row(
    "the same, 3-bit weights",
    folded20,
    onResnet20(3, { ...longer(3), ...withLabels, ...ownLevels }),
  ),
  "resnet20-folded-w2a8": row(
    "the same, ternary weights",
    folded20,
    onResnet20(2, { ...longer(2), ...withLabels, ...ownLevels }),
  ),
  "fashion-w5a8": row("demo network, Fashion-MNIST, 5-bit weights", fashion, onFashion(5)),
  "fashion-w4a8": row("the same, 4-bit weights", fashion, onFashion(4)),
  "fashion-w3a8": row("the same, 3-bit weights", fashion, onFashion(3, ownLevels)),
  "fashion-w2a8": row("the same, ternary weights", fashion, onFashion(2, ownLevels)),
  "fashion-w5a8-pruned90": row("90 % of the weights pruned, 5 bits", fashion, onFashion(5, { sparsity: 0.9 })),
  "fashion-w4a8-pruned90": row("the same, 4 bits for the others", fashion, onFashion(4, { sparsity: 0.9 })),
  "fashion-w3a8-pruned90": row(
    "the same, 3 bits for the others",
    fashion,
    onFashion(3, { sparsity: 0.9, ...ownLevels }),
  ),
};

const FOUR_BITS = { kind: "linear", bits: 4 };
const LOG_4_BITS = { kind: "log", bits: 4, largest: 255 };
const PRUNED = { sparsity: 0.9 };

/** The rows of the papers' own kind of network. */
export const vggRows = {
  "vgg-w4a4": row(
    "VGG, CIFAR-10, 4-bit weights and activations",
    vggOnCifar,
    onVgg(4, { ...longer(4), activations: FOUR_BITS }),
  ),
  "vgg-w5a8-pruned": row("VGG, 90 % of the weights pruned, 5 bits for the others", vggOnCifar, onVgg(5, PRUNED)),
  "vgg-w4a8-pruned": row("the same, 4 bits for the others", vggOnCifar, onVgg(4, PRUNED)),
  "vgg-w3a8-pruned": row("the same, 3 bits for the others", vggOnCifar, onVgg(3, PRUNED)),
  "vgg-w4log4": row(
    "VGG, 4-bit weights, 4-bit LogQuant activations",
    vggOnCifar,
    onVgg(4, { ...longer(4), activations: LOG_4_BITS }),
  ),
  "vgg-w5a4": row(
    "VGG, 5-bit weights, 4-bit activations",
    vggOnCifar,
    onVgg(5, { ...longer(5), activations: FOUR_BITS }),
  ),
  "vgg-w3a4": row("VGG, 3-bit weights, 4-bit activations", vggOnCifar, onVgg(3, { activations: FOUR_BITS })),
};

/** The images that a row learns from, those that settings are chosen by, or null, and those of the figures. */
async function imagesOf({ data: folder, heldOut = 0 }, shared) {
  const { train, test } = await openDataset(join(shared, folder), { classes: 10 });
  if (heldOut === 0) return { train, held: null, test };
  const all = Array.from({ length: size(train) }, (_, i) => i);
  const apart = (i) => i % heldOut === heldOut - 1;
  return {
    train: subset(
      train,
      all.filter((i) => !apart(i)),
    ),
    held: subset(train, all.filter(apart)),
    test,
  };
}

/**
 * Data to figures: float network, calibration, INQ, wasm runtime.
 * @param tried settings in place of the row's: then only the images held out are measured
 */
async function runRow(name, base, own, { resume, seed, threads, shared, folder, context, tried }) {
  if (tried && !base.heldOut) {
    const expected = Object.keys(vggRows).join(", ");
    throw new ShiftwiseError("BAD_OPTION", "--try: the row holds no images out", { found: name, expected });
  }
  const { train, held, test } = await imagesOf(base, shared);
  const row = [name, ...(seed === 1 ? [] : [`seed${seed}`]), ...(tried ? [`try-${sumOf([tried])}`] : [])].join("-");
  const float = await floatNetwork(base, { train, held, test }, { seed, threads, shared, folder, context });
  const file = join(folder, row);
  const checkpoint = `${file}.checkpoint`;
  if (!resume) await rm(checkpoint, { force: true });

  const { screen, signal } = context;
  const recipe = { ...own, ...tried, seed, threads };
  let update;
  const quantized = await quantizeByRetraining(float.network, train, recipe, {
    signal,
    onStep(step) {
      update = showTraining(screen.step(step), step === "pruning" ? "stage" : "portion");
    },
    onProgress: (progress) => update(progress),
    test: held ?? test,
    checkpoints: {
      // once for all rows that prune alike
      pruning: { path: join(folder, `pruned-${pruningKey(float.network, train, recipe)}.checkpoint`), resume: true },
      retraining: { path: checkpoint, resume: true },
    },
  });
  screen.done();
  const onHeld = held && (await measureModel(quantized.model, held, "testing on images held out", context));
  const onTest = tried ? null : await measureModel(quantized.model, test, "testing", context);
  const accuracy = onTest && `${onTest.accuracy} % of the test images, float ${float.accuracy} %`;
  const bytes = packModel({ ...quantized.model, notes: { ...quantized.model.notes, ...(accuracy && { accuracy }) } });
  await writeAtomically(`${file}.safetensors`, bytes);
  const history = [...quantized.pruningHistory, ...quantized.history];
  const weights = quantized.model.layers.reduce((sum, layer) => sum + (layer.weights?.codes?.length ?? 0), 0);
  const result = {
    row: tried ? row : name,
    ...(tried && { tried }),
    ...(onTest && {
      float: float.accuracy,
      quantized: onTest.accuracy,
      delta: round(onTest.accuracy - float.accuracy),
    }),
    ...(onHeld && { heldFloat: float.held, held: onHeld.accuracy, heldDelta: round(onHeld.accuracy - float.held) }),
    ...(held && quantized.pruned > 0 && { left: round(100 * (1 - quantized.pruned)) / 100 }),
    epochs: history.length,
    seconds: Math.round(history.reduce((sum, { seconds }) => sum + seconds, 0)),
    goldenHash: (onTest ?? onHeld).hash,
    floatHash: float.hash,
    seed,
    tests: quantized.tests.map((share) => round(100 * share)),
    floatBytes: 4 * weights,
    bytes: bytes.length,
    gzipBytes: (await promisify(gzip)(bytes, { level: 9 })).length,
  };
  await writeAtomically(`${file}.json`, Buffer.from(`${JSON.stringify(result)}\n`));
  return result;
}

/** A short name of bytes and settings. */
const sumOf = (parts) =>
  parts
    .map((part) => (part instanceof Uint8Array ? part : Buffer.from(JSON.stringify(part))))
    .reduce((sum, bytes) => crc32(bytes, sum), 0)
    .toString(16);

/** What is trained alike has the same. */
const keyOf = (network, { images }, settings) => sumOf([encodeNetwork(network), images, settings]);

/** What pruning goes by of a recipe. */
const pruningKey = (network, data, recipe) => {
  const { batchSize, schedule, weightDecay, augment, learningRate, share, sparsity, pruneEpochs, seed, threads } =
    recipe;
  const settings = {
    batchSize,
    schedule,
    weightDecay,
    augment,
    learningRate,
    share,
    sparsity,
    pruneEpochs,
    seed,
    threads,
  };
  return keyOf(network, data, settings);
};

/** The trained float network, its accuracy in percent and its golden hash, from a file that this run or another has left. */
async function floatNetwork(base, data, options) {
  const seed = base.floatSeed ?? options.seed;
  const network = await base.network(options.shared, data, seed);
  const settings = { ...base.float, seed, threads: options.threads };
  const path = join(options.folder, `float-${keyOf(network, data.train, settings)}.safetensors`);
  if (!existsSync(path)) await trainFloat(network, data, settings, path, options.context);
  const saved = decodeNetwork(new Uint8Array(await readFile(path)), path);
  const { accuracy, held, goldenHash: hash } = saved.metadata;
  return { network: saved.network, accuracy: Number(accuracy), held: Number(held), hash };
}

async function trainFloat(network, data, settings, path, context) {
  const checkpoint = `${path}.checkpoint`;
  await train(
    network,
    normalizedFor(network, data.train),
    { ...settings, checkpoint: { path: checkpoint, resume: true } },
    { signal: context.signal, onProgress: showTraining(context.screen.step("training float"), "stage") },
  );
  context.screen.done();
  const model = lower(network, { grids: null });
  const { accuracy, hash } = await measureModel(model, data.test, "testing float", context);
  const held =
    data.held && (await measureModel(model, data.held, "testing float on images held out", context)).accuracy;
  const metadata = { accuracy: String(accuracy), goldenHash: hash, ...(held !== null && { held: String(held) }) };
  await writeAtomically(path, encodeNetwork(network, { metadata }));
  await rm(checkpoint, { force: true });
}
