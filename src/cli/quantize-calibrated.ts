// quantize-calibrated.ts: shiftwise quantize --calibrate: a network, ONNX or our own, to a model without labels.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ShiftwiseError } from "../base/index.js";
import { writeAtomically } from "../base/system.js";
import type { Augmentation, LabelledImages, SamplesByInput } from "../data/index.js";
import { lower } from "../graph/index.js";
import { type ModelDef, packModel } from "../model/index.js";
import {
  type AnswersMeasurement,
  answersOf,
  checkImageSettings,
  compareModelTimes,
  DEFAULTS,
  type Goal,
  quantizeFromImages,
} from "../pipeline/index.js";
import type { ActivationScheme } from "../quantize/index.js";
import { counted } from "../report/index.js";
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
import type { GoalArguments } from "./goal.js";
import { type NamingArguments, withNames } from "./naming.js";
import { checkOutputs } from "./outputs.js";
import type { PreprocessingArguments } from "./preprocessing.js";
import {
  layersSections,
  pointsSections,
  SIZE_COLUMNS,
  samplesText,
  sizeRows,
  summaryText,
} from "./quantize-summary.js";
import { answersSections, fileFact, outputsSection, type ReportArguments, writeReport } from "./report.js";
import { takingPictures } from "./runnable.js";
import { openSamples } from "./samples.js";
import { doubtText, showSteps } from "./shown.js";
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
  screen.result(summary, summaryText(summary, options.verbose === true, answers && val ? valText(answers, val) : []));
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
