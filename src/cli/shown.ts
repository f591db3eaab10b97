// shown.ts: the library's work on progress lines.
import type { Dataset } from "../data/index.js";
import { type Classifier, type Measurement, measure } from "../pipeline/index.js";
import { percent, table } from "../report/index.js";
import type { OutputFidelity, Progress } from "../training/index.js";
import type { Context } from "./command.js";
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

/** Below so many answers a share says more than was counted. */
const FEW = 100;
const ofFew = (equal: number, all: number): string => (all < FEW ? ` (${Math.round(equal)} of ${all})` : "");

/** A row for each output: what it keeps of the float network's. */
export function outputsTable(outputs: readonly OutputFidelity[]): string {
  const rows = outputs.map(({ name, snr, agreement, answers }) => [
    name,
    `${snr.toFixed(1)} dB`,
    agreement === null || answers === null ? "" : `${percent(agreement)}${ofFew(agreement * answers, answers)}`,
  ]);
  return table([["output"], ["signal to noise", "right"], ["equal answers", "right"]], rows);
}

/** A progress line for each step of a conversion; a step that begins ends the one before. */
export function showSteps(screen: Screen) {
  let line: ProgressLine | null = null;
  return {
    begin(step: string): void {
      line?.done();
      line = screen.progress(step);
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
