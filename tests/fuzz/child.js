// child.js: the process that runs cases one after another, and says on its third pipe which, so that it can be watched.
import { writeSync } from "node:fs";
import fc from "fast-check";
import { kindOf, runCase } from "./case.js";
import { TARGETS } from "./targets.js";
import { keepThreads } from "./threads.js";

const PIPE = 3;
/** A case that takes longer by the clock is looked at again, alone. */
const SLOW_MS = 1000;
/** Failures of one kind that are shrunk; the others are counted. */
const SHRUNK_MOST = 2;
/** Runs of a case that is timed alone, and of others before it. */
const REPEATS = 3;

const order = JSON.parse(process.argv[2]);
const target = TARGETS.find(({ name }) => name === order.target);
const kinds = new Map();
let current = order.first;

const say = (message) => writeSync(PIPE, `${JSON.stringify(message)}\n`);
const peak = () => process.resourceUsage().maxRSS * 1024;
function classify(error) {
  const kind = kindOf(error);
  kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return { kind, few: kinds.get(kind) <= SHRUNK_MOST };
}

function report(number, { kind, few }, { error, first, description, shrinks }) {
  const text = String(error.stack ?? error);
  const made = few && description !== null;
  const shown = made ? (target.show ?? fc.stringify)(description) : null;
  const artifact = made ? artifactOf(description) : null;
  say({ finding: { number, kind, text, first, description, shown, shrinks, artifact } });
}

function artifactOf(description) {
  try {
    const made = target.artifact?.(description);
    return made ? { extension: made.extension, base64: Buffer.from(made.bytes).toString("base64") } : null;
  } catch {
    // what fails is the making
    return null;
  }
}

// what nobody awaits belongs to the case under way
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (cause) => {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    error.message = `${event}: ${error.message}`;
    report(current, classify(error), { error, first: null, description: null, shrinks: 0 });
    process.exit(3);
  });
}

async function crowd({ seed, first, stride, count, until }) {
  const tally = {};
  let done = 0;
  for (let number = first; done < count && Date.now() < until; number += stride, done++) {
    current = number;
    say({ begin: number });
    const before = peak();
    const { outcome, clock, failure } = await runCase(target, seed, number, { shrinks: false });
    if (failure) {
      const known = classify(failure.error);
      if (known.few) say({ shrink: number });
      report(number, known, known.few ? ((await runCase(target, seed, number)).failure ?? failure) : failure);
      continue;
    }
    tally[outcome] = (tally[outcome] ?? 0) + 1;
    if (clock > SLOW_MS) say({ suspect: { number, clock } });
    else if (peak() - before > target.memory) say({ suspect: { number, bytes: peak() - before } });
  }
  say({ end: { done, tally } });
}

/** Time and memory of one case by itself: the least of some runs, the growth in the first. */
async function alone({ seed, number }) {
  for (let i = 1; i <= REPEATS; i++) await runCase(target, seed, number + i, { shrinks: false });
  const before = peak();
  let processor = Infinity;
  let clock = Infinity;
  let bytes = 0;
  for (let i = 0; i < REPEATS; i++) {
    say({ begin: number });
    const run = await runCase(target, seed, number, { shrinks: false, counts: true });
    processor = Math.min(processor, run.processor);
    clock = Math.min(clock, run.clock);
    if (i === 0) bytes = peak() - before;
  }
  say({ alone: { processor, clock, bytes } });
}

await target.prepare?.();
keepThreads();
await (order.alone ? alone(order) : crowd(order));
// threads that are kept, and whatever a case has left behind
process.exit(0);
