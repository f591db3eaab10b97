// shown.ts: the library's work on progress lines.

import { type Dataset, sampleImages, size, type TrainTest } from "../data/index.js";
import type { ModelDef } from "../model/index.js";
import {
  type Classifier,
  createClassifier,
  type Measurement,
  type ModelAnswers,
  measure,
  verdictOn,
} from "../pipeline/index.js";
import { type Column, counted, percent, table } from "../report/index.js";
import type { OutputFidelity, Progress } from "../training/index.js";
import type { Context } from "./command.js";
import { decibelText } from "./layers.js";
import type { ProgressLine, Screen } from "./screen.js";

/** Measures as `measure` does, on a progress line of its own. */
export async function measureShown(
  executor: Classifier,
  dataset: Dataset,
  label: string,
  { screen, signal }: Context,
): Promise<Measurement> {
  const line = screen.progress(label);
  const result = await measure(executor, dataset, { signal, onProgress: (share) => line.update(share) });
  line.done(percent(result.accuracy / 100));
  return result;
}

/**
 * Does the same for a model that nothing else runs.
 * @param also is given what runs it, as long as that is there, and what was measured
 */
export async function measureModel(
  def: ModelDef,
  dataset: Dataset,
  label: string,
  context: Context,
  also: (executor: Classifier, measured: Measurement) => Promise<void> = async () => {},
): Promise<Measurement> {
  const executor = await createClassifier(def);
  const measured = await measureShown(executor, dataset, label, context);
  await also(executor, measured);
  executor.dispose();
  return measured;
}

/** Below so many answers a share says more than was counted. */
const FEW = 100;
const ofFew = (equal: number, all: number): string => (all < FEW ? ` (${Math.round(equal)} of ${all})` : "");

export const OUTPUT_COLUMNS: readonly Column[] = [
  ["output"],
  ["signal to noise", "right"],
  ["verdict"],
  ["equal answers", "right"],
];

/** A row for each output: what it keeps of the float network's. */
export function outputRows(outputs: readonly OutputFidelity[]): string[][] {
  return outputs.map((output) => {
    const { name, snr, agreement, answers } = output;
    const equal = agreement === null || answers === null ? null : ofFew(agreement * answers, answers);
    return [name, decibelText(snr), verdictOn(output), equal === null ? "" : `${percent(agreement!)}${equal}`];
  });
}

/** The same as a table, and a line for each output of which that cannot be said. */
export function outputsText(outputs: readonly OutputFidelity[]): string {
  const broken = outputs.filter(({ lacks }) => lacks === "finite values");
  const still = outputs.filter(({ differs, lacks }) => !differs && lacks !== "finite values");
  const many = still.length > 1;
  const names = still.map(({ name }) => `"${name}"`).join(", ");
  return [
    table(OUTPUT_COLUMNS, outputRows(outputs)),
    ...broken.map(({ name }) => `—: of output "${name}" some values are not finite`),
    ...(still.length > 0
      ? [
          `not judged: output${many ? "s" : ""} ${names} ${many ? "do" : "does"} not differ from sample to sample here, so the figures say nothing of other samples`,
        ]
      : []),
  ].join("\n");
}

/** Pictures from which an accuracy says something. */
const TELLING = 50;
/** An accuracy up to this many times that of guessing is no better. */
const GUESSING = 2;

/** A word on answers that are no better than guessing, or all off by one; none for others. */
export function doubtText(
  { accuracy, shift }: Pick<ModelAnswers, "accuracy" | "shift">,
  total: number,
  classes: number,
): string[] {
  if (shift !== null && accuracy < 50) {
    const more = shift === 1 ? "the network may have a background as class 0" : "the labels may count from 1";
    return [`most answers are the number of the right class ${shift === 1 ? "plus" : "minus"} 1: ${more}`];
  }
  if (total < TELLING || classes < 3 || accuracy / 100 > Math.min(GUESSING / classes, 0.5)) return [];
  return [
    `this is hardly better than guessing among ${classes} classes: check how pixels become values (--range, --mean, --std, --channels) and how classes are numbered (--labels)`,
  ];
}

/** Training images at most that are measured, too, where there are too few to test. */
const MORE_IMAGES = 256;

/**
 * Says before a training whether the float network answers hardly better than guessing: so do wrong pixels and wrong numbers of classes.
 * @param tested its answers on the test images; where those are too few to tell, training images count, too
 */
export async function sayDoubts(
  executor: Classifier,
  { train, test }: TrainTest,
  tested: Pick<Measurement, "accuracy">,
  context: Context,
): Promise<void> {
  let total = size(test);
  let correct = (tested.accuracy / 100) * total;
  if (total < TELLING) {
    const more = sampleImages(train, Math.min(size(train), MORE_IMAGES), 1);
    const found = await measureShown(executor, more, "checking float", context);
    [correct, total] = [correct + found.correct, total + found.total];
  }
  const share = correct / total;
  for (const text of doubtText({ accuracy: 100 * share, shift: null }, total, test.classes)) {
    context.screen.say(`the float network has ${percent(share)} of ${counted(total, "picture")} right: ${text}`);
  }
}

/** A progress line for each step of a conversion; a step that begins ends the one before. One that comes again is another trial. */
export function showSteps(screen: Screen) {
  let line: ProgressLine | null = null;
  const begun = new Map<string, number>();
  return {
    begin(step: string): void {
      line?.done();
      const trial = (begun.get(step) ?? 0) + 1;
      begun.set(step, trial);
      line = screen.progress(trial === 1 ? step : `${step}, trial ${trial}`);
    },
    update: (share: number, detail?: string, secondsLeft?: number) => line?.update(share, detail, secondsLeft),
    done: () => line?.done(),
  };
}

/**
 * Shows a training run's progress on one line.
 * @param part what a stage of the run is called.
 */
export function showTraining(line: Pick<ProgressLine, "update">, part = "portion"): (progress: Progress) => void {
  return (progress) => {
    const { stage, stages, epoch, epochs, done, loss, accuracy, secondsLeft, imagesPerSecond, tests } = progress;
    const where = stages > 1 ? `${part} ${stage + 1}/${stages}, ` : "";
    const last = tests.at(-1);
    const tested = typeof last === "number" ? `, test ${percent(last)} after ${part} ${stage}` : "";
    const speed = `${imagesPerSecond.toFixed(0)} images/s`;
    const detail = `${where}epoch ${epoch + 1}/${epochs}, ${speed}, loss ${loss.toFixed(3)}, ${percent(accuracy)}${tested}`;
    line.update(done, detail, secondsLeft);
  };
}
