// entries.js: the functions that other people call, with arguments that are right.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { conv } from "../../models/layers.js";
import { build, floats } from "../../onnx/build.js";
import * as bases from "../data/bases.js";
import {
  data,
  format,
  goldenHash,
  graph,
  Model,
  onnx,
  pipeline,
  planMemory,
  quantize,
  runReference,
  training,
  WorkerModel,
} from "../project.js";

const linear = () => ({ kind: "linear", scale: 0.05, zero: 3, max: 255 });

/** A model of one convolution and one dense layer; pixels are taken by its first input. */
export function sampleModel() {
  const epilogue = (n) => ({
    scale: new Float32Array(n).fill(0.01),
    offset: new Float32Array(n).fill(3),
    clamp: { low: 0 },
  });
  return {
    name: "sample",
    inputs: [{ name: "x", tensor: "x", normalization: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] } }],
    outputs: [{ name: "y", tensor: "y" }],
    tensors: {
      x: { shape: [3, 2, 2], encoding: linear() },
      a: { shape: [2, 2, 2], encoding: linear() },
      y: { shape: [4, 1, 1], encoding: { kind: "float32" } },
    },
    layers: [
      conv({
        output: "a",
        weights: { kind: "codes", bits: 5, n1: 0, codes: Int8Array.of(1, -2, 3, 0, 5, 8) },
        epilogue: epilogue(2),
      }),
      {
        op: "dense",
        name: "dense",
        input: "a",
        output: "y",
        weights: { kind: "codebook", levels: [-3, 0, 7], codes: new Uint8Array(32).fill(2) },
        epilogue: epilogue(4),
      },
    ],
  };
}

const values = () => new Float32Array(12).fill(0.5);
const onnxBytes = () =>
  new Uint8Array(
    build({
      x: [1, 3, 2, 2],
      nodes: [
        ["Conv", "x w", "a"],
        ["Relu", "a", "y"],
      ],
      constants: { w: floats([2, 3, 1, 1]) },
    }),
  );

let local = null;
let remote = null;
let folder = "";
let network = null;
let dataset = null;
let encodings = null;
let histogram = null;
let picture = null;

/** What the entries stand on; a model that a case has disposed of is loaded anew. */
export async function prepareEntries(temporary) {
  folder = temporary;
  network = graph.demoNetwork([1, 8, 8], 3, 1, 2);
  const random = graph.createRandom(1);
  const images = Uint8Array.from({ length: 24 * 64 }, () => random.below(256));
  dataset = {
    images,
    labels: Uint8Array.from({ length: 24 }, (_, i) => i % 3),
    shape: [1, 8, 8],
    classes: 3,
    normalization: { mean: [0.5], std: [0.25] },
  };
  encodings = () =>
    new Map(
      quantize
        .quantizationPoints(network)
        .map((point) => [point, { kind: "linear", scale: 0.05, zero: 128, max: 255 }]),
    );
  histogram = quantize.createHistogram();
  quantize.addToHistogram(
    histogram,
    new Float32Array(20).map((_, i) => i),
    "h",
  );
  [picture] = await bases.pictures();
  mkdirSync(join(folder, "idx"));
  const [grey, labels] = [bases.idxImages(), bases.idxLabels()];
  for (const stem of ["train", "t10k"]) {
    writeFileSync(join(folder, "idx", `${stem}-images-idx3-ubyte`), grey);
    writeFileSync(join(folder, "idx", `${stem}-labels-idx1-ubyte`), labels);
  }
  writeFileSync(join(folder, "x.npy"), bases.npyFiles()[0]);
  writeFileSync(join(folder, "preprocessing.json"), bases.preprocessing());
  writeFileSync(join(folder, "model.onnx"), onnxBytes());
  local = await Model.from(sampleModel());
  await reviveRemote();
}

/** The Worker may be gone after a case. */
export async function reviveRemote() {
  const alive = await remote?.run(values()).then(
    () => true,
    () => false,
  );
  if (alive) return;
  remote?.dispose();
  remote = await WorkerModel.load(format.encodeModel(sampleModel()));
}

const file = () => format.encodeModel(sampleModel());
/** A run that is asked to be long ends all the same. */
const soon = () => ({ signal: AbortSignal.timeout(300) });
const quick = () => ({ epochs: 1, batchSize: 12, learningRate: 0.01 });
const copy = () => structuredClone(network);
/** Weights of one size, and encodings of all that is rounded. */
function readyNetwork() {
  const own = copy();
  for (const { weight } of own.nodes) if (weight) weight.data = weight.data.map((w) => (w < 0 ? -0.125 : 0.125));
  return { ...own, encodings: Object.fromEntries(encodings()) };
}
const pixelNetwork = () => pipeline.withNormalization(copy(), images().normalization);
const classifier = () => graph.lower(pixelNetwork(), { grids: null });
const method = () => ({
  name: "twn",
  quantizer: { ...quantize.quantizerNamed("twn"), bits: [2] },
  retraining: "straight-through",
  widths: { kind: "uniform", bits: 2 },
  activations: { kind: "linear", bits: 8 },
  epochs: 0,
});
const images = () => structuredClone(dataset);
const photo = () => ({ width: 4, height: 3, pixels: new Uint8Array(36) });
const value = () => ({ type: "float32", dims: [1, 3, 2, 2], data: values() });

/**
 * By name: the arguments, made anew for every case, and the call. `deep` where an argument is a tree whose inside may be
 * wrong as well.
 */
export const ENTRIES = {
  "Model.load": {
    args: () => [file(), { threads: 1 }],
    call: async (...args) => (await Model.load(...args)).dispose(),
  },
  "Model.from": {
    args: () => [sampleModel(), { memoryLimit: 2 ** 26, threads: 1, executor: "wasm" }],
    call: async (...args) => (await Model.from(...args)).dispose(),
  },
  "Model.from plain": {
    args: () => [sampleModel(), { memoryLimit: 2 ** 26, executor: "plain" }],
    call: async (...args) => (await Model.from(...args)).dispose(),
  },
  run: { args: () => [{ x: values() }], call: (...args) => local.run(...args) },
  runSync: { args: () => [{ x: values() }], call: (...args) => local.runSync(...args) },
  profile: { args: () => [{ x: values() }], call: (...args) => local.profile(...args) },
  trace: { args: () => [{ x: values() }, () => {}], call: (...args) => local.trace(...args) },
  warmUp: { args: () => [() => {}], call: (...args) => local.warmUp(...args) },
  planMemory: { args: () => [sampleModel(), { limit: 2 ** 26, threads: 2 }], call: planMemory },
  goldenHash: { args: () => [values()], call: goldenHash },
  "WorkerModel.load": {
    args: () => [file(), { threads: 1 }],
    share: 0.2,
    call: async (...args) => (await WorkerModel.load(...args)).dispose(),
  },
  "WorkerModel.run": { args: () => [{ x: values() }], remote: true, call: (...args) => remote.run(...args) },
  "WorkerModel.profile": { args: () => [{ x: values() }], remote: true, call: (...args) => remote.profile(...args) },
  "WorkerModel.warmUp": { args: () => [() => {}], remote: true, call: (...args) => remote.warmUp(...args) },
  runReference: { args: () => [sampleModel(), { x: values() }, () => {}], call: runReference },
  validateModel: { args: () => [sampleModel(), "here"], call: format.validateModel },
  encodeModel: { args: () => [sampleModel()], call: format.encodeModel },
  packModel: { args: () => [sampleModel()], call: format.packModel },
  decodeModel: { args: () => [file(), "here"], call: format.decodeModel },
  encodeNetwork: { args: () => [copy(), { grids: new Map(), metadata: { a: "b" } }], call: graph.encodeNetwork },
  decodeNetwork: { args: () => [graph.encodeNetwork(network), "here"], call: graph.decodeNetwork },
  validateNetwork: { args: () => [copy(), "here"], call: graph.validateNetwork },
  lower: { args: () => [copy(), { grids: null }], call: graph.lower },
  importOnnx: {
    args: () => [onnxBytes(), { name: "n", labels: ["a", "b"], inputShape: [3, 2, 2], where: "here" }],
    call: onnx.importOnnx,
  },
  importOnnxFile: { args: () => [join(folder, "model.onnx"), { name: "n" }], call: onnx.importOnnxFile },
  importExported: { args: () => [onnx.exportOnnx(sampleModel(), { form: "qdq" })], call: onnx.importExported },
  exportOnnx: { args: () => [sampleModel(), { form: "qdq" }], call: onnx.exportOnnx },
  readNpy: { args: () => [bases.npyFiles()[0], "here"], call: data.readNpy },
  readNpz: { args: () => [bases.npz(), "here"], call: data.readNpz },
  parseIdx: { args: () => [bases.idxImages(), 3, "here"], call: data.parseIdx },
  parseCifar: { args: () => [bases.cifar(), "here"], call: data.parseCifar },
  imagesOf: { args: () => [new Float32Array(12), [1, 3, 2, 2], [3, 2, 2], "here"], call: data.imagesOf },
  openDataset: { args: () => [join(folder, "idx"), { classes: 10 }], call: data.openDataset },
  openLabelled: {
    args: () => [join(folder, "idx"), { shape: [1, 8, 8], preprocessing: {}, classes: 10, labels: undefined }, 3],
    call: data.openLabelled,
  },
  openCalibration: {
    args: () => [join(folder, "x.npy"), [3, 4, 5], { range: 1, mean: [0], std: [1] }, 2],
    call: data.openCalibration,
  },
  decodeImage: { args: () => [picture.slice(), "here"], call: data.decodeImage },
  readPreprocessing: { args: () => [join(folder, "preprocessing.json")], call: data.readPreprocessing },
  batches: {
    args: () => [images(), { batchSize: 4, shuffle: true, seed: 1, epoch: 0, augment: { shift: 1 } }, 0],
    call: (...args) => [...data.batches(...args)].length,
  },
  subset: { args: () => [images(), [0, 1]], call: data.subset },
  split: { args: () => [images(), 8], call: data.split },
  quantizationPoints: { args: () => [copy()], call: quantize.quantizationPoints },
  statedEncodings: { args: () => [copy()], call: graph.statedEncodings },
  readyGrids: { args: () => [copy()], call: quantize.readyGrids },
  insertQuantizers: { args: () => [copy(), encodings()], call: quantize.insertQuantizers },
  advancePortion: { args: () => [copy(), null, { bits: 5, portion: 1 }], call: quantize.advancePortion },
  collectHistograms: { args: () => [["a"], [new Map([["a", values()]])]], call: quantize.collectHistograms },
  fitLinear: { args: () => [structuredClone(histogram), { bits: 8, clip: "mse" }], call: quantize.fitLinear },
  generate: {
    args: () => [{ seed: 1, train: 10, test: 10 }],
    call: (options, ...more) => data.generate(ofFewImages(options), ...more),
  },
  train: { args: () => [copy(), images(), quick()], call: (...args) => training.train(...args.slice(0, 3), soon()) },
  retrain: {
    args: () => [copy(), images(), { ...quick(), bits: 5, portions: [0.5, 1] }],
    call: (...args) => training.retrain(...args.slice(0, 3), soon()),
  },
  evaluate: { args: () => [copy(), images(), { batchSize: 12 }], call: training.evaluate },
  batchCount: { args: () => [images(), { batchSize: 4, shuffle: true }], call: data.batchCount },
  checkDataset: { args: () => [images(), "here"], call: data.checkDataset },
  computeNormalization: { args: () => [images().images, [1, 8, 8]], call: data.computeNormalization },
  imageLength: { args: () => [images()], call: data.imageLength },
  size: { args: () => [images()], call: data.size },
  sampleImages: { args: () => [images(), 5, 1], call: data.sampleImages },
  samplesOf: { args: () => [images()], call: data.samplesOf },
  unlabelled: { args: () => [images(), 3], call: data.unlabelled },
  loadIdxFolder: { args: () => [join(folder, "idx"), { classes: 10 }], call: data.loadIdxFolder },
  normalizationOf: { args: () => [{ range: 255, mean: [1, 2, 3], std: [1] }, 3], call: data.normalizationOf },
  normalizationTable: { args: () => [{ mean: [0.5], std: [0.5] }], call: data.normalizationTable },
  prepareImage: { args: () => [photo(), [3, 2, 2], { channels: "bgr" }, "here"], call: data.prepareImage },
  resizeImage: { args: () => [photo(), 2, 3, "here"], call: data.resizeImage },
  createRandom: { args: () => [1], call: graph.createRandom },
  parseLabels: { args: () => ['{"0": "cat", "1": "dog"}', "names.txt"], call: graph.parseLabels },
  demoNetwork: { args: () => [[1, 8, 8], 3, 1, 2], call: graph.demoNetwork },
  resnet20: { args: () => [[1, 8, 8], 3, 1], share: 0.2, call: graph.resnet20 },
  vgg: { args: () => [[1, 8, 8], 3, 1, 2], call: graph.vgg },
  inferShapes: { args: () => [copy(), "here"], call: graph.inferShapes },
  nodeInputs: { args: () => [copy().nodes[1]], call: graph.nodeInputs },
  nodeParameters: { args: () => [copy().nodes[1]], call: graph.nodeParameters },
  encodingGroups: { args: () => [copy()], call: quantize.encodingGroups },
  removeQuantizers: { args: () => [copy()], call: quantize.removeQuantizers },
  addToHistogram: { args: () => [structuredClone(histogram), values(), "here"], call: quantize.addToHistogram },
  mergeHistograms: { args: () => [[structuredClone(histogram)]], call: quantize.mergeHistograms },
  fitLog: { args: () => [structuredClone(histogram), { bits: 4, largest: 31, steps: [8] }], call: quantize.fitLog },
  fitWeightedEntropy: {
    args: () => [structuredClone(histogram), { bits: 4, largest: 31 }],
    call: quantize.fitWeightedEntropy,
  },
  allocateBits: {
    args: () => [[{ name: "a", weights: 3, choices: [{ bits: 2, noise: 1 }] }], 3],
    call: quantize.allocateBits,
  },
  shapedBits: { args: () => [[{ name: "a", count: 3 }], "inc", 3], call: quantize.shapedBits },
  averageBits: { args: () => [[{ name: "a", count: 3 }], new Map([["a", 2]])], call: quantize.averageBits },
  chooseExponent: { args: () => [values(), 4, "mse", "here"], call: quantize.chooseExponent },
  powersOfTwo: { args: () => [4, 0], call: quantize.powersOfTwo },
  powerLevels: { args: () => [4, 0], call: quantize.powerLevels },
  quantizeToLevel: { args: () => [0.3, quantize.powersOfTwo(4, 0)], call: quantize.quantizeToLevel },
  portionsFor: { args: () => [4], call: quantize.portionsFor },
  quantizerNamed: { args: () => ["twn"], call: quantize.quantizerNamed },
  fitWeq: { args: () => [values(), { levels: 4, form: "code", start: [1] }, "here"], call: quantize.fitWeq },
  planPortion: { args: () => [copy(), null, { bits: 5, portion: 0.5 }], call: quantize.planPortion },
  quantizeWeights: {
    args: () => [copy(), { ...quantize.quantizerNamed("weq"), bits: [1] }, 1],
    call: quantize.quantizeWeights,
  },
  quantizerLevels: {
    args: () => [{ ...quantize.quantizerNamed("weq"), bits: [1] }, 1],
    call: quantize.quantizerLevels,
  },
  parameterLayout: { args: () => [copy()], call: training.parameterLayout },
  createEngine: { args: () => [copy(), { batch: 2, gradients: false, keep: [] }], call: training.createEngine },
  recoverNorms: { args: () => [copy(), data.samplesOf(images())], call: training.recoverNorms },
  readModel: { args: () => [onnxBytes(), null, "here"], call: onnx.readModel },
  importModel: { args: () => [onnx.readModel(onnxBytes(), null), { name: "n" }], call: onnx.importModel },
  evaluateModel: {
    args: () => [onnx.readModel(onnxBytes(), null), new Map([["x", value()]])],
    call: onnx.evaluateModel,
  },
  freshNetwork: { args: () => ["demo", images(), 1, 2], call: pipeline.freshNetwork },
  withNormalization: { args: () => [copy(), { mean: [0], std: [1] }], call: pipeline.withNormalization },
  usualNormalization: { args: () => [3], call: pipeline.usualNormalization },
  normalizedFor: { args: () => [pixelNetwork(), images()], call: pipeline.normalizedFor },
  withNorms: { args: () => [pixelNetwork(), images(), 1], call: pipeline.withNorms },
  classesOf: { args: () => [classifier()], call: pipeline.classesOf },
  checkFits: { args: () => [classifier(), images()], call: pipeline.checkFits },
  createClassifier: { args: () => [classifier(), "reference"], call: pipeline.createClassifier },
  measure: {
    args: () => [{ run: () => new Float32Array(3), dispose() {} }, images(), soon()],
    call: pipeline.measure,
  },
  image: { args: () => [images(), 2], call: pipeline.image },
  measureOutputs: {
    args: () => [classifier(), pixelNetwork(), data.samplesOf(images()), "reference", soon()],
    call: pipeline.measureOutputs,
  },
  recipeFor: { args: () => [4, "paper"], call: pipeline.recipeFor },
  epochsOver: { args: () => [[0.5, 1], 2], call: pipeline.epochsOver },
  quantizeFromImages: {
    args: () => [copy(), images(), { bits: 4, levels: "powers", twoTerm: null, layers: new Map() }, soon()],
    share: 0.2,
    call: pipeline.quantizeFromImages,
  },
  quantizeReady: { args: () => [readyNetwork()], call: pipeline.quantizeReady },
  quantizeByMethod: {
    args: () => [copy(), images(), method(), { epochs: 0, training: quick() }, soon()],
    share: 0.2,
    call: pipeline.quantizeByMethod,
  },
  quantizeByRetraining: {
    args: () => [copy(), images(), { ...pipeline.recipeFor(4), batchSize: 12, compensate: 0 }, soon()],
    share: 0.2,
    call: pipeline.quantizeByRetraining,
  },
  readSafetensors: { args: () => [file(), "here"], call: format.readSafetensors },
  writeSafetensors: {
    args: () => [new Map([["a", { dtype: "U8", shape: [12], bytes: new Uint8Array(12) }]]), { a: "b" }],
    call: format.writeSafetensors,
  },
};

/** Thousands of images take seconds, whoever asks for them. */
function ofFewImages(options) {
  if (options === null || !["undefined", "object"].includes(typeof options)) return options;
  const few = (count) => (count === undefined || (typeof count === "number" && count > 100) ? 10 : count);
  return { ...options, train: few(options?.train), test: few(options?.test) };
}
