// compare.ts: shiftwise compare: quantization methods side by side: accuracy, bytes and time of the models they make.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { reason, writeAtomically } from "../base/system.js";
import { type Dataset, sampleImages, size, type TrainTest } from "../data/index.js";
import { classCount, lower, type Network } from "../graph/index.js";
import { decodeModel, type ModelDef, packModel } from "../model/index.js";
import {
  type Classifier,
  checkFits,
  checkMethod,
  compareTimes,
  createClassifier,
  DEFAULTS,
  image,
  inputOf,
  type Method,
  quantizeByMethod,
  withNormalization,
} from "../pipeline/index.js";
import {
  bytes,
  type Column,
  count,
  duration,
  milliseconds,
  percent,
  type ScatterChart,
  type Section,
  table,
} from "../report/index.js";
import { allOr, integer } from "./arguments.js";
import { type Context, newCommand, withContext } from "./command.js";
import { makeFolder, type NetworkArguments, readAnyNetwork } from "./files.js";
import { openLabelledSet } from "./labelled-set.js";
import { METHOD_NAMES, METHODS, parseMethod } from "./methods.js";
import { checkApart, checkOutputs } from "./outputs.js";
import {
  addPreprocessing,
  normalizationText,
  type PreprocessingArguments,
  preprocessingFrom,
  withOwnScaling,
  withPreprocessing,
} from "./preprocessing.js";
import { type ReportArguments, writeReport } from "./report.js";
import { measureShown, sayDoubts, showTraining } from "./shown.js";
import { addRate, addTrainingOptions, batchFor, type TrainingArguments } from "./training.js";

interface CompareArguments extends TrainingArguments, NetworkArguments, PreprocessingArguments {
  readonly json?: boolean;
  readonly data: string;
  readonly net: string;
  readonly methods: readonly Method[];
  readonly epochs: number;
  readonly images?: number;
  readonly out: string;
  readonly models?: string;
}

/** One line of the comparison. */
interface Row {
  readonly method: string;
  readonly weightBits: number;
  readonly activationBits: number;
  /** Percent of the test images. */
  readonly accuracy: number;
  /** Points against float32. */
  readonly delta: number;
  /** Bytes of the model file. */
  readonly bytes: number;
  readonly msPerImage: number;
  /** Bytes of Deep Compression's weights after its Huffman stage; others lack it. */
  readonly huffmanBytes?: number;
}

interface MethodResult {
  readonly model: ModelDef;
  /** Average over all weights. */
  readonly weightBits: number;
  readonly activationBits: number;
  readonly huffmanBytes: number | null;
}

/** Test images on which each model must give the bits of the reference executor. */
const CHECKED_IMAGES = 4;
/** Timed turns, and images in each. */
const TURNS = 15;
const TURN_IMAGES = 20;

const ALL_METHODS = METHODS.map(parseMethod);

export function compareCommand(): Command {
  const command = newCommand("compare", "run quantization methods side by side; print a table and write charts")
    .requiredOption("--data <path>", "labelled images: a folder or a .npz, as train takes it, or the word generated")
    .requiredOption("--net <file>", "float network file that train wrote, or an ONNX file")
    .addOption(
      new Option(
        "--methods <list>",
        `methods to run, each as name:weights/activations@epochs with commas, such as weq:4/weq4,inq:3/8@0; names are ${METHOD_NAMES}`,
      )
        .argParser(allOr(ALL_METHODS, (text) => text.split(",").map(parseMethod)))
        .default(ALL_METHODS, "all"),
    )
    .option(
      "--epochs <n>",
      "epochs of retraining, the same for every method",
      integer("--epochs", 0),
      DEFAULTS.methods.epochs,
    )
    .option(
      "--images <n>",
      "number of training images to retrain on (default: all)",
      allOr(undefined, integer("--images", 1)),
    )
    .option("--out <file>", "HTML page with charts to write; --report is the same", "compare.html")
    .addOption(new Option("--report <file>", "HTML page to write").hideHelp())
    .option(
      "--models <folder>",
      "folder to keep the models in; with --resume, models that are already there are not made again",
    );
  addRate(command, DEFAULTS.methods.learningRate, "learning rate at the start of retraining");
  addTrainingOptions(command);
  addPreprocessing(command);
  type Given = CompareArguments & ReportArguments & { readonly resume?: boolean };
  return command.action((given: Given) => {
    const options = { ...given, out: given.report ?? given.out };
    return withContext(options, (context) => runCompare(options, options.resume === true, context));
  });
}

async function runCompare(options: CompareArguments, resume: boolean, context: Context): Promise<void> {
  const { screen, signal } = context;
  const start = performance.now();
  const kept = options.methods.flatMap((method) => modelPath(options, method) ?? []);
  await checkOutputs([options.out], options);
  await checkApart([options.out, ...kept], options);
  const read = await readAnyNetwork(options.net, options, screen.say);
  const preprocessing = await preprocessingFrom(options, inputOf(read).name);
  const stated = preprocessing ? withPreprocessing(read, preprocessing) : withOwnScaling(read, screen.say);
  for (const method of options.methods) checkMethod(stated, method);
  // a network that says nothing about pixels takes them as the set's own call for
  const classes = classCount(stated);
  const data = await openLabelledSet(options.data, classes, stated.labels, screen.say);
  const network = inputOf(stated).normalization ? stated : withNormalization(stated, data.train.normalization);
  if (network !== stated) {
    screen.say(
      `assumed, since the file does not say it: pixels ${normalizationText(data.train.normalization)}, as of the training images; --range, --mean and --std set another way`,
    );
  }
  const floatModel = lower(network, { grids: null });
  checkFits(floatModel, data.test);
  if (options.models !== undefined) await makeFolder(options.models);
  await checkOutputs(kept);
  const training = trainingImages(data.train, options);
  const batchSize = batchFor(options, size(training));

  const rows: Row[] = [];
  const executors: Classifier[] = [];
  const add = async (result: MethodResult, method: string) => {
    const file = packModel(result.model);
    const executor = await createClassifier(result.model);
    await checkReference(result.model, executor, data, method);
    const { accuracy } = await measureShown(executor, data.test, `testing ${method}`, context);
    executors.push(executor);
    rows.push({
      method,
      weightBits: result.weightBits,
      activationBits: result.activationBits,
      accuracy,
      delta: rows.length > 0 ? accuracy - rows[0].accuracy : 0,
      bytes: file.length,
      msPerImage: 0,
      ...(result.huffmanBytes !== null && { huffmanBytes: result.huffmanBytes }),
    });
    return file;
  };
  await add({ model: floatModel, weightBits: 32, activationBits: 32, huffmanBytes: null }, "float32");
  await sayDoubts(executors[0], data, rows[0], context);
  for (const method of options.methods) {
    const path = modelPath(options, method);
    const known = path && resume ? await readResult(path) : null;
    const result = known ?? (await makeModel(network, training, method, { ...options, batchSize }, context));
    const noted = { ...result, model: { ...result.model, notes: notesOf(method, result) } };
    const file = await add(noted, method.name);
    if (path && !known) await writeAtomically(path, file);
  }

  const line = screen.progress("timing");
  const times = await compareTimes(executors, data.test, {
    images: TURN_IMAGES,
    turns: TURNS,
    signal,
    onProgress: (share) => line.update(share),
  });
  line.done();
  for (const executor of executors) executor.dispose();
  const timed = rows.map((row, i) => ({ ...row, msPerImage: times[i] }));
  const text = describe(timed, size(data.test));
  await writeReport(
    options.out,
    "shiftwise compare",
    [
      ["network", options.net],
      ["images", `${options.data}: ${count(size(data.train))} to train, ${count(size(data.test))} to test`],
    ],
    [
      ...charts(timed).map((chart): Section => ({ title: chart.title, scatter: chart })),
      { title: "Table", columns: columnsFor(size(data.test)), rows: cellsOf(timed), text: sparseText(timed) },
    ],
  );
  const seconds = (performance.now() - start) / 1000;
  screen.result(
    { network: network.name, rows: timed, seconds, out: options.out },
    `${text}\n${options.out}, in ${duration(seconds)}`,
  );
}

/** Returns the path that a method's model is kept at; null for none. */
function modelPath({ models }: CompareArguments, { name }: Method): string | null {
  return models === undefined ? null : join(models, `${name.replaceAll(/[^a-z0-9.-]/g, "_")}.safetensors`);
}

/** Drawn at random: a set may stand in the order of its classes. */
function trainingImages(dataset: Dataset, { images, seed }: CompareArguments): Dataset {
  return images === undefined ? dataset : sampleImages(dataset, images, seed);
}

async function makeModel(
  network: Network,
  dataset: Dataset,
  method: Method,
  { epochs, batchSize, lr, augment, seed, threads }: CompareArguments & { readonly batchSize: number },
  { screen, signal }: Context,
): Promise<MethodResult> {
  const line = screen.progress(method.name);
  const { weightDecay } = DEFAULTS.retraining;
  const common = { batchSize, learningRate: lr, weightDecay, schedule: { kind: "cosine" }, augment } as const;
  const { model, averageBits, huffmanBytes } = await quantizeByMethod(
    network,
    dataset,
    method,
    { epochs, training: { ...common, seed, threads } },
    { signal, onProgress: showTraining(line) },
  );
  line.done();
  return { model, weightBits: averageBits, activationBits: method.activations.bits, huffmanBytes };
}

/** @throws UNSUPPORTED if a model's logits differ from the reference executor's in a bit */
async function checkReference(def: ModelDef, executor: Classifier, { test }: TrainTest, method: string): Promise<void> {
  const reference = await createClassifier(def, "reference");
  for (let i = 0; i < Math.min(CHECKED_IMAGES, size(test)); i++) {
    const pixels = image(test, i);
    const [found, expected] = [executor.run(pixels), reference.run(pixels)].map(
      (logits) => new Uint32Array(logits.buffer),
    );
    if (found.every((word, k) => word === expected[k])) continue;
    throw new ShiftwiseError("UNSUPPORTED", "the runtime and the reference executor disagree", {
      where: `${method}, test image ${i}`,
    });
  }
}

/** Returns the notes of a model of this run, from which --resume takes the row's figures. */
function notesOf(method: Method, { weightBits, activationBits, huffmanBytes }: MethodResult): Record<string, string> {
  const sparse: Record<string, string> = huffmanBytes === null ? {} : { "Huffman bytes": String(huffmanBytes) };
  return {
    method: method.name,
    "weight bits": String(weightBits),
    "activation bits": String(activationBits),
    ...sparse,
  };
}

/** A model that an earlier run has left; null where there is none. */
async function readResult(path: string): Promise<MethodResult | null> {
  const file = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return null;
    throw new ShiftwiseError("IO", "cannot read the model", { where: path, found: reason(cause), cause });
  });
  if (!file) return null;
  const model = decodeModel(new Uint8Array(file), path);
  const number = (key: string): number => {
    const value = Number(model.notes?.[key]);
    if (Number.isFinite(value)) return value;
    throw new ShiftwiseError("BAD_FILE", "not a model of compare", { where: path, expected: `a note "${key}"` });
  };
  const sparse = model.notes?.["Huffman bytes"] === undefined ? null : number("Huffman bytes");
  return {
    model,
    weightBits: number("weight bits"),
    activationBits: number("activation bits"),
    huffmanBytes: sparse,
  };
}

const columnsFor = (images: number): readonly Column[] => [
  ["method"],
  ["weight bits", "right"],
  ["activation bits", "right"],
  [`accuracy on ${count(images)} images`, "right"],
  ["points", "right"],
  ["file", "right"],
  ["an image", "right"],
];

function cellsOf(rows: readonly Row[]): string[][] {
  return rows.map((row) => [
    row.method,
    String(Number(row.weightBits.toFixed(2))),
    String(row.activationBits),
    percent(row.accuracy / 100),
    row.method === "float32" ? "" : `${row.delta > 0 ? "+" : ""}${row.delta.toFixed(2)}`,
    bytes(row.bytes),
    milliseconds(row.msPerImage),
  ]);
}

function sparseText(rows: readonly Row[]): string[] {
  return rows.flatMap(({ method, huffmanBytes }) =>
    huffmanBytes === undefined ? [] : [`${method}: ${bytes(huffmanBytes)} of weights with its Huffman codes`],
  );
}

function describe(rows: readonly Row[], images: number): string {
  return [table(columnsFor(images), cellsOf(rows)), ...sparseText(rows)].join("\n");
}

function charts(rows: readonly Row[]): ScatterChart[] {
  const points = (x: (row: Row) => number) =>
    rows.map((row) => ({ x: x(row), y: row.accuracy, label: row.method, series: row.method.split(":")[0] }));
  const y = "accuracy, %";
  return [
    { title: "Accuracy against bytes", x: "bytes of the model file", y, points: points((row) => row.bytes) },
    { title: "Accuracy against time", x: "milliseconds an image", y, points: points((row) => row.msPerImage) },
  ];
}
