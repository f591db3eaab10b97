// times.ts: milliseconds of several models on the same sample, in turns.
import { ShiftwiseError } from "../base/index.js";
import { type Samples, type SamplesByInput, samplesReader } from "../data/browser.js";
import { pause } from "../engine/index.js";
import type { ModelDef } from "../model/index.js";
import { Model } from "../runtime/index.js";
import type { MeasureControl } from "./measure.js";

/** Timed turns after those that warm up, and the seconds after which no turn begins. */
const TURNS = 24;
const WARM_UPS = 2;
const SECONDS = 3;
/** Milliseconds that a turn lasts at least: shorter ones would measure the clock. */
const TURN = 8;

/**
 * Runs models on the first sample in turns, so that whatever else the machine does hits all of them alike. Other work only lengthens times, so the
 * lower quartile stands for each.
 * @param defs models with the same inputs
 * @returns milliseconds a sample of each
 * @throws ABORTED; what Model.from throws
 * @internal
 */
export async function compareModelTimes(
  defs: readonly ModelDef[],
  samples: Samples | SamplesByInput,
  { signal }: MeasureControl = {},
): Promise<readonly number[]> {
  const models: Model[] = [];
  try {
    for (const def of defs) {
      models.push(await Model.from({ ...def, inputs: def.inputs.map((port) => ({ ...port, channelsLast: false })) }));
    }
    const inputs = defs[0].inputs.map(({ name, tensor }) => ({ name, shape: defs[0].tensors[tensor].shape }));
    const reader = samplesReader(inputs, samples, defs[0].name);
    const given = Object.fromEntries(reader.read(0, 1));
    const times: number[][] = models.map(() => []);
    const rounds = models.map(() => 1);
    const start = performance.now();
    for (let turn = -WARM_UPS; turn < TURNS; turn++) {
      for (const [m, model] of models.entries()) {
        const begin = performance.now();
        for (let round = 0; round < rounds[m]; round++) model.runSync(given);
        const time = performance.now() - begin;
        if (turn >= 0) times[m].push(time / rounds[m]);
        else if (turn === -1) rounds[m] = Math.max(1, Math.ceil(TURN / time));
        if (signal?.aborted) throw new ShiftwiseError("ABORTED", "stopped while measuring time");
        await pause();
      }
      if (turn >= 0 && performance.now() - start > 1000 * SECONDS) break;
    }
    return times.map((one) => one.sort((a, b) => a - b)[one.length >> 2]);
  } finally {
    for (const model of models) model.dispose();
  }
}
