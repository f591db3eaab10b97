// runner.js: measures contestants on tasks: each checked first, all warmed up, then timed round by round.

/**
 * A contestant: id, title, ready() (optional; throws where it cannot run), and
 *   prepare(task) -> null where it has no form of the task, else
 *     output()      one run's values
 *     check(values) null, or what is wrong with them
 *     time(count)   milliseconds of one run, from `count` in a row
 *     dispose()
 *     zeros         share of zero weights (optional)
 * output, time and dispose may return promises.
 */

/** Runs before anything is timed: past the engines' baseline compilers, whatever the clock says. */
const WARM_RUNS = 3;
/** In one sample. */
const MOST_RUNS = 1000;

/**
 * Times all contestants on one task.
 * @param settings rounds; sampleMs: a sample repeats the run for about that long; warmMs: least warm-up
 * @returns results: samples in milliseconds a run by contestant; failures: contestants left out, and why
 */
export async function measure(task, contestants, settings) {
  const entries = [];
  const failures = [];
  for (const contestant of contestants) {
    let entry = null;
    try {
      entry = await contestant.prepare(task);
      if (!entry) continue;
      const problem = entry.check(await entry.output());
      if (problem) throw new Error(problem);
      entries.push({ id: contestant.id, entry, count: await warmUp(entry, settings), samples: [] });
    } catch (error) {
      failures.push({ task: task.name, contestant: contestant.title, problem: error.message });
      await entry?.dispose();
    }
  }
  for (let round = 0; round < settings.rounds; round++) {
    for (let i = 0; i < entries.length; i++) {
      // nobody is always first, nor always behind the same neighbour's caches
      const { entry, count, samples } = entries[(i * stepFor(entries.length, round) + round) % entries.length];
      samples.push(await entry.time(count));
    }
  }
  for (const { entry } of entries) await entry.dispose();
  const results = Object.fromEntries(entries.map(({ id, entry, samples }) => [id, { samples, zeros: entry.zeros }]));
  return { results, failures };
}

/** A step coprime to the number of contestants, another one each round. */
function stepFor(count, round) {
  const coprime = [];
  for (let step = 1; step < count; step++) if (divisor(step, count) === 1) coprime.push(step);
  return coprime.length === 0 ? 1 : coprime[round % coprime.length];
}

const divisor = (a, b) => (b === 0 ? a : divisor(b, a % b));

/** Runs until both the least number and the least time are reached; how many runs then make a sample. */
async function warmUp(entry, { warmMs, sampleMs }) {
  const start = performance.now();
  let runs = 0;
  let total = 0;
  for (; runs < WARM_RUNS || performance.now() - start < warmMs; runs++) total += await entry.time(1);
  // browsers round their clocks: a single short run may take no time at all
  return Math.min(MOST_RUNS, Math.max(1, Math.round((sampleMs * runs) / total)));
}
