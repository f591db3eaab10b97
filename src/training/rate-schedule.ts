// rate-schedule.ts: the learning rate as a pure function of how far a run is.
import { ShiftwiseError } from "../base/index.js";

/** The factor of the base learning rate over a run. Times are in epochs, fractions allowed. */
export type RateSchedule = (
  | { readonly kind: "constant" }
  /** Times `factor` at each of the epochs in `at`. */
  | { readonly kind: "step"; readonly at: readonly number[]; readonly factor: number }
  /** Half a cosine from 1 down to `final` (default 0) at the end. */
  | { readonly kind: "cosine"; readonly final?: number }
) & {
  /** Rises linearly from 0 over these epochs first; the rest of the schedule is not shifted. */
  readonly warmUp?: number;
};

/**
 * The factor at a moment.
 * @param epoch epochs done, 0 <= epoch < epochs, with the fraction of the one that runs.
 * @param epochs in all.
 */
export function rateFactor(schedule: RateSchedule, epoch: number, epochs: number): number {
  const { warmUp = 0 } = schedule;
  const rise = epoch < warmUp ? epoch / warmUp : 1;
  switch (schedule.kind) {
    case "constant":
      return rise;
    case "step":
      return rise * schedule.factor ** schedule.at.filter((moment) => epoch >= moment).length;
    case "cosine": {
      const final = schedule.final ?? 0;
      return rise * (final + (1 - final) * 0.5 * (1 + Math.cos((Math.PI * epoch) / epochs)));
    }
  }
}

/**
 * A schedule from outside.
 * @throws BAD_OPTION for a negative or non-finite number.
 */
export function checkSchedule(schedule: RateSchedule): void {
  const numbers = [
    schedule.warmUp ?? 0,
    ...(schedule.kind === "step" ? [...schedule.at, schedule.factor] : []),
    ...(schedule.kind === "cosine" ? [schedule.final ?? 0] : []),
  ];
  const bad = numbers.find((n) => !(n >= 0 && n < Number.POSITIVE_INFINITY));
  if (bad !== undefined) {
    throw new ShiftwiseError("BAD_OPTION", "schedule out of range", {
      expected: "numbers of 0 or more",
      found: bad,
      where: "schedule",
    });
  }
}
