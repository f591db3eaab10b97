// kernels.bench.js: single convolution steps of the runtime, without a model around them, beside float32 and int8
// multiplication: GMAC/s for the shapes of the design's table. `node bench/kernels.bench.js [--json]`, after the build.
import Benchmark from "benchmark";
import Table from "cli-table3";
import { buildNetwork, createRandom, lower } from "../dist/graph/index.js";
import { compileKernels, createDoor, instantiate, planModel, readRaw, toReal } from "../dist/runtime/inside.js";
import { checkEqual, checkFloat } from "./check.js";
import { multiplyContestants } from "./contestants/multiply.js";
import { processor } from "./machine.js";
import { buildMultiply } from "./multiply/build.js";
import { shapeTails } from "./networks.js";
import { layerTask, variants } from "./tasks.js";
import { median } from "./timing.js";

const SECONDS = 0.5;
/** output channels, input channels, kernel, rows, columns */
const shapes = [
  [64, 64, 3, 32, 30],
  [256, 256, 1, 24, 32],
  [64, 64, 1, 64, 63],
  [16, 16, 3, 32, 30],
];

const rows = [];
const [multiply] = multiplyContestants(await buildMultiply());
for (const shape of shapes) {
  const task = taskOf(shape);
  const row = { shape: task.name, depth: shape[1] * shape[2] ** 2, speeds: {} };
  for (const variant of Object.keys(variants)) {
    const { def, expected } = task.shifted(variant);
    const check = (raw, encoding) => checkEqual(toReal(raw, encoding), expected);
    row.speeds[variant] = speed(task, await stepOf(def, task.input, check));
  }
  const float = lower(task.network, { grids: null });
  row.speeds.float32 = speed(task, await stepOf(float, task.input, (raw) => checkFloat(raw, task.expected)));
  const entry = await multiply.prepare(task);
  refuse(entry.check(entry.output()));
  row.speeds["int8 multiply"] = speed(task, entry.run);
  rows.push(row);
}
if (process.argv.includes("--json")) console.log(JSON.stringify(rows));
else print();

function taskOf([outputs, inputs, kernel, height, width]) {
  const random = createRandom(3);
  const b = buildNetwork("kernel", random);
  const network = b.finish([b.relu(b.conv(b.input([inputs, height, width]), outputs, { kernel, bias: true }))]);
  shapeTails(network.nodes[1].weight.data, random);
  const name = `${outputs} channels, depth ${inputs * kernel ** 2}, ${height * width} pixels`;
  return layerTask({
    name,
    kind: "kernel",
    network,
    macs: network.nodes[1].weight.data.length * height * width,
    counts: {},
  });
}

/** A call of the model's convolution alone, after one checked run of all its steps. */
async function stepOf(def, input, check) {
  const { steps, memory, use, scratch, placements } = planModel(def);
  const pages = use.total / 65536;
  const linear = new WebAssembly.Memory({ initial: pages, maximum: pages });
  memory.write(linear.buffer);
  const kernels = instantiate([await compileKernels(false)], linear);
  const [port] = def.inputs;
  const place = placements.staging.get(port.tensor) ?? placements.raw.get(port.tensor);
  createDoor(port, def.tensors[port.tensor], place)(linear.buffer, kernels, { [port.name]: input });
  for (const { units, run } of steps) run(kernels, 0, units, scratch);
  const conv = def.layers.find(({ op }) => op === "conv");
  const output = def.tensors[conv.output];
  refuse(check(readRaw(linear.buffer, output, placements.raw.get(conv.output)), output.encoding));
  const { units, run } = steps.find(({ op }) => op === "conv");
  return () => run(kernels, 0, units, scratch);
}

function refuse(problem) {
  if (problem) throw new Error(problem);
}

/** Median GMAC/s, and the 95 % margin of the mean in percent. */
function speed({ macs }, run) {
  const benchmark = new Benchmark({ fn: run, maxTime: SECONDS });
  benchmark.run();
  // a case that throws would otherwise count as 0 Hz
  if (benchmark.error) throw benchmark.error;
  return { gmacs: macs / median(benchmark.stats.sample) / 1e9, margin: benchmark.stats.rme };
}

function print() {
  const heads = Object.keys(rows[0].speeds);
  const table = new Table({
    head: ["GMAC/s, zero weights counted", ...heads],
    style: { head: [], border: [], compact: true },
  });
  for (const { shape, speeds } of rows) {
    table.push([shape, ...heads.map((id) => `${speeds[id].gmacs.toFixed(1)} ±${speeds[id].margin.toFixed(0)}%`)]);
  }
  console.log(`${processor()}, Node ${process.versions.node}, V8 ${process.versions.v8}\n${table}`);
}
