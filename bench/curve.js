// curve.js: what a network keeps for its time: the curve of signal to noise against milliseconds over bits and zeros, by hand and
// by goals. `node bench/curve.js --help`, after the build, says what it takes.
import { readFileSync } from "node:fs";
import Table from "cli-table3";
import { openCalibration } from "../dist/data/index.js";
import { importOnnx } from "../dist/onnx/index.js";
import { measureOutputs, quantizeFromImages, withNormalization } from "../dist/pipeline/index.js";
import { Model } from "../dist/runtime/index.js";
import { atLeast, bench, numbers, readArguments } from "./arguments.js";
import { quantile } from "./timing.js";

/** Bits, of all layers but the first convolution and depthwise ones, and the prices of a weight that is not 0. */
const BY_HAND = [
  [2, [0]],
  [3, [0, 0.3, 1, 3]],
  [4, [0, 0.3, 1, 3]],
  [5, [0, 1]],
  [6, [0]],
];
/** Shares of the time of the lossless model. */
const SHARES = [0.85, 0.7, 0.6, 0.5, 0.4];
const WARM_UP = 10;

const { options, args } = readArguments(
  bench("curve", "Measures what a network keeps for its time, over bits and zeros, by hand and by goals.")
    .argument("<network>", "an ONNX file")
    .requiredOption("--calibrate <folder>", "pictures or arrays to calibrate with")
    .requiredOption("--test <folder>", "others, which give the figures")
    .option("--resize <n>", "shorter side of pictures before the crop", atLeast(1))
    .option("--mean <list>", "of the colours", numbers, [0.485, 0.456, 0.406])
    .option("--std <list>", "of the colours", numbers, [0.229, 0.224, 0.225])
    .option("--images <n>", "most of each folder", atLeast(1), 512)
    .option("--rounds <n>", "samples of each model", atLeast(1), 40)
    .option("--json", "print JSON instead of the table"),
);
const { mean, std, resize } = options;
const normalization = { mean, std };
const imported = await importOnnx(readFileSync(args[0]));
const network = withNormalization(imported, normalization);
const input = network.nodes.find(({ op }) => op === "input");
const preprocessing = { ...normalization, ...(resize && { resize }) };
const open = (path) => openCalibration(path, input.shape, preprocessing, options.images, input.name);
const [calibration, test] = [await open(options.calibrate), await open(options.test)];

const settings = [
  ...BY_HAND.flatMap(([bits, prices]) =>
    prices.map((price) => ({
      title: `${bits} bits${price > 0 ? `, price ${price}` : ""}`,
      set: { bits, price },
    })),
  ),
  { title: "lossless", set: {} },
  ...SHARES.map((time) => ({ title: `--time ${time}`, set: { goal: { kind: "fast", time } } })),
];
const points = [];
for (const { title, set } of settings) {
  const { model: def, averageBits } = await quantizeFromImages(network, calibration, set);
  const [{ snr, agreement }] = (await measureOutputs(def, network, test.samples)).outputs;
  points.push({ title, averageBits, zeros: zerosOf(def), snr, agreement, model: await Model.from(def), times: [] });
  console.error(`${title}: ${snr.toFixed(1)} dB`);
}
const pixels = test.samples.read(0, 1);
for (let round = -WARM_UP; round < options.rounds; round++) {
  for (const { model, times } of points) {
    model.runSync(pixels);
    const start = performance.now();
    model.runSync(pixels);
    if (round >= 0) times.push(performance.now() - start);
  }
}
const rows = points.map(({ model, times, ...point }) => {
  model.dispose();
  // other programs that cut in only lengthen times
  const [milliseconds, later] = [0.25, 0.75].map((share) => quantile(times, share));
  return { ...point, milliseconds, spread: later - milliseconds };
});
rows.sort((a, b) => a.milliseconds - b.milliseconds);
for (const row of rows) row.edge = rows.every((other) => other.milliseconds >= row.milliseconds || other.snr < row.snr);
if (options.json) console.log(JSON.stringify(rows));
else print(rows);

/** The share of weights that are 0. */
function zerosOf({ layers }) {
  let [zeros, all] = [0, 0];
  for (const { weights } of layers) {
    if (weights?.kind !== "codebook" && weights?.kind !== "codes") continue;
    const zero = weights.kind === "codebook" ? weights.levels.indexOf(0) : 0;
    all += weights.codes.length;
    for (const code of weights.codes) if (code === zero) zeros++;
  }
  return zeros / all;
}

function print(all) {
  const table = new Table({
    head: ["setting", "time", "spread", "bits", "zeros", "signal to noise", "equal answers", "edge"],
    style: { head: [], border: [], compact: true },
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "left"],
  });
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  for (const { title, milliseconds, spread, averageBits, zeros, snr, agreement, edge } of all) {
    const times = [milliseconds, spread].map((ms) => `${ms.toFixed(2)} ms`);
    const kept = [`${snr.toFixed(1)} dB`, agreement === null ? "" : percent(agreement), edge ? "*" : ""];
    table.push([title, ...times, averageBits.toFixed(2), percent(zeros), ...kept]);
  }
  console.log(table.toString());
}
