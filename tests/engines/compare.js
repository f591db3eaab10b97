// compare.js: what an engine found against what the reference gives, as cells of a table and as words.

/** The executors, in the order of a cell's signs. */
const WAYS = ["wasm", "worker", "plain", "threads"];
const [EQUAL, DIFFERENT, BROKEN, ABSENT] = ["=", "≠", "!", "–"];

/** The cell of an engine that gave nothing at all. */
export const FAILED = BROKEN.repeat(WAYS.length);
export const LEGEND = `Signs: wasm, in a Worker, plain, two threads.
${EQUAL} equal to the reference, ${ABSENT} not in this engine, ${DIFFERENT} different, ${BROKEN} failed`;

/**
 * Compares all models of one engine.
 * @param results by model and way: hash, executor and threads, or code and message of what was thrown
 * @param expected hashes by model
 * @param lacks ways that the engine may be without
 * @returns a cell for each model, and the faults in words
 */
export function compare(results, expected, lacks) {
  const cells = {};
  const faults = [];
  for (const [name, hash] of Object.entries(expected)) {
    const judged = WAYS.map((way) => [way, judge(way, results[name]?.[way], hash, lacks)]);
    cells[name] = judged.map(([, { sign }]) => sign).join("");
    for (const [way, { fault }] of judged) if (fault) faults.push(`${name}, ${way}: ${fault}`);
  }
  return { cells, faults };
}

function judge(way, found, expected, lacks) {
  const absent = lacks.includes(way) && (!found || found.code === "UNSUPPORTED" || found.threads === 1);
  if (found?.hash && found.hash !== expected) {
    return { sign: DIFFERENT, fault: `${found.hash}, expected ${expected}` };
  }
  if (absent) return { sign: ABSENT };
  if (!found) return { sign: BROKEN, fault: "nothing came back" };
  if (found.code) return { sign: BROKEN, fault: `${found.code}: ${found.message}` };
  const ran = `${found.executor}, ${found.threads}`;
  const wanted = `${way === "plain" || lacks.includes("wasm") ? "plain" : "wasm"}, ${way === "threads" ? 2 : 1}`;
  return ran === wanted ? { sign: EQUAL } : { sign: BROKEN, fault: `ran as ${ran}, not as ${wanted}` };
}
