// quantize-calibrated.ts: shiftwise quantize --calibrate: a network, ONNX or our own, to a model without labels.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ShiftwiseError, writeAtomically } from "../base/index.js";
import { type Augmentation, type Calibration, openCalibration, type Preprocessing } from "../data/index.js";
import type { Network } from "../graph/index.js";
import { encodeModel } from "../model/index.js";
import type { Normalization } from "../ops/index.js";
import type { ActivationScheme } from "../quantize/index.js";
import { bytes, type Column, count, duration, percent, table } from "../report/index.js";
import { schemeName } from "./arguments.js";
import type { Context } from "./command.js";
import { checkOutputs, type NetworkArguments, readAnyNetwork } from "./files.js";
import { type Distillation, type LayerOutcome, type LevelKind, quantizeCalibrated } from "./post-training.js";
import { type PreprocessingArguments, preprocessingFrom, withPreprocessing } from "./preprocessing.js";
import type { ProgressLine } from "./screen.js";

export interface CalibratedArguments extends PreprocessingArguments, NetworkArguments {
  readonly calibrate: string;
  readonly out: string;
  readonly bits: number;
  readonly levels: LevelKind;
  /** 0 for none. */
  readonly twoTerm: number;
  readonly layer?: ReadonlyMap<string, number>;
  readonly budget?: number;
  readonly activations: ActivationScheme;
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

/** What self-distillation does unless told. */
const BATCH = 32;
const RATE = 0.003;

/** Where nothing says how pixels become the network's input, the usual way is taken and told. @throws what its parts throw. */
export async function runCalibrated(path: string, options: CalibratedArguments, context: Context): Promise<void> {
  const { screen, signal } = context;
  const { out, minutes } = options;
  const start = performance.now();
  await checkOutputs([out], [path, options.calibrate, options.calibrate.replace(/#[^#]*$/, "")]);
  const read = await readAnyNetwork(path, options, screen.say);
  let line: ProgressLine = screen.progress("reading samples");
  const { network, calibration, assumed } = await openFor(read, options);
  line.done(`${count(calibration.samples.count)} to calibrate with`);
  for (const remark of calibration.remarks) screen.say(remark);
  if (assumed) {
    const { mean = [], std = [] } = assumed;
    screen.say(
      `assumed, since the file does not say it: pixels / 255 with mean ${mean.join(", ")} and deviation ${std.join(", ")}` +
        "; --range, --mean, --std or --preprocess set another way",
    );
  }

  const result = await quantizeCalibrated(
    network,
    calibration,
    {
      activations: options.activations,
      bits: options.bits,
      levels: options.levels,
      twoTerm: options.twoTerm || null,
      layers: options.layer ?? new Map(),
      budget: options.budget ?? null,
      minutes,
      portions: options.portions ?? [1],
      learningRate: options.lr ?? RATE,
      batchSize: options.batch ?? BATCH,
      augment: options.augment ?? { crop: Math.max(1, Math.round(calibration.samples.shape[2] / 14)), flip: true },
      seed: options.seed,
      threads: options.threads,
    },
    {
      signal,
      onStep(step) {
        if (step !== "calibrating") line.done();
        line = screen.progress(step);
      },
      onProgress: (share, detail) => line.update(share, detail),
    },
  );
  line.done();
  const file = encodeModel(result.model);
  await writeAtomically(out, file);
  const summary = {
    layers: result.layers,
    averageBits: result.averageBits,
    activations: schemeName(options.activations),
    assumedPreprocessing: assumed,
    images: calibration.samples.count,
    remarks: calibration.remarks,
    distillation: result.distillation,
    bytes: file.length,
    gzipBytes: (await promisify(gzip)(file, { level: 9 })).length,
    seconds: (performance.now() - start) / 1000,
    out,
  };
  screen.result(summary, describe(summary));
}

/** The network with its preprocessing, and the images prepared for it. */
async function openFor(
  network: Network,
  options: CalibratedArguments,
): Promise<{ readonly network: Network; readonly calibration: Calibration; readonly assumed: Preprocessing | null }> {
  const input = network.nodes.find((node) => node.op === "input");
  if (input?.op !== "input") throw new ShiftwiseError("BAD_GRAPH", "no input node", { where: network.name });
  const told = await preprocessingFrom(options);
  const known = told ?? (input.normalization ? described(input.normalization, options) : null);
  const preprocessing = known ?? described(usual(input.shape[0]), options);
  const { calibrate, images } = options;
  const calibration = await openCalibration(calibrate, input.shape, preprocessing, images, input.name);
  // floats are network values as they are; only pixels need to be told what they mean
  if (!known && !calibration.pictures) return { network, calibration, assumed: null };
  return { network: withPreprocessing(network, preprocessing), calibration, assumed: known ? null : preprocessing };
}

/** What exports that do not say it were most often trained with: ImageNet's statistics for colours, 0..1 for the rest. */
function usual(channels: number): Normalization {
  if (channels !== 3) return { mean: Array<number>(channels).fill(0), std: Array<number>(channels).fill(1) };
  return { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
}

function described({ mean, std }: Normalization, { resize, channels }: CalibratedArguments): Preprocessing {
  return {
    mean,
    std,
    ...(channels && { channels }),
    ...(resize !== undefined && { resize }),
  };
}

interface Summary {
  readonly layers: readonly LayerOutcome[];
  readonly averageBits: number;
  readonly distillation: Distillation | null;
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly seconds: number;
  readonly out: string;
}

function describe({ layers, averageBits, distillation, gzipBytes, seconds, out, ...file }: Summary): string {
  const worst = layers.reduce((least, layer) => (layer.ownSnr < least.ownSnr ? layer : least));
  const decibels = (value: number) => `${value.toFixed(1)} dB`;
  const columns: readonly Column[] = [
    ["layer"],
    ["weights", "right"],
    ["bits", "right"],
    ["SNR of weights", "right"],
    ["of outputs, own", "right"],
    ["with all before", "right"],
    ["one bit more", "right"],
  ];
  const rows = layers.map(({ name, weights, bits, weightSnr, ownSnr, outputSnr, more }) => [
    name === worst.name ? `${name} (loses most)` : name,
    count(weights),
    String(bits),
    decibels(weightSnr),
    decibels(ownSnr),
    decibels(outputSnr),
    more ? `+${bytes(more.bytes)}, ${more.gain < 0 ? "" : "+"}${decibels(more.gain)}` : "",
  ]);
  return [
    table(columns, rows),
    `${averageBits.toFixed(2)} bits a weight on average`,
    ...(distillation ? [taughtText(distillation)] : []),
    `${out}: ${bytes(file.bytes)}, gzip ${bytes(gzipBytes)}, in ${duration(seconds)}`,
  ].join("\n");
}

/** What training has brought, and what of it was undone. */
function taughtText({ epochs, heldOut, before, after, attempts }: Distillation): string {
  const kept = attempts.filter((attempt) => attempt.kept).length;
  const from = (found: Distillation["before"]) =>
    `${found.kl.toFixed(4)} nats, ${percent(found.agreement)} equal answers`;
  return [
    `distance from the float network on ${count(heldOut)} images held out: rounded ${from(before)}; trained ${from(after)}`,
    `epochs after each portion: ${epochs.join(", ")}; ${kept} of the last portion's ${attempts.length} attempts kept`,
  ].join("\n");
}
