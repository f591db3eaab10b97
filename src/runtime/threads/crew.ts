// crew.ts: the helper threads of one model as its leading thread sees them.

import type { ShiftwiseError } from "../../base/index.js";
import type { Thread } from "../../base/thread.js";
import type { ModelDef } from "../../model/index.js";
import type { Kernels } from "../kernels.js";
import type { Plan } from "../plan.js";
import { startHelper } from "./helpers.js";
import { createWords, dissolve, lead, STEPS_MAX, UNITS_MAX } from "./team.js";

/** A helper that makes no headway for this long has died. */
const PATIENCE_MS = 5000;

export interface Crew {
  /** Runs one step on all threads. @throws UNSUPPORTED when a helper has died; the crew is then over */
  readonly run: (kernels: Kernels, step: number) => void;
  readonly end: () => void;
}

/**
 * Starts `threads` - 1 helpers on a planned model.
 * @param Failure the class of errors, which is not imported: a file that the entry and a part loaded later share would be cut off
 * from the entry by bundlers
 * @throws UNSUPPORTED when one cannot be started, OVERFLOW for a plan beyond the claim word
 */
export async function startCrew(
  def: ModelDef,
  plan: Plan,
  modules: readonly WebAssembly.Module[],
  memory: WebAssembly.Memory,
  threads: number,
  Failure: typeof ShiftwiseError,
): Promise<Crew> {
  const units = Math.max(...plan.steps.map((step) => step.units));
  if (units >= UNITS_MAX || plan.steps.length > STEPS_MAX) {
    throw new Failure("OVERFLOW", "the model is too large to be shared between threads", {
      expected: `fewer than ${UNITS_MAX} tiles a layer and at most ${STEPS_MAX} steps`,
      found: `${units} tiles, ${plan.steps.length} steps`,
    });
  }
  const words = createWords(threads);
  let dead = false;
  const helpers: Thread[] = [];
  const end = (): void => {
    dissolve(words);
    for (const helper of helpers) helper.terminate();
  };
  const summon = (seat: number): Promise<Thread> =>
    startHelper({ def, modules, memory, words, seat, threads }, Failure, () => {
      dead = true;
    });
  try {
    const seats = Array.from({ length: threads - 1 }, (_, i) => i + 1);
    helpers.push(...(await Promise.all(seats.map(summon))));
  } catch (error) {
    end();
    throw error;
  }
  return {
    end,
    run(kernels, step) {
      const seat = { words, steps: plan.steps, kernels, scratch: plan.scratch, seat: 0, threads };
      if (!dead && lead(seat, step, PATIENCE_MS)) return;
      end();
      throw new Failure("UNSUPPORTED", "a helper thread has died; the model goes on with one thread", {
        where: def.name,
      });
    },
  };
}
