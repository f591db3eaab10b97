// benchmark-worker.js: the benchmark itself: the bench's networks and contestants, in turns, off the page's thread.
import { floatContestant, shiftContestants, twoThreads } from "../../bench/contestants/shiftwise.js";
import { networks, titles } from "../../bench/networks.js";
import { measure } from "../../bench/runner.js";
import { networkTask } from "../../bench/tasks.js";
import { quantile } from "../../bench/timing.js";

const SETTINGS = { rounds: 15, sampleMs: 50, warmMs: 150 };
const SHIFT = ["w5a8", "w3a8", "w5a4"];
const NAMES = {
  w5a8: "shift 5/8",
  w3a8: "shift 3/8",
  w5a4: "shift 5/4",
  w5a8_two_threads: "shift 5/8, 2 threads",
  own_float32: "shiftwise float32",
  tfjs: "tfjs-wasm float32",
};

self.onmessage = async ({ data }) => {
  try {
    postMessage({ kind: "result", result: await run(data) });
  } catch (error) {
    postMessage({ kind: "error", error: { code: error.code, message: error.message } });
  }
};

async function run({ network, threads }) {
  const task = networkTask(networks[network](), titles[network]);
  const skipped = [];
  const wanted = [
    ...shiftContestants.filter(({ id }) => SHIFT.includes(id)),
    ...(threads ? [twoThreads] : []),
    floatContestant,
    ...(await peers(skipped)),
  ].map((contestant) => ({ ...contestant, title: NAMES[contestant.id] ?? contestant.title }));
  const { results, failures } = await measure(task, await watched(wanted, skipped), SETTINGS);
  const engines = Object.entries(results).map(([id, { samples }]) => ({
    title: wanted.find((contestant) => contestant.id === id).title,
    ours: id.startsWith("w"),
    ms: quantile(samples, 0.5),
    low: quantile(samples, 0.25),
    high: quantile(samples, 0.75),
  }));
  const bar = Math.min(...engines.filter(({ ours }) => !ours).map(({ ms }) => ms));
  return {
    engines: engines.map((engine) => ({ ...engine, ratio: bar / engine.ms })).sort((a, b) => a.ms - b.ms),
    skipped,
    failures: failures.map(({ contestant, problem }) => ({ title: contestant, reason: problem })),
  };
}

/** The contestants that can run here, telling the page about everything they are asked to do. */
async function watched(all, skipped) {
  const ready = [];
  for (const contestant of all) {
    try {
      await contestant.ready?.();
      ready.push(contestant);
    } catch (error) {
      skipped.push({ title: contestant.title, reason: error.message.split("\n")[0] });
    }
  }
  // a sample each round, and some before them to warm up
  const total = ready.length * (SETTINGS.rounds + 4);
  let done = 0;
  const tell = (title) => postMessage({ kind: "progress", share: Math.min(done++ / total, 1), task: title });
  return ready.map((contestant) => ({
    ...contestant,
    async prepare(task) {
      tell(`preparing ${contestant.title}`);
      const entry = await contestant.prepare(task);
      if (!entry) return entry;
      const time = (count) => {
        tell(`timing ${contestant.title}`);
        return entry.time(count);
      };
      return { ...entry, time };
    },
  }));
}

/** The other engines, where the server has them. */
async function peers(skipped) {
  try {
    const { contestants } = await import(new URL("./peers.js", import.meta.url).href);
    return contestants;
  } catch {
    skipped.push({ title: "onnxruntime-web and tfjs-wasm", reason: "not installed here (npm install --prefix bench)" });
    return [];
  }
}
