// times.ts: milliseconds of several models on the same samples, in turns.
import { ShiftwiseError } from "../base/index.js";
import { type Samples, type SamplesByInput, samplesReader } from "../data/browser.js";
import { pause } from "../engine/index.js";
import type { ModelDef } from "../model/index.js";
import { Model } from "../runtime/index.js";
import type { MeasureControl } from "./measure.js";

/** Samples that are run again and again, timed turns after those that warm up, and the seconds after which no turn begins. */
const SAMPLES = 4;
const TURNS = 16;
const WARM_UPS = 2;
const SECONDS = 6;
/** Milliseconds that a turn lasts at least: shorter ones would measure the clock. */
const TURN = 8;

/**
 * Runs models in turns, so that whatever else the machine does hits all of them alike. Other work only lengthens times, so the
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
    const count = Math.min(SAMPLES, reader.count);
    let given = Array.from({ length: count }, (_, i) => Object.fromEntries(reader.read(i, 1)));
    const times: number[][] = models.map(() => []);
    const rounds = models.map(() => 1);
    const start = performance.now();
    for (let turn = -WARM_UPS; turn < TURNS; turn++) {
      for (const [m, model] of models.entries()) {
        const begin = performance.now();
        for (let round = 0; round < rounds[m]; round++) for (const values of given) model.runSync(values);
        const time = performance.now() - begin;
        if (turn >= 0) times[m].push(time / (rounds[m] * given.length));
        // one sample of a slow network tells enough
        else if (time > 250 * SECONDS) given = given.slice(0, 1);
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
