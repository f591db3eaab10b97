// costs.js: how far the times that the cost model predicts are from measured ones, on networks that it was not fitted on: the ONNX
// files named, or those under ../shared/data/models and a ResNet-18, each with several tables of levels and shares of zeros.
// `node bench/costs.js --help`, after the build, says what it takes.
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import Table from "cli-table3";
import { createRandom, insertQuantizers, lower } from "../dist/graph/index.js";
import { importOnnx } from "../dist/onnx/index.js";
import { COSTS, parseCosts, predictModel } from "../dist/pipeline/index.js";
import { quantizationPoints, quantizerNamed, quantizeWeights } from "../dist/quantize/index.js";
import { Model } from "../dist/runtime/index.js";
import { atLeast, bench, readArguments } from "./arguments.js";
import { networks } from "./networks.js";
import { groupRanges, linear } from "./tasks.js";
import { median, quantile } from "./timing.js";

const MODELS = [
  ...["squeezenet1.1", "mobilenet_v2_1.0_224", "resnet20_cifar10_folded", "resnet8_cifar10", "vww_mobilenetv1_025_96"],
];
/** The first is what the others are compared with. `zeros`: weights that are 0, those next to it first. */
const VARIANTS = [
  { title: "two-term 4", levels: "two-term", bits: 4, zeros: 0 },
  { title: "two-term 3", levels: "two-term", bits: 3, zeros: 0 },
  { title: "two-term 5", levels: "two-term", bits: 5, zeros: 0 },
  { title: "two-term 6", levels: "two-term", bits: 6, zeros: 0 },
  { title: "powers 3", levels: "powers", bits: 3, zeros: 0 },
  { title: "paper 5", levels: "powers-paper", bits: 5, zeros: 0 },
  { title: "4, 30 % zeros", levels: "two-term", bits: 4, zeros: 0.3 },
  { title: "4, 60 % zeros", levels: "two-term", bits: 4, zeros: 0.6 },
  { title: "3, 60 % zeros", levels: "two-term", bits: 3, zeros: 0.6 },
];
const WARM_UP = 10;

const { options, args } = readArguments(
  bench("costs", "Compares the times that the cost model predicts with measured ones.")
    .argument("[files...]", "ONNX files (default: those of ../shared/data/models and a ResNet-18)")
    .option("--costs <file>", "a table of costs as `shiftwise costs` writes it (default: the one shipped)")
    .option("--rounds <n>", "samples of each model", atLeast(1), 30)
    .option("--json", "print JSON instead of the table")
    .option("--steps", "with --json: times of single steps, too"),
);
const costs = options.costs ? parseCosts(readFileSync(options.costs, "utf8"), options.costs) : COSTS;
const folder = new URL("../../shared/data/models/", import.meta.url);
const known = MODELS.map((name) => new URL(`${name}.onnx`, folder)).filter(existsSync);
const named = args.length > 0 ? args : known;
const rows = [];
for (const file of named) {
  rows.push(await compare(basename(String(file), ".onnx"), await importOnnx(readFileSync(file))));
}
// of the right shape, with weights drawn
if (args.length === 0) rows.push(await compare("resnet18, drawn", networks.resnet18()));
if (options.json) console.log(JSON.stringify(rows));
else print(rows);

/** The measured and predicted milliseconds of each variant. */
async function compare(name, network) {
  const random = createRandom(7);
  const inputs = Object.fromEntries(
    network.nodes
      .filter(({ op }) => op === "input")
      .map((node) => [
        node.name,
        Float32Array.from({ length: node.shape.reduce((a, b) => a * b) }, () => random.normal()),
      ]),
  );
  const ranges = await rangesOf(network, inputs);
  const runs = [];
  for (const variant of VARIANTS) {
    const def = quantized(network, ranges, variant);
    const predicted = predictModel(def, costs);
    const model = await Model.from(def);
    runs.push({ title: variant.title, model, predicted, times: predicted.map(() => []) });
  }
  const rounds = options.rounds;
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const { model, times } of runs) {
      model.runSync(inputs);
      const profile = model.profile(inputs);
      if (round < 0) continue;
      for (const [i, { milliseconds }] of profile.entries()) times[i].push(milliseconds);
    }
  }
  const variants = runs.map(({ title, model, predicted, times }) => {
    model.dispose();
    // step by step, since other programs that cut in are in every whole run: they only lengthen times
    const steps = predicted.map((step, i) => ({ ...step, measured: quantile(times[i], 0.25) }));
    const sum = (name) => steps.reduce((total, step) => total + step[name], 0);
    return { title, predicted: sum("milliseconds"), measured: sum("measured"), steps };
  });
  const [base] = variants;
  for (const one of variants) {
    one.ratio = one.measured / base.measured;
    one.predictedRatio = one.predicted / base.predicted;
    one.error = one.predictedRatio / one.ratio - 1;
    if (!options.steps) delete one.steps;
  }
  return { name, variants };
}

/** The least and the largest value of every node's tensor. */
async function rangesOf(network, inputs) {
  const model = await Model.from(
    lower({ ...network, outputs: network.nodes.map(({ name }) => name) }, { grids: null }),
  );
  const outputs = model.runSync(inputs);
  model.dispose();
  return new Map(
    Object.entries(outputs).map(([name, data]) => {
      return [name, data.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)], [0, 1e-3])];
    }),
  );
}

function quantized(network, ranges, { levels, bits, zeros }) {
  const nodes = network.nodes.map((node) =>
    "weight" in node ? { ...node, weight: { ...node.weight, data: node.weight.data.slice() } } : node,
  );
  const own = { ...network, nodes };
  const grids = quantizeWeights(own, quantizerNamed(levels), bits);
  const joined = groupRanges(own, ranges);
  const points = quantizationPoints(own);
  const def = lower(insertQuantizers(own, new Map(points.map((name) => [name, linear(joined.get(name), 255)]))), {
    grids,
  });
  const layers = def.layers.map((layer) =>
    layer.weights ? { ...layer, weights: sparse(layer.weights, zeros) } : layer,
  );
  return { ...def, layers };
}

/** Weights of which at least so many are 0: the smallest ones. */
function sparse(weights, share) {
  if (weights.kind !== "codebook" || share === 0) return weights;
  const { levels } = weights;
  const codes = weights.codes.slice();
  const order = Array.from(codes.keys()).sort((a, b) => Math.abs(levels[codes[a]]) - Math.abs(levels[codes[b]]));
  const zero = levels.indexOf(0);
  for (const at of order.slice(0, Math.round(share * codes.length))) codes[at] = zero;
  return { ...weights, codes };
}

function print(all) {
  const percent = (share) => `${share < 0 ? "−" : "+"}${(100 * Math.abs(share)).toFixed(1)} %`;
  const table = new Table({
    head: ["network", "weights", "measured", "predicted", "ratio", "predicted", "error"],
    style: { head: [], border: [], compact: true },
    colAligns: ["left", "left", "right", "right", "right", "right", "right"],
  });
  for (const { name, variants } of all) {
    for (const { title, measured, predicted, ratio, predictedRatio, error } of variants) {
      const times = [measured, predicted].map((ms) => `${ms.toFixed(3)} ms`);
      table.push([name, title, ...times, ratio.toFixed(3), predictedRatio.toFixed(3), percent(error)]);
    }
  }
  console.log(table.toString());
  const errors = all.flatMap(({ variants }) => variants.slice(1).map(({ error }) => Math.abs(error)));
  const speeds = all.map(({ variants }) => median(variants.map(({ measured, predicted }) => measured / predicted)));
  const scale = median(speeds);
  const absolute = all.flatMap(({ variants }) =>
    variants.map(({ measured, predicted }) => Math.abs((scale * predicted) / measured - 1)),
  );
  const most = (list) =>
    `${(100 * median(list)).toFixed(1)} % in the median, ${(100 * Math.max(...list)).toFixed(1)} % at most`;
  console.log(`ratios to ${VARIANTS[0].title} err by ${most(errors)}`);
  console.log(`milliseconds, times ${scale.toFixed(2)} for this machine, err by ${most(absolute)}`);
}
