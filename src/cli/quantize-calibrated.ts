// quantize-calibrated.ts: shiftwise quantize --calibrate: a network, ONNX or our own, to a model without labels.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ShiftwiseError } from "../base/index.js";
import { writeAtomically } from "../base/system.js";
import type { Augmentation, LabelledImages, Preprocessing, SamplesByInput } from "../data/index.js";
import { lower } from "../graph/index.js";
import { type ModelDef, packModel } from "../model/index.js";
import {
  type AnswersMeasurement,
  answersFor,
  answersOf,
  checkImageSettings,
  compareModelTimes,
  DEFAULTS,
  type DistillationOutcome,
  type Goal,
  type ImageConversion,
  type Point,
  type Quality,
  type QuantizedLayer,
  quantizeFromImages,
  type RoundedLayer,
} from "../pipeline/index.js";
import type { ActivationScheme } from "../quantize/index.js";
import {
  bytes,
  type Column,
  counted,
  duration,
  milliseconds,
  percent,
  ratio,
  type Section,
  table,
} from "../report/index.js";
import { answersShown, comparedText, openAnswers, worstText } from "./answers.js";
import { schemeName } from "./arguments.js";
import type { Context } from "./command.js";
import {
  checkCheckpoint,
  checkpointPath,
  type NetworkArguments,
  readAnyNetwork,
  readCosts,
  removeCheckpoint,
} from "./files.js";
import { type GoalArguments, POINT_COLUMNS, pointRows, pointsText } from "./goal.js";
import { decibelText, LAYER_COLUMNS, layerRows, layersText } from "./layers.js";
import { type NamingArguments, withNames } from "./naming.js";
import { checkOutputs } from "./outputs.js";
import type { PreprocessingArguments } from "./preprocessing.js";
import { readyText } from "./quantize-ready.js";
import { answersSections, fileFact, outputsSection, type ReportArguments, writeReport } from "./report.js";
import { takingPictures } from "./runnable.js";
import { openSamples } from "./samples.js";
import { doubtText, outputsText, showSteps } from "./shown.js";
import { resumable } from "./training.js";

export interface CalibratedArguments
  extends PreprocessingArguments,
    NetworkArguments,
    NamingArguments,
    ReportArguments,
    Pick<GoalArguments, "costs"> {
  /** Labelled pictures to measure accuracies on. */
  readonly val?: string;
  /** Null: bits, levels, twoTerm, price and budget count. */
  readonly aim: Goal | null;
  readonly calibrate: string;
  readonly out: string;
  readonly bits: number;
  readonly levels: string;
  /** 0 for none. */
  readonly twoTerm: number;
  readonly layer?: ReadonlyMap<string, number>;
  readonly budget?: number;
  readonly price: number;
  readonly zeros: number;
  /** Bytes; absent: the default, or what the network needs. */
  readonly memory?: number;
  /** Absent: what the file says, and the default where it says nothing. */
  readonly activations?: ActivationScheme;
  readonly images: number;
  readonly minutes: number;
  readonly seed: number;
  readonly threads: number;
  readonly portions?: readonly number[];
  /** Only where they were given. */
  readonly batch?: number;
  readonly lr?: number;
  readonly augment?: Augmentation;
  readonly resume?: boolean;
}

/**
 * Runs the command. Where nothing says how pixels become the network's input, it takes the usual way and says so.
 * @throws what its parts throw.
 */
export async function runCalibrated(path: string, options: CalibratedArguments, context: Context): Promise<void> {
  const { screen, signal } = context;
  const { out, aim } = options;
  const start = performance.now();
  const checkpoint = checkpointPath(out);
  await checkOutputs([out, checkpoint, options.report], options, [path]);
  const costs = options.costs === undefined ? undefined : await readCosts(options.costs);
  if (options.resume) await checkCheckpoint(checkpoint);
  const read = await withNames(await readAnyNetwork(path, options, screen.say), options);
  const { calibrate, images, report } = options;
  const { batch, lr, budget, augment, portions } = options;
  const chosen = {
    activations: options.activations,
    layers: options.layer,
    ...(aim
      ? { goal: aim, costs }
      : {
          bits: options.bits,
          levels: options.levels,
          twoTerm: options.twoTerm || null,
          budget,
          price: options.price,
          zeros: options.zeros,
        }),
  };
  checkImageSettings(read, chosen);
  const prepared = await openSamples(read, calibrate, images, options, "to calibrate with", screen);
  const { network, calibrations, assumed } = prepared;
  const inFloat = (): ModelDef => ({ ...lower(network, { grids: null }), notes: prepared.notes });
  // wrong data is to be known before the work
  const val = options.val === undefined ? null : await openVal(options.val, inFloat(), options, context);

  const labels = network.labels ?? val?.images.classNames;

  const steps = showSteps(screen);
  const convert = () =>
    quantizeFromImages(
      labels ? { ...network, labels } : network,
      calibrations,
      {
        ...chosen,
        memory: options.memory,
        minutes: options.minutes,
        notes: prepared.notes,
        portions,
        learningRate: lr,
        batchSize: batch,
        augment,
        seed: options.seed,
        threads: options.threads,
      },
      {
        signal,
        checkpoint: { path: checkpoint, resume: options.resume },
        onStep: steps.begin,
        onProgress: steps.update,
        onWarning: (text) => screen.say(`warning: ${text}`),
      },
    );
  const result = await resumable(checkpoint, convert);
  steps.done();
  const model = { ...result.model, notes: result.model.notes ?? {} };
  const file = packModel(model);
  await writeAtomically(out, file);
  await removeCheckpoint(checkpoint);
  const line = screen.progress("timing");
  const samples = Object.fromEntries([...calibrations].map(([name, one]) => [name, one.samples]));
  const floatModel = inFloat();
  const [floatTime, time] = await timesOf([floatModel, model], samples, context);
  line.done();
  const answers =
    val && (await answersShown([val.def, modelFor(model, val.def)], val.images, "wasm", "testing", context));
  const accuracies = answers && {
    total: answers.total,
    float: answers.models[0].accuracy,
    model: answers.models[1].accuracy,
    changes: answers.changes,
  };
  const summary = {
    layers: result.layers,
    ready: result.ready,
    statedRanges: result.statedRanges,
    averageBits: result.averageBits,
    goal: aim,
    points: result.points,
    missed: result.missed,
    losslessTime: result.losslessTime,
    unjudged: result.unjudged,
    quality: result.quality,
    softmax: softmaxOutputs(model),
    activations: schemeName(options.activations ?? DEFAULTS.activations),
    assumedPreprocessing: calibrations.size > 1 ? assumed : (Object.values(assumed)[0] ?? null),
    images: prepared.count,
    remarks: prepared.remarks,
    distillation: result.distillation,
    bytes: file.length,
    gzipBytes: (await promisify(gzip)(file, { level: 9 })).length,
    msPerSample: time,
    float: { bytes: bytesOf(floatModel), msPerSample: floatTime },
    val: accuracies,
    seconds: (performance.now() - start) / 1000,
    out,
  };
  if (report !== undefined) {
    await writeReport(
      report,
      `${model.name}, quantized`,
      [
        ["network", path],
        ["calibrated with", `${counted(prepared.count, "sample")} of ${calibrate}`],
        ["model", fileFact(out, file.length)],
        ...Object.entries(model.notes).map(([key, value]) => [key, value] as const),
      ],
      [
        { title: "Size and time", columns: SIZE_COLUMNS, rows: sizeRows(summary) },
        outputsSection(
          `Outputs against the float network's, on ${samplesText(result.quality)}`,
          result.quality.outputs,
        ),
        ...(answers ? answersSections(["float32", "model"], answers, val.images, shapeOf(val.def)) : []),
        ...layersSections(result.layers),
        ...pointsSections(result.points),
      ],
    );
  }
  screen.result(summary, describe(summary, options.verbose === true, answers && val ? valText(answers, val) : []));
}

/** The times of models; null, with a word on it, where memory does not take the float network. */
async function timesOf(
  defs: readonly ModelDef[],
  samples: SamplesByInput,
  { screen, signal }: Context,
): Promise<readonly (number | null)[]> {
  try {
    return await compareModelTimes(defs, samples, { signal });
  } catch (error) {
    if (!(error instanceof ShiftwiseError) || error.code !== "OVERFLOW") throw error;
    screen.say(`no times: the float network takes more memory than this runtime allows (${error.message})`);
    return defs.map(() => null);
  }
}

/** The outputs that a softmax makes. */
function softmaxOutputs({ outputs, layers }: ModelDef): string[] {
  const made = new Set(layers.filter(({ op }) => op === "softmax").map(({ output }) => output));
  return outputs.filter(({ tensor }) => made.has(tensor)).map(({ name }) => name);
}

/** The bytes of a float network's weights. */
function bytesOf({ layers }: ModelDef): number {
  return layers.reduce((sum, layer) => {
    if (!("weights" in layer)) return sum;
    const { weights } = layer;
    return sum + (weights.kind === "float32" ? weights.values : weights.codes).byteLength;
  }, 0);
}

/** Labelled pictures, and the float network as it takes them. */
interface Val {
  readonly def: ModelDef;
  readonly images: LabelledImages;
}

async function openVal(path: string, float: ModelDef, options: CalibratedArguments, context: Context): Promise<Val> {
  const { def, preprocessing } = await takingPictures({ def: float, network: null }, options, context.screen.say);
  const images = await openAnswers(path, def, preprocessing, undefined, context);
  if (images) return { def, images };
  throw new ShiftwiseError("BAD_DATA", "nothing to measure accuracy on", {
    where: `--val ${path}`,
    expected:
      "labelled pictures, as eval --data takes them, and a network of one input that ends in a vector of classes",
    found: def.inputs.length > 1 || answersOf(def) === null ? "another network" : "pictures without labels",
  });
}

/** The model, taking pixels as the float network does where it says nothing itself. */
const modelFor = (model: ModelDef, float: ModelDef): ModelDef =>
  model.inputs.length === 1 && !model.inputs[0].normalization
    ? { ...model, inputs: [{ ...model.inputs[0], normalization: float.inputs[0].normalization }] }
    : model;

const shapeOf = ({ inputs, tensors }: ModelDef) => tensors[inputs[0].tensor].shape;

function valText(answers: AnswersMeasurement, { def, images }: Val): string[] {
  const [float] = answers.models;
  return [
    ...comparedText(["float32", "model"], answers),
    ...doubtText(float, answers.total, answersOf(def)!),
    ...worstText(answers.models[1].worst, images.classNames),
  ];
}

const SIZE_COLUMNS: readonly Column[] = [["network"], ["size", "right"], ["a sample", "right"], ["", "right"]];

function sizeRows({ float, bytes: size, msPerSample }: Pick<Summary, "float" | "bytes" | "msPerSample">): string[][] {
  const time = (value: number | null): string => (value === null ? "" : milliseconds(value));
  const faster =
    float.msPerSample === null || msPerSample === null ? "" : `, ${ratio(float.msPerSample / msPerSample)} as fast`;
  return [
    ["float32", bytes(float.bytes), time(float.msPerSample), ""],
    ["model", bytes(size), time(msPerSample), `${comparedSize(size, float.bytes)}${faster}`],
  ];
}

/** Says how many times smaller, or larger, a file is. */
const comparedSize = (size: number, before: number): string =>
  size > before ? `${ratio(size / before)} larger` : `${ratio(before / size)} smaller`;

/** The share of the float network's time above which the model counts as slower. */
const SLOWER = 1.05;

/** A line for a model that is slower than its float network. */
function slowText({ float, msPerSample }: Pick<Summary, "float" | "msPerSample">): string[] {
  if (float.msPerSample === null || msPerSample === null || msPerSample <= SLOWER * float.msPerSample) return [];
  return [
    "the model was slower than the float network: layers with few weights and steps without weights gain no time, and other work on this machine moves such figures. `shiftwise profile` shows what takes the time",
  ];
}

function layersSections(layers: readonly RoundedLayer[]): Section[] {
  if (layers.length === 0) return [];
  return [
    {
      title: "Layers",
      text: [
        "Signal to noise of what each layer makes, in dB, where its own weights alone are rounded; below 20 dB in another colour.",
      ],
      bars: {
        label: "signal to noise of each layer's output in dB",
        low: 20,
        bars: layers.map(({ name, ownSnr }) => ({
          name,
          value: ownSnr === null ? null : Math.min(ownSnr, 60),
          text: decibelText(ownSnr),
        })),
      },
      columns: LAYER_COLUMNS,
      rows: layerRows(layers),
    },
  ];
}

function pointsSections(points: readonly Point[]): Section[] {
  const known = points.filter(({ snr }) => snr !== null);
  if (known.length === 0) return [];
  const kind = ({ chosen, measured }: Point): string => (chosen ? "this model" : measured ? "tried" : "predicted");
  return [
    {
      title: "What this model was chosen from",
      text: ["The worst output's signal to noise against the bytes of the file."],
      scatter: {
        title: "signal to noise against bytes",
        x: "bytes of the file",
        y: "dB",
        points: known.map((point) => ({ x: point.bytes, y: point.snr!, label: kind(point), series: kind(point) })),
      },
      columns: POINT_COLUMNS,
      rows: pointRows(points),
    },
  ];
}

interface Summary {
  readonly layers: readonly RoundedLayer[];
  readonly ready: readonly QuantizedLayer[];
  readonly statedRanges: number;
  readonly averageBits: number;
  readonly points: readonly Point[];
  readonly goal: Goal | null;
  readonly missed: ImageConversion["missed"];
  readonly losslessTime: number | null;
  readonly unjudged: ImageConversion["unjudged"];
  readonly quality: Quality;
  /** The names of the outputs that a softmax makes. */
  readonly softmax: readonly string[];
  /** The preprocessing of the one input, or by input; null or empty where nothing was assumed. */
  readonly assumedPreprocessing: Preprocessing | Readonly<Record<string, Preprocessing>> | null;
  readonly distillation: DistillationOutcome | null;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Null where memory does not take both networks. */
  readonly msPerSample: number | null;
  /** Bytes of its weights. */
  readonly float: { readonly bytes: number; readonly msPerSample: number | null };
  readonly seconds: number;
  readonly out: string;
}

function describe(
  { layers, ready, statedRanges, averageBits, quality, distillation, gzipBytes, seconds, out, ...file }: Summary,
  verbose: boolean,
  val: readonly string[],
): string {
  return [
    ...(layers.length > 0 ? layersText(layers, verbose) : []),
    ...(ready.length > 0 ? [readyText(ready, verbose)] : []),
    ...(statedRanges > 0 ? [`${counted(statedRanges, "tensor")} rounded as the file says`] : []),
    `${averageBits.toFixed(2)} bits a weight on average`,
    ...(distillation ? [taughtText(distillation, quality)] : []),
    ...pointsText(file.goal, file),
    ...qualityText(quality, file.assumedPreprocessing),
    ...judgedText(quality, file),
    ...softmaxText(file.softmax),
    ...val,
    `in this runtime, one thread:`,
    table(SIZE_COLUMNS, sizeRows(file)),
    ...slowText(file),
    `${out}: ${bytes(file.bytes)}, gzip ${bytes(gzipBytes)}, in ${duration(seconds)}`,
  ].join("\n");
}

/** The samples that figures are from, in words. */
function samplesText({ images, heldOut }: Quality): string {
  return heldOut ? `${counted(images, "sample")} held out` : `the ${counted(images, "sample")} that calibrated it`;
}

/** Samples held out below which figures are doubted, and the samples of which so many are held out. */
const [FEW, ENOUGH] = [8, 32];

/** A row for each output, and advice where one keeps little. */
function qualityText(quality: Quality, assumed: object | null): string[] {
  const { outputs, advice } = quality;
  return [
    `outputs against the float network's, on ${samplesText(quality)}:`,
    outputsText(outputs),
    ...(quality.images < FEW && outputs.some(({ differs }) => differs)
      ? [
          `${quality.heldOut ? "so few samples do not tell much" : "figures on the samples that calibrated flatter the model"}: give ${ENOUGH} or more, of which ${FEW} or more are held out`,
        ]
      : []),
    ...(advice && assumed && Object.keys(assumed).length > 0
      ? [
          "warning: how pixels become values was assumed. If that is wrong, so are these figures: try --range, --mean and --std first",
        ]
      : []),
    ...(advice ? [advice] : []),
  ];
}

/** Says whether the goal was reached, where it does not show yet. */
function judgedText(
  { heldOut, outputs }: Quality,
  { goal, points, missed, unjudged }: Pick<Summary, "goal" | "points" | "missed" | "unjudged">,
): string[] {
  if (unjudged) return ["nothing could judge the goal: see the warning above"];
  if (points.length === 0 || !heldOut || missed !== null) return [];
  if (goal?.kind === "lossless" && goal.agreement !== undefined) {
    const answers = Math.min(...outputs.flatMap((one) => (one.differs && one.answers !== null ? [one.answers] : [])));
    if (answers < answersFor(goal.agreement)) {
      return [
        `nothing says that the goal is reached: ${counted(answers, "answer")} held out are too few, see the warning above`,
      ];
    }
  }
  return ["the goal was reached on these samples, so others may lose a little more: eval --against measures them"];
}

/** Says which outputs a softmax ends in. */
function softmaxText(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const many = names.length > 1;
  return [
    `output${many ? "s" : ""} ${names.map((name) => `"${name}"`).join(", ")} end${many ? "" : "s"} in the network's own softmax, which the model keeps: take the values as shares, without another softmax`,
  ];
}

/** Says what training has brought, and what of it was undone. */
function taughtText({ epochs, before, after, attempts }: DistillationOutcome, quality: Quality): string {
  const kept = attempts.filter((attempt) => attempt.kept).length;
  const from = ({ distance, kl, agreement }: DistillationOutcome["before"]) => {
    const unit = kl === null ? "of the outputs' variance" : "nats";
    return `${Number(distance.toPrecision(3))} ${unit}${agreement === null ? "" : `, ${percent(agreement)} equal answers`}`;
  };
  return [
    `distance from the float network on ${samplesText(quality)}: rounded ${from(before)}; trained ${from(after)}`,
    `epochs after each portion: ${epochs.join(", ")}; ${kept} of the last portion's ${attempts.length} attempts kept`,
    ...(after.distance >= before.distance ? ["training brought nothing nearer: the rounded network was kept"] : []),
  ].join("\n");
}
