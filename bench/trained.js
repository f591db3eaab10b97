// trained.js: whether the weights that the bench draws run like trained ones: every convolution of the networks under
// ../shared/data/models with its own weights, and with drawn ones of the same shape and variance, round by round.
// `node bench/trained.js [--json]`, after the build.
import { existsSync, readFileSync } from "node:fs";
import Table from "cli-table3";
import { createRandom } from "../dist/graph/index.js";
import { importOnnx } from "../dist/onnx/index.js";
import { shiftContestants } from "./contestants/shiftwise.js";
import { convLayers, shapeTails } from "./networks.js";
import { layerTask } from "./tasks.js";
import { geometricMean } from "./timing.js";

const MODELS = ["resnet20_cifar10_folded", "squeezenet1.1", "mobilenet_v2_1.0_224"];
const VARIANTS = ["w5a8", "w3a8"];
const ROUNDS = 15;
const SAMPLE_MS = 2;

const folder = new URL("../../shared/data/models/", import.meta.url);
if (!existsSync(folder)) {
  console.error("no trained models: ../shared/data/models is not there");
  process.exit(1);
}
const rows = [];
for (const model of MODELS) {
  const network = await importOnnx(readFileSync(new URL(`${model}.onnx`, folder)));
  const layers = convLayers([network]);
  for (const variant of VARIANTS)
    rows.push({ model, variant, layers: layers.length, ...(await compare(layers, variant)) });
}
if (process.argv.includes("--json")) console.log(JSON.stringify(rows));
else print();

/** Geometric mean over the layers, each as often as the network has it, of the time of drawn weights over trained ones. */
async function compare(layers, variant) {
  const contestant = shiftContestants.find(({ id }) => id === variant);
  const ratios = [];
  const zeros = { trained: 0, drawn: 0, weights: 0 };
  for (const layer of layers) {
    const entries = [];
    for (const network of [layer.network, drawn(layer.network)]) {
      const entry = await contestant.prepare(layerTask({ ...layer, network }));
      const problem = entry.check(await entry.output());
      if (problem) throw new Error(`${layer.name}: ${problem}`);
      entries.push(entry);
    }
    const times = await interleaved(entries);
    const count = Object.values(layer.counts).reduce((sum, n) => sum + n, 0);
    for (let i = 0; i < count; i++) ratios.push(times[1] / times[0]);
    const { length } = layer.network.nodes[1].weight.data;
    zeros.weights += count * length;
    zeros.trained += count * length * entries[0].zeros;
    zeros.drawn += count * length * entries[1].zeros;
    for (const entry of entries) entry.dispose();
  }
  return { ratio: geometricMean(ratios), trained: zeros.trained / zeros.weights, drawn: zeros.drawn / zeros.weights };
}

/** The same layer with weights of the bench's distribution and its own variance. */
function drawn(network) {
  const random = createRandom(5);
  const nodes = network.nodes.map((node) => {
    if (node.op !== "conv") return node;
    const { data } = node.weight;
    const deviation = Math.sqrt(data.reduce((sum, w) => sum + w * w, 0) / data.length);
    const weights = Float32Array.from(data, () => deviation * random.normal());
    shapeTails(weights, random);
    return { ...node, weight: { ...node.weight, data: weights } };
  });
  return { ...network, nodes };
}

/** Least milliseconds of each. */
async function interleaved(entries) {
  const counts = [];
  for (const entry of entries) {
    await entry.time(20);
    counts.push(Math.max(1, Math.round(SAMPLE_MS / (await entry.time(5)))));
  }
  const least = entries.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, entry] of entries.entries()) least[i] = Math.min(least[i], await entry.time(counts[i]));
  }
  return least;
}

function print() {
  const table = new Table({
    head: ["network", "weights", "layers", "zeros trained", "zeros drawn", "speed trained / drawn"],
    style: { head: [], border: [], compact: true },
    colAligns: ["left", "left", "right", "right", "right", "right"],
  });
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  for (const { model, variant, layers, trained, drawn, ratio } of rows) {
    table.push([model, variant, layers, percent(trained), percent(drawn), `${ratio.toFixed(2)}x`]);
  }
  console.log(table.toString());
}
