// goal.ts: the options that say what a conversion is for, and the points that a goal was chosen from, as a table.
import type { Command } from "commander";
import { ShiftwiseError } from "../base/index.js";
import { DEFAULTS, type Goal, type ImageConversion, type Point } from "../pipeline/index.js";
import { bytes, type Column, milliseconds, percent, table } from "../report/index.js";
import { choice, lossOption, shareOption, sizeOption } from "./arguments.js";
import { decibelText } from "./layers.js";

export interface GoalArguments {
  readonly goal?: Goal["kind"];
  readonly loss?: Goal;
  readonly time?: number;
  readonly size?: number;
  /** A table that calibrate-costs wrote. */
  readonly costs?: string;
}

/** The option that each goal is measured by. */
const MEASURES = { lossless: "loss", fast: "time", small: "size" } as const satisfies Record<Goal["kind"], string>;
const KINDS = Object.keys(MEASURES) as Goal["kind"][];

/** The names of the options, as commander has them. */
export const GOAL_OPTIONS: readonly (keyof GoalArguments)[] = ["goal", "loss", "time", "size", "costs"];

/** Adds the options of goals. */
export function addGoal(command: Command): void {
  const { snr } = DEFAULTS.images.goal as { readonly snr: number };
  command
    .option(
      "--goal <which>",
      "choose levels, bits and zeros of each layer: lossless, the fastest and smallest model that keeps --loss; fast, the best one that takes --time; small, the best one of --size; not beside --bits, --levels, --two-term, --price, --zeros and --budget, which choose by hand (default: lossless)",
      choice("--goal", KINDS),
    )
    .option(
      "--loss <dB>",
      `with the goal lossless: dB that every output keeps on images held out, or the share of equal answers, such as 98% (default: ${snr})`,
      lossOption,
    )
    .option(
      "--time <share>",
      "with the goal fast: most of the time that the lossless model of 24 dB takes, such as 0.75 or 75%; both are predicted",
      shareOption("--time"),
    )
    .option("--size <bytes>", "with the goal small: most bytes of the file, such as 300KB", sizeOption("--size"))
    .option(
      "--costs <file>",
      "prices by which times are predicted, of your own machine: a file that calibrate-costs wrote",
    );
}

/**
 * The goal that the options name; undefined where they name none.
 * @throws BAD_OPTION for options of two goals, and for fast or small without a measure
 */
export function goalOf(given: GoalArguments): Goal | undefined {
  const measured = KINDS.filter((kind) => given[MEASURES[kind]] !== undefined);
  const kind = given.goal ?? measured[0];
  const other = measured.find((one) => one !== kind);
  if (other) {
    throw new ShiftwiseError("BAD_OPTION", "options of two goals", {
      where: `--${MEASURES[other]}`,
      expected: `one of them: choose --${MEASURES[kind]} (goal ${kind}) or --${MEASURES[other]} (goal ${other})`,
      found: "both",
    });
  }
  switch (kind) {
    case undefined:
      return undefined;
    case "lossless":
      return given.loss ?? DEFAULTS.images.goal;
    case "fast":
      return { kind, time: needed(given.time, "--time", "a share of the lossless model's time, such as 0.75") };
    case "small":
      return { kind, bytes: needed(given.size, "--size", "the bytes of the file, such as 300KB") };
  }
}

function needed(value: number | undefined, option: string, expected: string): number {
  if (value !== undefined) return value;
  throw new ShiftwiseError("BAD_OPTION", "a goal without its measure", { where: option, expected, found: "none" });
}

/** Says what stands between a model and its goal. */
const MISSED = {
  activations:
    "the goal is out of reach: rounded activations alone lose as much as it allows, or nearly. This is the nearest model whose weights add little to that",
  weights:
    "the goal is out of reach: the weights lose more even with the most bits that they may have. This is the nearest model",
  time: "the goal is out of reach: no choice is as fast, as far as can be predicted. This is the best of those that take at most 2 % more than the fastest",
  size: "the goal is out of reach: no model that was tried is as small. This is the best of those that take at most 2 % more than the smallest",
} as const satisfies Record<NonNullable<ImageConversion["missed"]>, string>;

export const POINT_COLUMNS: readonly Column[] = [
  ["point"],
  ["time, predicted", "right"],
  ["file", "right"],
  ["bits", "right"],
  ["signal to noise", "right"],
  ["equal answers", "right"],
];

/** A row for each point. */
export function pointRows(points: readonly Point[]): string[][] {
  return points.map((point) => [
    point.chosen ? "this model" : point.measured ? "tried" : "predicted",
    milliseconds(point.milliseconds),
    bytes(point.bytes),
    point.averageBits.toFixed(2),
    `${point.measured ? "" : "about "}${decibelText(point.snr)}`,
    point.agreement === null ? "" : percent(point.agreement),
  ]);
}

/** Lines on what a goal was chosen from; none without points. */
export function pointsText(
  goal: Goal | null,
  { points, missed, losslessTime }: Pick<ImageConversion, "points" | "missed" | "losslessTime">,
): string[] {
  if (points.length === 0) return [];
  const smallest = Math.min(...points.filter(({ measured }) => measured).map((point) => point.bytes));
  return [
    "what this model was chosen from, with the worst output's figures; --loss, --time and --size ask for another point:",
    table(POINT_COLUMNS, pointRows(points)),
    ...(goal?.kind === "fast" && losslessTime !== null
      ? [
          `the lossless model takes ${milliseconds(losslessTime)}, and ${goal.time} of that is ${milliseconds(goal.time * losslessTime)}, all predicted`,
        ]
      : []),
    ...(missed ? [MISSED[missed]] : []),
    ...(missed === "size" ? [`the smallest file of those tried has ${smallest} bytes`] : []),
  ];
}
