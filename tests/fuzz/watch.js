// watch.js: runs a child and watches it: a case that never ends is killed, and one that was slow or large is tried alone.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./child.js", import.meta.url));
/** A case that takes longer is ended. */
const HANG_MS = 15_000;
const SHRINK_MS = 60_000;
/** A child is replaced after this many cases. */
const CASES_MOST = 20_000;
/** Processor time of a case, and the longest it may wait. */
const BUDGET_MS = 1000;
const WAIT_MS = 5000;

/**
 * Runs one child to its end.
 * @param hear gets each of its messages
 * @returns the number of the case it died in or was killed in, and how; null if it came to its end
 */
function runChild(order, hear) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [CHILD, JSON.stringify(order)], {
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    let current = order.first ?? order.number;
    let limit = HANG_MS;
    let since = performance.now();
    let killed = false;
    let ended = false;
    const timer = setInterval(() => {
      if (performance.now() - since < limit) return;
      killed = true;
      child.kill("SIGKILL");
    }, 500);
    const lines = createInterface({ input: child.stdio[3] });
    lines.on("line", (line) => {
      const message = JSON.parse(line);
      since = performance.now();
      limit = message.shrink === undefined ? HANG_MS : SHRINK_MS;
      if (message.begin !== undefined) current = message.begin;
      ended ||= message.end !== undefined || message.alone !== undefined;
      hear(message);
    });
    Promise.all([
      new Promise((done) => child.once("exit", (code, signal) => done(signal ?? `exit code ${code}`))),
      new Promise((done) => lines.once("close", done)),
    ]).then(([how]) => {
      clearInterval(timer);
      if (ended) resolve(null);
      else
        resolve({ number: current, killed, how: killed ? `no end in ${limit / 1000} s` : `the process died: ${how}` });
    });
  });
}

/** Whether a case by itself is beyond the budgets, as a text; null if it is not. */
async function confirm(target, seed, number) {
  let measured = null;
  const death = await runChild({ target: target.name, seed, number, alone: true }, ({ alone }) => {
    measured = alone ?? measured;
  });
  if (death) return death.how;
  const { processor, clock, bytes } = measured;
  if (processor > BUDGET_MS) return `${Math.round(processor)} ms of processor time alone, of ${BUDGET_MS}`;
  if (clock > WAIT_MS) return `${Math.round(clock)} ms by the clock alone, of ${WAIT_MS}`;
  if (bytes > target.memory) return `${Math.round(bytes / 2 ** 20)} MiB alone, of ${target.memory / 2 ** 20}`;
  return null;
}

/**
 * Runs cases of a target: `count` of them or until a time, number first, first + stride, ...
 * @param find gets every finding
 * @returns how many cases were run, and how many of each outcome
 */
export async function runCases(target, { seed, first = 0, stride = 1, count = Infinity, until = Infinity }, find) {
  const total = { done: 0, tally: {} };
  let next = first;
  while (total.done < count && Date.now() < until) {
    const suspects = [];
    let begun = 0;
    let reported = -1;
    const share = Math.min(CASES_MOST, count - total.done);
    const order = {
      target: target.name,
      seed,
      first: next,
      stride,
      count: share,
      until: Math.min(until, Number.MAX_SAFE_INTEGER),
    };
    const death = await runChild(order, (message) => {
      if (message.begin !== undefined) begun++;
      if (message.suspect) suspects.push(message.suspect.number);
      if (message.finding) reported = message.finding.number;
      if (message.finding) find(message.finding);
      for (const [outcome, n] of Object.entries(message.end?.tally ?? {}))
        total.tally[outcome] = (total.tally[outcome] ?? 0) + n;
    });
    total.done += begun;
    next += begun * stride;
    if (death && reported !== death.number) suspects.push(death.number);
    for (const number of suspects) {
      const what = await confirm(target, seed, number);
      if (what) find({ number, kind: "over budget", text: what, description: null, first: null, shrinks: 0 });
      // one that ends alone only had too little of the machine
      else if (death?.number === number && !death.killed)
        find({
          number,
          kind: "death",
          text: `${death.how}; alone it ends`,
          description: null,
          first: null,
          shrinks: 0,
        });
    }
    if (begun === 0) throw new Error(`${target.name}: the child ran no case`);
  }
  return total;
}
