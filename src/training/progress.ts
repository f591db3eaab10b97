// progress.ts: what a running epoch has come to so far, for progress events and for the checkpoint.
import type { Position } from "./checkpoint.js";
import type { Progress } from "./options.js";

export interface Extent {
  /** Steps of the epoch, epochs of the stage, stages of the run. */
  readonly steps: number;
  readonly epochs: number;
  readonly stages: number;
  /** Epochs of all stages, and those before this one. */
  readonly epochsInAll: number;
  readonly epochsBefore: number;
}

export interface RunningProgress {
  /** One more step: mean loss of its images, right answers among them. */
  add(loss: number, correct: number, images: number): void;
  position(): Position;
  progress(rate: number): Progress;
  /** The position at the start of the next epoch, this one in the history. */
  finish(): Position;
}

/** Goes on from a position inside an epoch. */
export function createProgress(from: Position, extent: Extent): RunningProgress {
  const { steps, epochs, stages, epochsInAll, epochsBefore } = extent;
  const start = performance.now();
  let { step, loss, correct, firstLoss } = from;
  // images of all steps, and of those that this process has timed
  let batch = 0;
  let timed = 0;
  const elapsed = () => (performance.now() - start) / 1000;
  const position = (): Position => ({ ...from, step, loss, correct, firstLoss, seconds: from.seconds + elapsed() });
  const means = () => ({ loss: loss / Math.max(step, 1), accuracy: correct / Math.max(step * batch, 1) });
  return {
    add(batchLoss, right, images) {
      firstLoss ??= batchLoss;
      loss += batchLoss;
      correct += right;
      step++;
      batch = images;
      timed++;
    },
    position,
    progress(rate) {
      const perStep = elapsed() / timed;
      const all = epochsInAll * steps;
      const done = epochsBefore * steps + step;
      return {
        stage: from.stage,
        stages,
        epoch: from.epoch,
        epochs,
        step,
        steps,
        ...means(),
        rate,
        imagesPerSecond: batch / perStep,
        done: done / all,
        secondsLeft: perStep * (all - done),
        tests: from.tests,
      };
    },
    finish() {
      const { seconds } = position();
      const record = { stage: from.stage, epoch: from.epoch, ...means(), seconds };
      return {
        ...from,
        epoch: from.epoch + 1,
        step: 0,
        loss: 0,
        correct: 0,
        firstLoss,
        seconds: 0,
        history: [...from.history, record],
      };
    },
  };
}
