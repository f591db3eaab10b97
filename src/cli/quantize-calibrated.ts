// quantize-calibrated.ts: shiftwise quantize --calibrate: a network, ONNX or our own, to a model without labels.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { writeAtomically } from "../base/index.js";
import type { Augmentation, Preprocessing } from "../data/index.js";
import { encodeModel } from "../model/index.js";
import {
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
import { bytes, counted, duration, percent } from "../report/index.js";
import { schemeName } from "./arguments.js";
import type { Context } from "./command.js";
import { checkOutputs, type NetworkArguments, readAnyNetwork, readCosts } from "./files.js";
import { type GoalArguments, pointsText } from "./goal.js";
import { layersText } from "./layers.js";
import { type NamingArguments, withNames } from "./naming.js";
import type { PreprocessingArguments } from "./preprocessing.js";
import { readyText } from "./quantize-ready.js";
import { openSamples } from "./samples.js";
import { outputsText, showSteps } from "./shown.js";

export interface CalibratedArguments
  extends PreprocessingArguments,
    NetworkArguments,
    NamingArguments,
    Pick<GoalArguments, "costs"> {
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
}

/**
 * Runs the command. Where nothing says how pixels become the network's input, it takes the usual way and says so.
 * @throws what its parts throw.
 */
export async function runCalibrated(path: string, options: CalibratedArguments, context: Context): Promise<void> {
  const { screen, signal } = context;
  const { out, aim } = options;
  const costs = options.costs === undefined ? undefined : await readCosts(options.costs);
  const start = performance.now();
  await checkOutputs([out], [path, options.calibrate, options.calibrate.replace(/#[^#]*$/, "")]);
  const read = await withNames(await readAnyNetwork(path, options, screen.say), options);
  const { calibrate, images } = options;
  const prepared = await openSamples(read, calibrate, images, options, "to calibrate with", screen);
  const { network, calibrations, assumed } = prepared;

  const steps = showSteps(screen);
  const { batch, lr, budget, augment, portions } = options;
  const result = await quantizeFromImages(
    network,
    calibrations,
    {
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
          }),
      memory: options.memory,
      minutes: options.minutes,
      portions,
      learningRate: lr,
      batchSize: batch,
      augment,
      seed: options.seed,
      threads: options.threads,
    },
    { signal, onStep: steps.begin, onProgress: steps.update, onWarning: screen.say },
  );
  steps.done();
  const file = encodeModel({ ...result.model, notes: { ...result.model.notes, ...prepared.notes } });
  await writeAtomically(out, file);
  const summary = {
    layers: result.layers,
    ready: result.ready,
    statedRanges: result.statedRanges,
    averageBits: result.averageBits,
    goal: aim,
    points: result.points,
    missed: result.missed,
    quality: result.quality,
    activations: schemeName(options.activations ?? DEFAULTS.activations),
    assumedPreprocessing: calibrations.size > 1 ? assumed : (Object.values(assumed)[0] ?? null),
    images: prepared.count,
    remarks: prepared.remarks,
    distillation: result.distillation,
    bytes: file.length,
    gzipBytes: (await promisify(gzip)(file, { level: 9 })).length,
    seconds: (performance.now() - start) / 1000,
    out,
  };
  screen.result(summary, describe(summary, options.verbose === true));
}

interface Summary {
  readonly layers: readonly RoundedLayer[];
  readonly ready: readonly QuantizedLayer[];
  readonly statedRanges: number;
  readonly averageBits: number;
  readonly points: readonly Point[];
  readonly missed: ImageConversion["missed"];
  readonly quality: Quality;
  /** The preprocessing of the one input, or by input; null or empty where nothing was assumed. */
  readonly assumedPreprocessing: Preprocessing | Readonly<Record<string, Preprocessing>> | null;
  readonly distillation: DistillationOutcome | null;
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly seconds: number;
  readonly out: string;
}

function describe(
  { layers, ready, statedRanges, averageBits, quality, distillation, gzipBytes, seconds, out, ...file }: Summary,
  verbose: boolean,
): string {
  return [
    ...(layers.length > 0 ? layersText(layers, verbose) : []),
    ...(ready.length > 0 ? [readyText(ready, verbose)] : []),
    ...(statedRanges > 0 ? [`${counted(statedRanges, "tensor")} rounded as the file says`] : []),
    `${averageBits.toFixed(2)} bits a weight on average`,
    ...(distillation ? [taughtText(distillation, quality)] : []),
    ...pointsText(file.points, file.missed),
    ...qualityText(quality, file.assumedPreprocessing),
    ...(file.points.length > 0 && quality.heldOut
      ? ["the goal was reached on these samples, so others may lose a little more: eval --against measures them"]
      : []),
    `${out}: ${bytes(file.bytes)}, gzip ${bytes(gzipBytes)}, in ${duration(seconds)}`,
  ].join("\n");
}

/** The samples that figures are from, in words. */
function samplesText({ images, heldOut }: Quality): string {
  return heldOut ? `${counted(images, "sample")} held out` : `the ${counted(images, "sample")} that calibrated it`;
}

/** A row for each output, and advice where one keeps little. */
function qualityText(quality: Quality, assumed: object | null): string[] {
  const { outputs, advice } = quality;
  return [
    `outputs against the float network's, on ${samplesText(quality)}:`,
    outputsText(outputs),
    ...(quality.heldOut
      ? []
      : ["figures on samples that calibrated flatter the model: of eight samples or more some are held out"]),
    ...(advice && assumed && Object.keys(assumed).length > 0
      ? [
          "how pixels become values was assumed. If that is wrong, so are these figures: try --range, --mean and --std first",
        ]
      : []),
    ...(advice ? [advice] : []),
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
