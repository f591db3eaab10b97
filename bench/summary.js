// summary.js: measured samples to ratios: the rows that the design holds the runtime to.
import { geometricMean, median, quantile } from "./timing.js";

const WASM_FLOAT = ["tfjs", "ort_web_float32"];
const LITERT = ["litert_float32", "litert_int8"];
/** Against the faster type of LiteRT: network, ours, bar. */
const LITERT_ROWS = [
  ["mobilenetv2", "w5a8", 1.4],
  ["mobilenetv2", "w4a8", 1.7],
  ["mobilenetv2", "w3a8", 2.2],
  ["mobilenetv1_025", "w5a8", 1.3],
  ["mobilenetv1_025", "w3a8", 2],
  ["efficientnet_lite0", "w5a8", 1.3],
  ["efficientnet_lite0", "w3a8", 2],
  ["resnet8", "w4a8", 2.5],
  ["resnet18", "w4a8", 2.5],
  ["squeezenet", "w4a8", 2.5],
  ["mobilenetv3", "w5a8", null],
];
const NETWORKS = ["resnet18", "squeezenet", "mobilenetv1", "mobilenetv2", "resnet20"];
/** Cold start: shares of onnxruntime-web's time, for the networks that are started cold. */
export const COLD_BARS = { resnet20: 1 / 3, squeezenet: 1 / 3, resnet18: 1 };
/** Whole networks: 80 % of what convolutions reach. */
const WHOLE = 0.8;

/** Rows over the convolution layers: key, ours, theirs (the fastest counts), bar. */
const LAYER_ROWS = [
  ["w5a8_vs_best_wasm_float32", "w5a8", WASM_FLOAT, 3],
  ["w4a8_vs_best_wasm_float32", "w4a8", WASM_FLOAT, 3.6],
  ["w3a8_vs_best_wasm_float32", "w3a8", WASM_FLOAT, 7],
  ["w5a4_vs_best_wasm_float32", "w5a4", WASM_FLOAT, 4.5],
  ["w3a4_vs_best_wasm_float32", "w3a4", WASM_FLOAT, 11],
  ["w5a8_pruned90_vs_best_wasm_float32", "w5a8_pruned90", WASM_FLOAT, 15],
  ["w5a8_vs_ort_web_int8", "w5a8", ["ort_web_int8"], 1.6],
  ["w5a4_vs_native_float32", "w5a4", ["native_float32"], 1],
  ["w5a8_vs_own_int8_multiply", "w5a8", ["own_int8"], null],
  ["w5a4_vs_own_int8_multiply", "w5a4", ["own_int8"], null],
  ["w5a8_vs_own_int8_relaxed_dot", "w5a8", ["own_int8_relaxed"], null],
  ["own_float32_vs_best_wasm_float32", "own_float32", WASM_FLOAT, null],
];

/** Of some tasks' ratios: per round, how many times faster ours is than the fastest of theirs. Null: not measured. */
export function ratios(task, ours, theirs) {
  const mine = task.results[ours];
  const others = theirs.map((id) => task.results[id]).filter(Boolean);
  if (!mine || others.length === 0) return null;
  const [best] = others.sort((a, b) => median(a.samples) - median(b.samples));
  return mine.samples.map((ms, round) => best.samples[round] / ms);
}

export const ratio = (task, ours, theirs) => {
  const rounds = ratios(task, ours, theirs);
  return rounds && median(rounds);
};

/** Geometric mean over layers, each as often as the networks have it, of the ratios of one round after the other. */
function overLayers(layers, ours, theirs) {
  const known = layers.map((layer) => ({ layer, rounds: ratios(layer, ours, theirs) })).filter(({ rounds }) => rounds);
  if (known.length === 0) return null;
  const occurrences = known.map(({ layer }) => Object.values(layer.counts).reduce((sum, n) => sum + n, 0));
  const all = occurrences.reduce((sum, n) => sum + n, 0);
  const meanOf = (pick) =>
    Math.exp(known.reduce((sum, one, i) => sum + (occurrences[i] * Math.log(pick(one))) / all, 0));
  const rounds = known[0].rounds.map((_, round) => meanOf((one) => one.rounds[round]));
  const each = known.map(({ rounds }) => median(rounds));
  return { value: median(rounds), ...quartiles(rounds), least: Math.min(...each) };
}

const quartiles = (numbers) => ({ q1: quantile(numbers, 0.25), q3: quantile(numbers, 0.75) });

/**
 * The rows of the design's table.
 * @returns key, title, bar (null: none), atMost (smaller is better), value and quartiles (null: not measured)
 */
export function summaryRows({ layers, networks, edge, threads, coldStart }) {
  const rows = [];
  const add = (key, bar, found, atMost = false) =>
    rows.push({ key, bar, atMost, value: null, q1: null, q3: null, ...found });
  for (const [key, ours, theirs, bar] of LAYER_ROWS) {
    const found = overLayers(layers, ours, theirs);
    add(key, bar, found && { value: found.value, q1: found.q1, q3: found.q3 });
    if (key === "w5a8_vs_best_wasm_float32") add("w5a8_min_vs_best_wasm_float32", 2, found && { value: found.least });
  }
  for (const name of NETWORKS) {
    const task = networks.find((one) => one.name === name);
    const whole = (key, ours, theirs, bar) => {
      const rounds = task && ratios(task, ours, theirs);
      add(
        `whole_${name}_${key}`,
        bar === null ? null : WHOLE * bar,
        rounds && { value: median(rounds), ...quartiles(rounds) },
      );
    };
    whole("w5a8_vs_best_wasm_float32", "w5a8", WASM_FLOAT, 3);
    whole("w5a8_vs_ort_web_int8", "w5a8", ["ort_web_int8"], 1.6);
    whole("w5a4_vs_native_float32", "w5a4", ["native_float32"], 1);
  }
  for (const [name, ours, bar] of LITERT_ROWS) {
    const task = [...networks, ...edge].find((one) => one.name === name);
    const rounds = task && ratios(task, ours, LITERT);
    add(`whole_${name}_${ours}_vs_litert`, bar, rounds && { value: median(rounds), ...quartiles(rounds) });
  }
  const twice = threads.map((task) => ratios(task, "w5a8_two_threads", ["w5a8"])).filter(Boolean);
  const means = twice.length > 0 ? twice[0].map((_, round) => geometricMean(twice.map((one) => one[round]))) : null;
  add("two_threads", 1.8, means && { value: median(means), ...quartiles(means) });
  for (const [name, bar] of Object.entries(COLD_BARS)) {
    const rounds = coldStart.find((one) => one.name === name)?.rounds;
    add(`cold_start_${name}_vs_ort_web`, bar, rounds && { value: median(rounds), ...quartiles(rounds) }, true);
  }
  return rows;
}

/** GMAC/s and the ratio to the fastest float32 wasm peer by kind of layer: geometric means over distinct layers. */
export function byKind(layers, ids) {
  return [...new Set(layers.map((layer) => layer.layerKind))].map((kind) => {
    const some = layers.filter((layer) => layer.layerKind === kind);
    const speeds = ids.map((id) => {
      const measured = some.filter((layer) => layer.results[id]);
      return [id, geometricMean(measured.map((layer) => layer.macs / median(layer.results[id].samples) / 1e6))];
    });
    return {
      kind,
      count: some.length,
      speeds: Object.fromEntries(speeds),
      ratio: overLayers(some, "w5a8", WASM_FLOAT)?.value ?? null,
    };
  });
}

/** Layers in rising order of the ratio to the fastest float32 wasm peer. */
export function weakest(layers, ours) {
  return layers
    .map((layer) => ({ layer, value: ratio(layer, ours, WASM_FLOAT) }))
    .filter(({ value }) => value !== null)
    .sort((a, b) => a.value - b.value);
}
