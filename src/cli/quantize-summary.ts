// quantize-summary.ts: what quantize --calibrate prints and reports of the model that it made.

import type { Preprocessing } from "../data/index.js";
import {
  answersFor,
  type DistillationOutcome,
  type Goal,
  type ImageConversion,
  type Point,
  type Quality,
  type QuantizedLayer,
  type RoundedLayer,
} from "../pipeline/index.js";
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
import { POINT_COLUMNS, pointRows, pointsText } from "./goal.js";
import { decibelText, LAYER_COLUMNS, layerRows, layersText } from "./layers.js";
import { readyText } from "./quantize-ready.js";
import { outputsText } from "./shown.js";

export const SIZE_COLUMNS: readonly Column[] = [["network"], ["size", "right"], ["a sample", "right"], ["", "right"]];

export function sizeRows({
  float,
  bytes: size,
  msPerSample,
}: Pick<Summary, "float" | "bytes" | "msPerSample">): string[][] {
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

export function layersSections(layers: readonly RoundedLayer[]): Section[] {
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

export function pointsSections(points: readonly Point[]): Section[] {
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

export interface Summary {
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

export function summaryText(
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
export function samplesText({ images, heldOut }: Quality): string {
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
