// divergence.ts: when a run has diverged, and the error that says so.
import { ShiftwiseError } from "../base/index.js";
import type { Position } from "./checkpoint.js";
import type { Optimizer } from "./sgd.js";
import type { PoolResult } from "./worker-pool.js";

/** Loss beyond this many times the first one, or that of guessing, counts as diverged. */
const DIVERGENCE = 10;

/** Names a position, for errors. */
export const place = ({ stage, epoch, step }: Position): string =>
  `stage ${stage + 1}, epoch ${epoch + 1}, step ${step + 1}`;

/**
 * @param guessing the loss of an answer that knows nothing of the image
 * @throws DIVERGED with the first tensor that is not finite, or when the loss has risen tenfold.
 */
export function checkLoss({ loss, nonFinite }: PoolResult, position: Position, guessing: number): void {
  if (nonFinite !== undefined) {
    throw new ShiftwiseError("DIVERGED", `the loss is not finite, first in ${nonFinite}`, {
      where: place(position),
      found: String(loss),
    });
  }
  const limit = DIVERGENCE * Math.max(position.firstLoss ?? loss, guessing);
  if (loss > limit) {
    throw new ShiftwiseError("DIVERGED", "the loss rose tenfold", {
      where: place(position),
      expected: `at most ${limit.toFixed(2)}`,
      found: loss.toFixed(2),
    });
  }
}

/** @throws DIVERGED naming the first parameter that is not finite. */
export function checkFinite(optimizer: Optimizer, position: Position): void {
  const name = optimizer.firstNonFinite();
  if (name) throw new ShiftwiseError("DIVERGED", `${name} is not finite`, { where: place(position) });
}
