// training.js: the rows that retrain: ResNet-20 on CIFAR-10, the demo network on Fashion-MNIST, INQ at every bit width.
//
// A row's float network is trained once, and pruned once, for all rows that ask for the same settings. Whatever is kept
// between runs lies in bench/results/rows: float-<settings>.safetensors, pruned-<settings>.checkpoint, <row>.checkpoint,
// <row>.safetensors.
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { writeAtomically } from "../../dist/base/index.js";
import { createExecutor, image, measureShown } from "../../dist/cli/measure.js";
import { normalizedFor, pruneShown, quantizeShown, withNorms } from "../../dist/cli/quantization.js";
import { freshNetwork, showTraining } from "../../dist/cli/training.js";
import { openDataset } from "../../dist/data/index.js";
import { crc32, goldenHash, hex } from "../../dist/format/index.js";
import { decodeNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { importOnnxFile } from "../../dist/onnx/index.js";
import { pruningFor, recipeFor, train } from "../../dist/training/index.js";

const LINEAR8 = { kind: "linear", bits: 8 };
const CIFAR_NORMALIZATION = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
/** Test images whose logits make the golden hash. */
const HASHED_IMAGES = 64;

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

/** What `quantize --data` does at this width unless told otherwise; `settings` are a row's own. */
function tuned(bits, settings) {
  const common = { bits, activations: LINEAR8, batchSize: 128, schedule: { kind: "cosine" } };
  const { share, ...told } = { ...common, ...recipeFor("tuned", bits), ...settings };
  return { ...told, distill: { temperature: 2, share } };
}
const onResnet20 = (bits, more) => tuned(bits, { weightDecay: 1e-4, augment: { crop: 4, flip: true }, ...more });
const onFashion = (bits, more) => tuned(bits, { weightDecay: 5e-4, augment: { shift: 1 }, ...more });
/** More than the recipe's epochs, where its own miss the bar or may, and for the row that is held against one of these. */
const longer = (bits, times = 2) => ({ epochs: recipeFor("tuned", bits).epochs.map((n) => times * n) });
/** Half of the loss from the labels: the folded network missed the bars at 5, 4 and 2 bits when the float one alone taught it. */
const withLabels = { share: 0.5 };
/** As `quantize --prune` does unless told otherwise. */
const pruneTo = (sparsity) => pruningFor(sparsity, 12, recipeFor("tuned", 5).learningRate);

/** `settings` is what quantizeNetwork takes, and `prune` for the pruning that goes before. */
const row = (about, base, settings) => ({
  about,
  settings,
  run: (name, options) => runRow(name, base, settings, options),
});

export const trainingRows = {
  "resnet20-w5a8": row("ResNet-20, CIFAR-10 as JPEG, 5-bit weights", resnet20, onResnet20(5, longer(5))),
  "resnet20-w4a8": row("the same, 4-bit weights", resnet20, onResnet20(4)),
  "resnet20-w3a8": row("the same, 3-bit weights", resnet20, onResnet20(3, longer(3))),
  "resnet20-w2a8": row("the same, ternary weights", resnet20, onResnet20(2)),
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
    onResnet20(5, { prune: pruneTo(0.8) }),
  ),
  "resnet20-folded-w5a8": row(
    "batch norm folded by the export and put back, 5-bit weights",
    folded20,
    onResnet20(5, { ...longer(5, 4), ...withLabels }),
  ),
  "resnet20-folded-w4a8": row("the same, 4-bit weights", folded20, onResnet20(4, { ...longer(4, 4), ...withLabels })),
  "resnet20-folded-w3a8": row("the same, 3-bit weights", folded20, onResnet20(3, { ...longer(3), ...withLabels })),
  "resnet20-folded-w2a8": row("the same, ternary weights", folded20, onResnet20(2, { ...longer(2), ...withLabels })),
  "fashion-w5a8": row("demo network, Fashion-MNIST, 5-bit weights", fashion, onFashion(5)),
  "fashion-w4a8": row("the same, 4-bit weights", fashion, onFashion(4)),
  "fashion-w3a8": row("the same, 3-bit weights", fashion, onFashion(3)),
  "fashion-w2a8": row("the same, ternary weights", fashion, onFashion(2)),
  "fashion-w5a8-pruned90": row("90 % of the weights pruned, 5 bits", fashion, onFashion(5, { prune: pruneTo(0.9) })),
  "fashion-w4a8-pruned90": row("the same, 4 bits for the others", fashion, onFashion(4, { prune: pruneTo(0.9) })),
  "fashion-w3a8-pruned90": row("the same, 3 bits for the others", fashion, onFashion(3, { prune: pruneTo(0.9) })),
};

/** Data to figures: float network, calibration, INQ, wasm runtime. */
async function runRow(name, base, settings, { resume, seed, threads, shared, folder, context }) {
  const data = await openDataset(join(shared, base.data), { classes: 10 });
  const float = await floatNetwork(base, data, { seed, threads, shared, folder, context });
  const file = join(folder, seed === 1 ? name : `${name}-seed${seed}`);
  const checkpoint = `${file}.checkpoint`;
  if (!resume) await rm(checkpoint, { force: true });

  const network = structuredClone(float.network);
  const images = normalizedFor(network, data.train);
  const { prune: pruning, ...rest } = { ...settings, distill: { ...settings.distill, teacher: float.network } };
  const cut = pruning && (await pruneNetwork(network, images, { ...pruning, seed, threads }, rest, folder, context));
  const quantized = await quantizeShown(
    network,
    images,
    {
      ...rest,
      ...(cut && { pruned: cut.pruned }),
      test: normalizedFor(network, data.test),
      seed,
      threads,
      checkpoint: { path: checkpoint, resume: true },
    },
    context,
  );
  const { accuracy, hash } = await measureModel(quantized.model, data.test, context);
  const notes = { ...quantized.model.notes, accuracy: `${accuracy} % of the test images, float ${float.accuracy} %` };
  const bytes = encodeModel({ ...quantized.model, notes });
  await writeAtomically(`${file}.safetensors`, bytes);
  const history = [...(cut?.history ?? []), ...quantized.history];
  const weights = quantized.model.layers.reduce((sum, layer) => sum + (layer.weights?.codes?.length ?? 0), 0);
  const result = {
    row: name,
    float: float.accuracy,
    quantized: accuracy,
    delta: round(accuracy - float.accuracy),
    epochs: history.length,
    seconds: Math.round(history.reduce((sum, { seconds }) => sum + seconds, 0)),
    goldenHash: hash,
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

/** Prunes in place, with the retraining's settings but for `pruning`; once for all rows that prune alike. */
async function pruneNetwork(
  network,
  images,
  pruning,
  { batchSize, schedule, weightDecay, augment, distill },
  folder,
  context,
) {
  const told = { batchSize, schedule, weightDecay, augment, ...pruning };
  const { temperature, share } = distill;
  const path = join(folder, `pruned-${keyOf(network, images, { ...told, temperature, share })}.checkpoint`);
  return pruneShown(network, images, { ...told, distill, checkpoint: { path, resume: true } }, context);
}

/** What is trained alike has the same. */
const keyOf = (network, { images }, settings) =>
  hex(crc32(encodeNetwork(network), images, Buffer.from(JSON.stringify(settings))));

const round = (value) => Math.round(value * 100) / 100;

/** The trained float network, its accuracy in percent and its golden hash, from a file that this run or another has left. */
async function floatNetwork(base, data, options) {
  const network = await base.network(options.shared, data, options.seed);
  const settings = { ...base.float, seed: options.seed, threads: options.threads };
  const path = join(options.folder, `float-${keyOf(network, data.train, settings)}.safetensors`);
  if (!existsSync(path)) await trainFloat(network, data, settings, path, options.context);
  const saved = decodeNetwork(new Uint8Array(await readFile(path)), path);
  const { accuracy, goldenHash: hash } = saved.metadata;
  return { network: saved.network, accuracy: Number(accuracy), hash };
}

async function trainFloat(network, data, settings, path, context) {
  const checkpoint = `${path}.checkpoint`;
  const line = context.screen.progress("training float");
  await train(
    network,
    normalizedFor(network, data.train),
    { ...settings, checkpoint: { path: checkpoint, resume: true } },
    { signal: context.signal, onProgress: showTraining(line) },
  );
  line.done();
  const { accuracy, hash } = await measureModel(lower(network, { grids: null }), data.test, context);
  await writeAtomically(path, encodeNetwork(network, { metadata: { accuracy: String(accuracy), goldenHash: hash } }));
  await rm(checkpoint, { force: true });
}

/** Accuracy in percent on all test images, and golden hash, from the wasm runtime. */
async function measureModel(def, test, context) {
  const executor = await createExecutor(def);
  const { accuracy } = await measureShown(executor, test, "testing", context);
  const logits = Array.from({ length: HASHED_IMAGES }, (_, i) => executor.run(image(test, i)));
  executor.dispose();
  return { accuracy: round(accuracy), hash: goldenHash(...logits) };
}
