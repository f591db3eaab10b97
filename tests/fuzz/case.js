// case.js: one case of a target: drawn from (seed, target, number), run, and shrunk by fast-check where it fails.
import fc from "fast-check";
import { crc32, ShiftwiseError } from "./project.js";

/** Longest that shrinking may take. */
const SHRINK_MS = 20_000;

const sum = ({ user, system }) => user + system;
const utf8 = new TextEncoder();

/** What fast-check is seeded with. */
const seedOf = (seed, target, number) => crc32(utf8.encode(`${seed} ${target} ${number}`)) | 0;

/** The case's description, as the target's arbitrary makes it. */
export function describe({ name, cases }, seed, number) {
  return fc.sample(cases, { seed: seedOf(seed, name, number), numRuns: 1 })[0];
}

/**
 * Runs a case.
 * @param shrinks whether a failing case is made smaller, as long as it fails in the same way
 * @param counts whether processor time is counted
 * @returns what the target says of the case, and the milliseconds it took by the clock and of processor time; or a failure:
 * the error, the first description and the smallest one that fails
 */
export async function runCase(target, seed, number, { shrinks = true, counts = false } = {}) {
  let outcome = null;
  let processor = 0;
  let clock = 0;
  let runs = 0;
  let kind = null;
  const property = fc.asyncProperty(target.cases, async (description) => {
    runs++;
    const start = performance.now();
    // what it costs to ask, many cases do not
    const used = counts ? process.cpuUsage() : null;
    try {
      outcome = await target.run(description);
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(`thrown: ${String(error)}`);
      kind ??= kindOf(failure);
      if (kindOf(failure) === kind) throw failure;
    } finally {
      if (runs === 1) clock = performance.now() - start;
      if (runs === 1 && used) processor = sum(process.cpuUsage(used)) / 1000;
    }
  });
  const details = await fc.check(property, {
    seed: seedOf(seed, target.name, number),
    numRuns: 1,
    endOnFailure: !shrinks,
    interruptAfterTimeLimit: SHRINK_MS,
  });
  if (!details.failed || details.counterexample === null) return { outcome, processor, clock, failure: null };
  const [description] = details.counterexample;
  const first = shrinks ? describe(target, seed, number) : description;
  return {
    outcome,
    processor,
    clock,
    failure: { error: details.errorInstance, first, description, shrinks: details.numShrinks },
  };
}

/** What failures of one cause have in common: the message's first line without names and numbers. */
export function kindOf({ message }) {
  const [line] = message.split("\n");
  return line
    .slice(0, 300)
    .replace(/"(\\.|[^"\\])*"/g, '"#"')
    .replace(/[-\w.+]*\d[-\w.+]*/g, "#")
    .slice(0, 120);
}

/** Runs `action`; an error that is no ShiftwiseError goes on. @returns the value, or the error's code */
export async function typed(action) {
  try {
    return { value: await action(), code: null };
  } catch (error) {
    if (error instanceof ShiftwiseError) return { value: null, code: error.code, error };
    throw new Error(`untyped error: ${error instanceof Error ? error.stack : String(error)}`, { cause: error });
  }
}
