// training.bench.js: the training convolutions' speed as a share of the plain float32 4x8 product, in one run.
// node bench/training.bench.js [--json]        after `npm run build`; exit status 1 if a share is below the bar
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import Benchmark from "benchmark";
import Table from "cli-table3";
import {
  compileModule,
  convolutionLayer,
  createArena,
  forwardPass,
  geometryOf,
  imagesPerBlock,
  instantiate,
  planDataGradient,
  planWeightGradient,
} from "../dist/engine/index.js";
import { buildNetwork, createRandom, resnet20 } from "../dist/graph/index.js";
import { train } from "../dist/training/index.js";

/** Share of the product's GMAC/s that forward and both gradients must reach. */
const BAR = 0.4;
const SECONDS = 0.4;
const IMAGES = 8;

/** name, input channels, rows and columns, output channels, then options of the layer. */
const shapes = [
  ["ResNet-20 stem", 3, 32, 16, {}],
  ["ResNet-20 stage 1", 16, 32, 16, {}],
  ["ResNet-20 stage 1 to 2", 16, 32, 32, { stride: 2 }],
  ["ResNet-20 stage 2", 32, 16, 32, {}],
  ["ResNet-20 stage 2 to 3", 32, 16, 64, { stride: 2 }],
  ["ResNet-20 stage 3", 64, 8, 64, {}],
  ["ResNet-20 shortcut", 32, 16, 64, { kernel: 1, stride: 2 }],
  ["ResNet-18 stage 1", 64, 56, 64, {}],
  ["ResNet-18 stage 4", 512, 7, 512, {}],
  ["SqueezeNet squeeze", 128, 55, 16, { kernel: 1 }],
  ["MobileNet pointwise", 96, 14, 96, { kernel: 1 }],
  ["ResNeXt group of 8", 64, 28, 64, { groups: 8 }],
  ["dilated 2", 32, 28, 32, { dilation: 2 }],
];

async function compileGemm() {
  const source = readFileSync(fileURLToPath(new URL("./gemm4x8.ts", import.meta.url)), "utf8");
  const files = {};
  const flags = "--enable simd -O3 --converge --noAssert --runtime stub --initialMemory 128 -o gemm.wasm".split(" ");
  const { error, stderr } = await asc.main(["gemm4x8.ts", ...flags], {
    readFile: (name) => (name === "gemm4x8.ts" ? source : null),
    writeFile: (name, data) => (files[name] = data),
    listFiles: () => [],
  });
  if (error) throw new Error(stderr.toString());
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(files["gemm.wasm"]));
  const [channels, depth, pixels] = [64, 576, 960];
  new Float32Array(exports.memory.buffer).fill(0.25);
  const [w, x] = [65536, 65536 + channels * depth * 4];
  const out = x + depth * pixels * 4;
  return { macs: channels * depth * pixels, run: () => exports.gemm4x8(w, x, out, channels, depth, pixels) };
}

/** One layer on IMAGES images: its three products, each with all the packing that belongs to it. */
function compileLayer(module, [, inputs, size, outputs, options]) {
  const b = buildNetwork("layer", createRandom(1));
  b.conv(b.input([inputs, size, size]), outputs, options);
  const { nodes } = b.finish(["conv1"]);
  const [node] = nodes.filter(({ op }) => op === "conv");
  const shape = [inputs, size, size];
  const g = geometryOf(node, shape);
  const arena = createArena();
  const floats = (dimensions) => arena.reserve(IMAGES * dimensions.reduce((product, n) => product * n) * 4);
  const [x, dx] = [floats(shape), floats(shape)];
  const [y, dy] = [floats(g.output), floats(g.output)];
  const weights = node.weight.data.length;
  const [value, gradient] = [arena.reserve(weights * 4), arena.reserve(weights * 4)];
  const layer = convolutionLayer(
    {
      arena,
      batch: IMAGES,
      tensor: (name) => (name === "input" ? { address: x, shape } : { address: y, shape: g.output }),
      parameter: () => ({ value, gradient }),
    },
    node,
  );
  const images = imagesPerBlock(g.output[1] * g.output[2], IMAGES);
  const toWeights = planWeightGradient(arena, g, images, forwardPass(g, images));
  const toData = planDataGradient(arena, g, images, { address: dx, accumulate: 0 });
  const { kernels: k, memory } = instantiate(module, arena.size());
  arena.fill(memory.buffer);
  const random = createRandom(2);
  for (const [address, length] of [
    [x, (dx - x) / 4],
    [dy, (value - dy) / 4],
    [value, weights],
  ]) {
    const view = new Float32Array(memory.buffer, address, length);
    for (let i = 0; i < view.length; i++) view[i] = random.normal();
  }
  const perImage = (dimensions) => dimensions.reduce((product, n) => product * n) * 4;
  return {
    macs: IMAGES * g.output[1] * g.output[2] * weights,
    forward: () => layer.forward(k, IMAGES),
    data() {
      toData.pack(k, value);
      for (let n = 0; n < IMAGES; n += images) {
        toData.run(k, dy + n * perImage(g.output), n * perImage(shape), Math.min(images, IMAGES - n));
      }
    },
    weights() {
      toWeights.clear(k);
      for (let n = 0; n < IMAGES; n += images) {
        toWeights.add(k, x + n * perImage(shape), dy + n * perImage(g.output), Math.min(images, IMAGES - n));
      }
      toWeights.store(k, gradient);
    },
  };
}

const median = (sample) => [...sample].sort((a, b) => a - b)[sample.length >> 1];

/** GMAC/s of each case, timed one after the other; state lives in closures, benchmark re-evaluates nothing. */
function measure(cases) {
  const suite = new Benchmark.Suite();
  for (const [name, { run }] of cases) {
    for (let i = 0; i < 20; i++) run();
    suite.add(name, run, { maxTime: SECONDS });
  }
  suite.run();
  return Object.fromEntries(
    cases.map(([name, { macs }], i) => {
      if (suite[i].error) throw suite[i].error;
      return [name, macs / median(suite[i].stats.sample) / 1e9];
    }),
  );
}

/** Images a second of `train` itself on ResNet-20: batches, shards, gradients, update. The first steps warm up. */
async function resnetTraining(threads) {
  const [batchSize, steps] = [128, 16];
  const random = createRandom(3);
  const dataset = {
    images: Uint8Array.from({ length: batchSize * steps * 3072 }, () => random.below(256)),
    labels: Uint8Array.from({ length: batchSize * steps }, () => random.below(10)),
    shape: [3, 32, 32],
    classes: 10,
    normalization: { mean: [0.5, 0.5, 0.5], std: [0.3, 0.3, 0.3] },
  };
  const times = [performance.now()];
  const options = { epochs: 1, batchSize, learningRate: 0.01, threads, augment: { crop: 4, flip: true } };
  await train(resnet20([3, 32, 32], 10, 1), dataset, options, { onProgress: () => times.push(performance.now()) });
  const durations = times.slice(5).map((time, i) => time - times[i + 4]);
  return (batchSize * 1000) / median(durations);
}

const json = process.argv.includes("--json");
const gemm = await compileGemm();
const module = compileModule();
const rows = shapes.map((shape) => {
  const layer = compileLayer(module, shape);
  const { macs } = layer;
  const speeds = measure([
    ["gemm", gemm],
    ["forward", { macs, run: layer.forward }],
    ["weights", { macs, run: layer.weights }],
    ["data", { macs, run: layer.data }],
  ]);
  return { layer: shape[0], ...speeds };
});
const imagesPerSecond = [await resnetTraining(1), await resnetTraining(2)];
const share = (row, name) => row[name] / row.gemm;
const worst = Math.min(...rows.flatMap((row) => ["forward", "weights", "data"].map((name) => share(row, name))));
if (json) {
  console.log(
    JSON.stringify({ node: process.version, rows, worst, bar: BAR, resnet20ImagesPerSecond: imagesPerSecond }),
  );
} else {
  const head = ["layer", "4x8 GMAC/s", "forward", "weight gradient", "data gradient"];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of rows) {
    const cell = (name) => `${row[name].toFixed(1)}  ${(100 * share(row, name)).toFixed(0)} %`;
    table.push([row.layer, row.gemm.toFixed(1), cell("forward"), cell("weights"), cell("data")]);
  }
  console.log(table.toString());
  console.log(`Node ${process.version}; lowest share ${(100 * worst).toFixed(0)} %, bar ${100 * BAR} %.`);
  const [one, two] = imagesPerSecond.map((speed) => speed.toFixed(0));
  console.log(`ResNet-20 training, batch 128: ${one} images/s on one thread, ${two} on two.`);
}
if (worst < BAR) process.exitCode = 1;
