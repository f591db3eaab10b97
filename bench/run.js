// run.js: all tasks on all contestants, wherever they run: nothing here belongs to Node or to the browser.
import { shiftContestants, twoThreads } from "./contestants/shiftwise.js";
import { convLayers, edgeNetworks, networks as makers, titles } from "./networks.js";
import { measure } from "./runner.js";
import { layerTask, networkTask } from "./tasks.js";

/** Before anything is timed every contestant runs for so long on each of these. */
const FIRST_WARM_MS = 400;
/** A helper thread compiles and optimizes the program once more, by itself: least warm-up where there are several. */
const THREADS_WARM_MS = 300;
const WARM_LAYERS = ["3x3 64>64 @8", "dw 3x3 512>512 @14"];

/**
 * @param contestants those asked for; of them the ones that can run here are
 * @param only part of the names of the tasks wanted, "" for all
 * @param threads also measure two threads
 * @param onTask called with the name of each task before it is measured, how many are done and how many there are
 * @param onNetwork called with each network's task once it is measured
 * @param collect frees the memory of finished tasks
 * @returns contestants, layers, networks, edge (networks for small devices) and threads with their samples; skipped and failures with the reasons
 */
export async function runTasks({ contestants: wanted, settings, only, threads, onTask, onNetwork, collect }) {
  const { contestants, skipped } = await readyOnes(wanted);
  const made = Object.values(makers).map((make) => make());
  const everyLayer = convLayers(made);
  const layers = everyLayer.filter(({ name }) => name.includes(only));
  const networks = made.filter(({ name }) => name.includes(only));
  const edge = Object.keys(edgeNetworks).filter((name) => name.includes(only));
  const total = layers.length + networks.length + edge.length;
  const report = {
    contestants: contestants.map(({ id, title }) => ({ id, title })),
    layers: [],
    networks: [],
    edge: [],
    threads: [],
    skipped,
    failures: [],
  };
  const run = async (list, task, some, warmMs = settings.warmMs) => {
    const { results, failures } = await measure(task, some, { ...settings, warmMs });
    const { name, title, layerKind, macs, counts } = task;
    list.push({ name, title, layerKind, macs, counts, results });
    report.failures.push(...failures);
    collect();
  };

  await onTask("warm-up", 0, total);
  for (const layer of everyLayer.filter(({ name }) => WARM_LAYERS.includes(name))) {
    await measure(layerTask(layer), contestants, { rounds: 1, sampleMs: 1, warmMs: FIRST_WARM_MS });
  }
  for (const [done, layer] of layers.entries()) {
    await onTask(layer.name, done, total);
    await run(report.layers, layerTask(layer), contestants);
  }
  for (const [done, network] of networks.entries()) {
    await onTask(network.name, layers.length + done, total);
    const task = networkTask(network, titles[network.name]);
    await run(report.networks, task, contestants);
    if (threads) await run(report.threads, task, [shiftContestants[0], twoThreads], THREADS_WARM_MS);
    await onNetwork(task);
  }
  for (const [done, name] of edge.entries()) {
    await onTask(name, layers.length + networks.length + done, total);
    await run(report.edge, networkTask(edgeNetworks[name](), titles[name]), contestants);
  }
  return report;
}

/** Contestants that can run here, and why the others cannot. */
async function readyOnes(all) {
  const contestants = [];
  const skipped = [];
  for (const contestant of all) {
    try {
      await contestant.ready?.();
      contestants.push(contestant);
    } catch (error) {
      skipped.push({ title: contestant.title, reason: error.message.split("\n")[0] });
    }
  }
  return { contestants, skipped };
}
