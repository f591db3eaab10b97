// onnx.js: the rows that bring a network: imported from ONNX, quantized from unlabelled images, run in wasm.
//
// CIFAR-10 networks are calibrated on 1,024 of the lossless training images and tested on the 1,017 test images; ImageNet
// networks are calibrated on every second of the 650 validation images, in the order of their names, and tested on the rest.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import {
  decodeImage,
  loadCifarFolder,
  normalizationOf,
  openCalibration,
  prepareImage,
  samplesOf,
} from "../../dist/data/index.js";
import { lower } from "../../dist/graph/index.js";
import { packModel } from "../../dist/model/index.js";
import { importOnnxFile } from "../../dist/onnx/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { writeAtomically } from "../../dist/training/index.js";
import { measureModel, round } from "./measure.js";

/** Images that CIFAR-10 networks are calibrated on. */
const CIFAR_IMAGES = 1024;

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

const cifar = (model, preprocessing) => ({ model, preprocessing, shape: [3, 32, 32], load: loadCifar });
const imagenet = (model, preprocessing, size, firstClass = 0) => ({
  model,
  preprocessing,
  shape: [3, size, size],
  load: (shared, base) => loadImagenet(shared, base, firstClass),
});

const resnet20 = cifar("resnet20_cifar10_bn", IMAGENET);
const folded = cifar("resnet20_cifar10_folded", IMAGENET);
const resnet8 = cifar("resnet8_cifar10", { range: 255 });
// the pictures have 227x227 pixels: 224x224 are cut out, and none is scaled
const squeezenet = imagenet("squeezenet1.1", { ...IMAGENET, resize: 227 }, 224);
// its class 0 is the background
const mobilenet = imagenet("mobilenet_v2_1.0_224", { range: 255, mean: [127.5], std: [127.5], resize: 227 }, 224, 1);
const vww = imagenet("vww_mobilenetv1_025_96", { resize: 96 }, 96);

/** Other than the library's defaults. */
const settings = { levels: "powers-paper", twoTerm: null, augment: { crop: 4, flip: true } };

const row = (about, base, more) => ({
  about,
  run: (name, options) => runRow(name, base, { ...settings, ...more }, options),
});

export const onnxRows = {
  "onnx-resnet20-w5": row("ResNet-20 from ONNX, batch norm kept, no training, 5 bits", resnet20, { bits: 5 }),
  "onnx-resnet20-w4": row("the same, 4 bits", resnet20, { bits: 4 }),
  "onnx-resnet20-w3": row("the same, 3 bits", resnet20, { bits: 3 }),
  "onnx-resnet20-w4-distilled": row("after self-distillation, 4 bits", resnet20, { bits: 4, minutes: 3 }),
  "onnx-resnet20-w3-distilled": row("the same, 3 bits", resnet20, { bits: 3, minutes: 3 }),
  "onnx-resnet20-folded-w5": row("ResNet-20, batch norm folded by the export, no training", folded, { bits: 5 }),
  "onnx-resnet20-folded-w4": row("the same, 4 bits", folded, { bits: 4 }),
  "onnx-resnet20-folded-w4-distilled": row("after self-distillation, 4 bits", folded, { bits: 4, minutes: 3 }),
  "onnx-resnet8-w5": row("ResNet-8 (MLPerf Tiny), no training, 5 bits", resnet8, { bits: 5 }),
  "onnx-resnet8-w5-two-term": row("the same, levels that are sums of two powers", resnet8, {
    bits: 5,
    levels: "two-term",
  }),
  "onnx-resnet8-w4-two-term": row("the same, 4 bits", resnet8, { bits: 4, levels: "two-term" }),
  "onnx-resnet8-w5-distilled": row("after self-distillation, 5 bits", resnet8, { bits: 5, minutes: 3 }),
  "onnx-resnet8-w4-distilled": row("the same, 4 bits", resnet8, { bits: 4, minutes: 3 }),
  "onnx-squeezenet-w5": row("SqueezeNet 1.1, no training, 5 bits", squeezenet, { bits: 5 }),
  "onnx-squeezenet-w5-two-term": row("the same, levels that are sums of two powers", squeezenet, {
    bits: 5,
    levels: "two-term",
    twoTerm: 6,
  }),
  "onnx-squeezenet-w5-distilled": row("after self-distillation", squeezenet, {
    bits: 5,
    minutes: 12,
    augment: { crop: 16, flip: true },
  }),
  "onnx-squeezenet-w5-two-term-distilled": row("after self-distillation, sums of two powers", squeezenet, {
    bits: 5,
    levels: "two-term",
    twoTerm: 6,
    minutes: 12,
    augment: { crop: 16, flip: true },
  }),
  "onnx-mobilenetv2-w5": row("MobileNetV2, no training, two-term levels in depthwise and first layers", mobilenet, {
    bits: 5,
    twoTerm: 6,
  }),
  "onnx-mobilenetv2-w5-two-term": row("two-term levels in every layer", mobilenet, {
    bits: 5,
    levels: "two-term",
    twoTerm: 6,
  }),
  "onnx-mobilenetv2-w5-distilled": row("after self-distillation", mobilenet, {
    bits: 5,
    twoTerm: 6,
    minutes: 12,
    augment: { crop: 16, flip: true },
  }),
  "onnx-vww": row("VWW MobileNetV1 0.25, no training: decisions that agree with float", vww, { bits: 5, twoTerm: 6 }),
};

async function runRow(name, base, more, { seed, threads, shared, folder, context }) {
  const start = performance.now();
  const { screen, signal } = context;
  const normalization = normalizationOf(base.preprocessing, base.shape[0]);
  const network = await importOnnxFile(join(shared, `models/${base.model}.onnx`), { normalization, logits: true });
  const { calibration, test } = await base.load(shared, base);
  const float = await measureModel(lower(network, { grids: null }), test, "testing float", context);

  let update;
  const result = await quantizeFromImages(
    network,
    calibration,
    { ...more, seed, threads },
    {
      signal,
      onStep(step) {
        update = screen.step(step);
      },
      onProgress: (share, detail) => update(share, detail),
    },
  );
  screen.done();
  const quantizing = (performance.now() - start) / 1000;
  const bytes = packModel(result.model);
  await writeAtomically(join(folder, `${name}.safetensors`), bytes);
  const shift = await measureModel(result.model, test, "testing", context);
  const agreeing = shift.answers.filter((answer, i) => answer === float.answers[i]).length;
  const accuracies = test.labelled
    ? { float: float.accuracy, quantized: shift.accuracy, delta: round(shift.accuracy - float.accuracy) }
    : {};
  const figures = {
    row: name,
    ...accuracies,
    agreement: round((100 * agreeing) / shift.answers.length),
    averageBits: round(result.averageBits),
    epochs: result.distillation?.epochs.reduce((sum, epochs) => sum + epochs, 0) ?? 0,
    ...(result.distillation && { distillation: result.distillation }),
    seconds: Math.round(quantizing),
    goldenHash: shift.hash,
    seed,
    floatBytes: 4 * result.layers.reduce((sum, { weights }) => sum + weights, 0),
    bytes: bytes.length,
    gzipBytes: (await promisify(gzip)(bytes, { level: 9 })).length,
  };
  await writeAtomically(join(folder, `${name}.json`), Buffer.from(`${JSON.stringify(figures)}\n`));
  return figures;
}

async function loadCifar(shared, { preprocessing, shape }) {
  const folder = join(shared, "cifar10/lossless");
  const calibration = await openCalibration(folder, shape, preprocessing, CIFAR_IMAGES);
  const { test } = await loadCifarFolder(folder);
  return { calibration, test: { ...test, labelled: true } };
}

async function loadImagenet(shared, { preprocessing, shape, model }, firstClass) {
  const folder = join(shared, "imagenet-val-650");
  const lines = (await readFile(join(folder, "labels.txt"), "utf8")).trim().split("\n");
  const labels = new Map(
    lines.map((line) => line.split(" ")).map(([file, label]) => [file, Number(label) + firstClass]),
  );
  const files = (await readdir(join(folder, "images"))).sort();
  const half = async (odd) => {
    const own = files.filter((_, i) => i % 2 === odd);
    const length = shape[0] * shape[1] * shape[2];
    const images = new Uint8Array(own.length * length);
    for (const [i, file] of own.entries()) {
      const decoded = await decodeImage(await readFile(join(folder, "images", file)), file);
      images.set(await prepareImage(decoded, shape, preprocessing, file), i * length);
    }
    return { images, labels: Uint16Array.from(own, (file) => labels.get(file)), shape };
  };
  const pictures = { ...(await half(0)), normalization: normalizationOf(preprocessing, shape[0]) };
  const calibration = { pictures, samples: samplesOf(pictures) };
  return { calibration, test: { ...(await half(1)), labelled: !model.startsWith("vww") } };
}
