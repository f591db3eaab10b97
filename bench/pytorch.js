// pytorch.js: networks retrained in PyTorch on several processes, exported, imported and run in wasm, beside the same recipe of the TypeScript trainer.
// `node bench/pytorch.js resnet20 --bits 5,4,3 --images 6400 --typescript`, after the build; --help lists the options.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import Table from "cli-table3";
import { Argument } from "commander";
import { openDataset } from "../dist/data/index.js";
import { createRandom } from "../dist/graph/index.js";
import { packModel, readSafetensors, runReference, writeSafetensors } from "../dist/model/index.js";
import { importOnnxFile } from "../dist/onnx/index.js";
import { createClassifier, quantizeByRetraining, quantizeReady } from "../dist/pipeline/index.js";
import { atLeast, bench, numbers, readArguments } from "./arguments.js";
import { trainingRows } from "./rows/training.js";

const SHARED = fileURLToPath(new URL("../../shared/data", import.meta.url));
const SCRIPT = fileURLToPath(new URL("../python/examples/train_cifar.py", import.meta.url));
/** Test images whose integer tensors are compared, and what float sums may part by where no value meets a tie. */
const TRACED = 16;
const CLOSE = 1e-4;
const HUNDRED = 100;
/** Layers that only move integers, which PyTorch does not round again. */
const HANDS_ON = new Set(["gather", "permute", "maxPool", "concat", "resample"]);

/** What is trained: the data, the rows whose recipe it takes, and the float network's own settings. */
const TASKS = {
  resnet20: {
    data: "cifar10/jpeg",
    rows: (bits) => `resnet20-w${bits}a8`,
    onnx: "resnet20_cifar10_bn.onnx",
    float: { epochs: 4, rate: 0.02, decay: 1e-4, shift: 4 },
  },
  fashion: {
    data: "fashion-mnist",
    rows: (bits) => `fashion-w${bits}a8`,
    float: { epochs: 4, rate: 0.1, decay: 5e-4, shift: 1 },
  },
};

const {
  options,
  args: [taskName],
} = readArguments(
  bench(
    "pytorch",
    "Retrains a network in PyTorch with the recipe of a row of bench/rows/training.js, imports the ONNX file, and runs it in wasm on all test images.",
  )
    .addArgument(new Argument("<task>", "network and data").choices(Object.keys(TASKS)))
    .option("--bits <list>", "widths of weights, one run each", numbers, [5, 4, 3])
    .option("--images <n>", "training images of an epoch, drawn once (default: all)", atLeast(1))
    .option("--float-images <n>", "those of the float network (default: all)", atLeast(1))
    .option(
      "--float-epochs <n>",
      `epochs of the float network (default: ${Object.entries(TASKS).map(([name, { float }]) => `${name} ${float.epochs}`)})`,
      atLeast(1),
    )
    .option("--ranks <n>", "processes that train together (gloo)", atLeast(1), 2)
    .option("--seed <n>", "of order, augmentation and the images drawn", atLeast(0), 1)
    .option(
      "--typescript",
      "train the same float network with the TypeScript trainer as well: same images, same epochs",
    )
    .option("--python <path>", "an interpreter that has torch", "/usr/bin/python3")
    .option("--folder <path>", "where runs are kept; what is there is not run again, and a checkpoint is gone on from")
    .option("--json", "print one JSON object a run"),
);
const task = TASKS[taskName];
const { seed } = options;
const folder = resolve(options.folder ?? fileURLToPath(new URL(`results/pytorch/${taskName}`, import.meta.url)));
await mkdir(folder, { recursive: true });

const all = await openDataset(join(SHARED, task.data), { classes: 10 });
const train = drawn(all.train, options.images);
const data = await written(join(folder, `data-${train.labels.length}`), train, all.test);
const float = await floatNetwork();
const table = new Table({
  head: [
    "bits",
    "PyTorch",
    "wasm",
    "same answers",
    "close",
    "integers that differ",
    "weights that differ",
    "TypeScript",
  ],
  style: { head: [], border: [], compact: true },
});
for (const bits of options.bits) {
  const settings = { ...trainingRows[task.rows(bits)].settings, seed, threads: 2 };
  const result = await retrainedInPyTorch(bits, settings);
  if (options.typescript) result.typescript = await retrainedHere(bits, settings);
  if (options.json) console.log(JSON.stringify(result));
  table.push([bits, ...Object.values(result).slice(2), ...(options.typescript ? [] : [""])]);
}
if (!options.json) console.log(table.toString());

/** Some images of a set, drawn once; all unless a number is given. */
function drawn(set, wanted = set.labels.length) {
  const size = set.images.length / set.labels.length;
  const random = createRandom(seed);
  const order = Array.from(set.labels, (_, i) => i);
  for (let i = 0; i < wanted; i++) {
    const j = i + random.below(order.length - i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const chosen = order.slice(0, wanted);
  const images = new Uint8Array(wanted * size);
  for (const [i, j] of chosen.entries()) images.set(set.images.subarray(j * size, (j + 1) * size), i * size);
  return { ...set, images, labels: set.labels.constructor.from(chosen, (j) => set.labels[j]) };
}

/** A folder with the pixels as this side reads them, as binary CIFAR-10 or as IDX. */
async function written(path, training, test) {
  if (existsSync(join(path, "done"))) return path;
  await mkdir(path, { recursive: true });
  const [channels, height, width] = training.shape;
  if (channels === 3) {
    const size = channels * height * width;
    const records = ({ images, labels }, from, to) => {
      const out = Buffer.alloc((to - from) * (size + 1));
      for (let i = from; i < to; i++) {
        out[(i - from) * (size + 1)] = labels[i];
        out.set(images.subarray(i * size, (i + 1) * size), (i - from) * (size + 1) + 1);
      }
      return out;
    };
    const cut = (k) => Math.floor((k * training.labels.length) / 5);
    for (let k = 0; k < 5; k++)
      await writeFile(join(path, `data_batch_${k + 1}.bin`), records(training, cut(k), cut(k + 1)));
    await writeFile(join(path, "test_batch.bin"), records(test, 0, test.labels.length));
  } else {
    const big = (...numbers) => {
      const out = Buffer.alloc(4 * numbers.length);
      for (const [i, n] of numbers.entries()) out.writeUInt32BE(n, 4 * i);
      return out;
    };
    for (const [name, { images, labels }] of Object.entries({ train: training, t10k: test })) {
      const pixels = Buffer.concat([big(0x803, labels.length, height, width), images]);
      await writeFile(join(path, `${name}-images-idx3-ubyte.gz`), gzipSync(pixels, { level: 1 }));
      await writeFile(
        join(path, `${name}-labels-idx1-ubyte.gz`),
        gzipSync(Buffer.concat([big(0x801, labels.length), Buffer.from(labels)])),
      );
    }
  }
  await writeFile(join(path, "done"), "");
  return path;
}

/** The float network's file and its ONNX, trained in PyTorch on all ranks unless they are there. */
async function floatNetwork() {
  const { epochs, rate, decay, shift } = task.float;
  const [file, onnx] = [join(folder, "float.pt"), join(folder, "float.onnx")];
  if (existsSync(onnx)) return { file, onnx };
  const images = drawn(all.train, options.floatImages);
  const from = await written(join(folder, `data-${images.labels.length}`), images, all.test);
  const args = [
    "--float-epochs",
    options.floatEpochs ?? epochs,
    "--float-lr",
    rate,
    "--decay",
    decay,
    "--shift",
    shift,
  ];
  if (task.onnx) {
    const start = join(folder, "start.safetensors");
    await writeFile(start, await stateOf(join(SHARED, "models", task.onnx)));
    args.push("--start", start);
  }
  await ranks(["--data", from, "--float", file, "--bits", 0, "--out", onnx, ...args]);
  return { file, onnx };
}

/** The weights of an ONNX file under PyTorch's names, which its exporter has in the names of nodes. */
async function stateOf(file) {
  const tensors = new Map();
  const put = (name, { shape, data }) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors.set(name, { dtype: "F32", shape, bytes });
  };
  const vector = (data) => ({ shape: [data.length], data });
  const { nodes } = await importOnnxFile(file);
  for (const node of nodes) {
    // "/layer1/layer1.0/conv1/Conv_output_0" is layer1.0.conv1
    const path = node.name.split("/").slice(1, -1);
    const key = path.filter((part, i) => !path[i + 1]?.startsWith(`${part}.`)).join(".");
    if (node.op === "conv") put(`${key}.weight`, node.weight);
    if (node.op === "dense") {
      put("fc.weight", node.weight);
      put("fc.bias", node.bias);
    }
    if (node.op !== "batchNorm") continue;
    const parts = { weight: node.gamma, bias: node.beta, running_mean: node.mean, running_var: node.variance };
    for (const [field, values] of Object.entries(parts)) put(`${key}.${field}`, values.data ? values : vector(values));
  }
  return writeSafetensors(tensors, {});
}

/** Runs the script on all ranks; what the first says is shown as it comes. */
async function ranks(args) {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  const world = options.ranks;
  const children = Array.from({ length: world }, (_, rank) =>
    spawn(options.python, [SCRIPT, ...args.map(String), "--seed", String(seed)], {
      stdio: ["ignore", rank === 0 ? 2 : "ignore", 2],
      env: {
        // blocks of memory that PyTorch gives back are kept: without this rounding activations takes 30 times as long
        MALLOC_MMAP_THRESHOLD_: "2000000000",
        MALLOC_TRIM_THRESHOLD_: "4000000000",
        OMP_NUM_THREADS: "1",
        ...process.env,
        RANK: String(rank),
        WORLD_SIZE: String(world),
        MASTER_ADDR: "127.0.0.1",
        MASTER_PORT: String(port),
      },
    }),
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
  if (codes.some((code) => code !== 0)) throw new Error(`the ranks ended with ${codes}`);
}

/** INQ in PyTorch, and what the runtime makes of the ONNX file on all test images. */
async function retrainedInPyTorch(bits, settings) {
  const [onnx, said, checkpoint] = ["onnx", "answers", "pt"].map((end) => join(folder, `w${bits}.${end}`));
  if (!existsSync(said)) {
    const { portions, epochs, scale, learningRate, compensate, share, weightDecay, augment } = settings;
    const args = ["--portions", ...portions, "--epochs", ...epochs, "--scale", scale, "--lr", learningRate];
    args.push("--compensate", compensate, "--teach", share, "--decay", weightDecay);
    args.push("--shift", augment.crop ?? augment.shift, "--integers", TRACED);
    const state = join(folder, `w${bits}.checkpoint`);
    await ranks([
      ...["--data", data, "--float", float.file, "--bits", bits, ...args, "--checkpoint", state],
      ...(existsSync(state) ? ["--resume"] : []),
      ...["--out", onnx, "--answers", said],
    ]);
  }
  const { tensors } = readSafetensors(new Uint8Array(await readFile(said)));
  const floats = (name) => new Float32Array(tensors.get(name).bytes.slice().buffer);
  const network = await importOnnxFile(onnx);
  const { model } = quantizeReady(network);
  await writeFile(checkpoint.replace(/pt$/, "safetensors"), packModel(model));
  const expected = floats("answers");
  const ours = await answersOf(model, all.test);
  let same = 0;
  let close = 0;
  for (const [i, answers] of ours.entries()) {
    const theirs = expected.subarray(10 * i, 10 * i + 10);
    same += Number(best(answers) === best(theirs));
    close += Number(
      answers.every((value, k) => Math.abs(value - theirs[k]) <= CLOSE * Math.max(1, Math.abs(theirs[k]))),
    );
  }
  const share = (found) => `${(HUNDRED * found).toFixed(2)} %`;
  const right = (answersAt) => all.test.labels.reduce((sum, label, i) => sum + Number(answersAt(i) === label), 0);
  const { length } = all.test.labels;
  return {
    task: taskName,
    bits,
    pytorch: share(right((i) => best(expected.subarray(10 * i, 10 * i + 10))) / length),
    wasm: share(right((i) => best(ours[i])) / length),
    same: `${same} of ${length}`,
    close: `${close} of ${length}`,
    ...differingIntegers(model, tensors),
    weights: differingWeights(network, tensors),
  };
}

function best(values) {
  return values.indexOf(Math.max(...values));
}

async function answersOf(model, test) {
  const executor = await createClassifier(model);
  const size = test.images.length / test.labels.length;
  const made = Array.from(test.labels, (_, i) =>
    Float32Array.from(executor.run(test.images.subarray(i * size, (i + 1) * size))),
  );
  executor.dispose();
  return made;
}

/**
 * Integers of all rounded tensors that differ between the plain executor, whose bits are the runtime's, and PyTorch: in a whole run, and layer
 * by layer, where each layer is given PyTorch's integers.
 */
function differingIntegers(model, tensors) {
  const stated = [...tensors].filter(([name]) => /^\d+ /.test(name));
  const names = roundedTensors(model);
  if (names.length !== stated.length) throw new Error(`${names.length} integer tensors, PyTorch has ${stated.length}`);
  const theirs = new Map(
    stated.map(([, { bytes, shape }], k) => {
      const values = new Float32Array(bytes.slice().buffer);
      const each = values.length / shape[0];
      return [names[k], (i) => values.subarray(i * each, (i + 1) * each)];
    }),
  );
  const size = all.test.images.length / all.test.labels.length;
  const [whole, alone] = [counter(), counter()];
  for (let i = 0; i < TRACED; i++) {
    const pixels = all.test.images.subarray(i * size, (i + 1) * size);
    const own = runReference(model, { [model.inputs[0].name]: pixels }).tensors;
    for (const name of names) whole.add(own.get(name), theirs.get(name)(i));
    const given = new Map([[model.inputs[0].tensor, theirs.get(model.inputs[0].tensor)(i)]]);
    for (const layer of model.layers) {
      const made = runLayer(model, layer, given);
      const known = theirs.get(layer.output)?.(i);
      if (known) alone.add(made, known);
      given.set(layer.output, known ?? made);
    }
  }
  return { whole: whole.text(), alone: alone.text() };
}

/** Counts what differs, and by more than 1. */
function counter() {
  let [differ, far, total] = [0, 0, 0];
  return {
    add(ours, theirs) {
      if (ours.length !== theirs.length) throw new Error(`${ours.length} integers, PyTorch has ${theirs.length}`);
      total += ours.length;
      for (const [i, value] of ours.entries()) {
        const apart = Math.abs(value - theirs[i]);
        differ += Number(apart > 0);
        far += Number(apart > 1);
      }
    },
    text: () => `${differ} of ${total}, ${far} by more than 1`,
  };
}

/** Names of the tensors that PyTorch rounds, too, in the order in which they are made. */
function roundedTensors(model) {
  const made = [model.inputs[0].tensor, ...model.layers.map(({ output }) => output)];
  const handed = new Set(model.layers.flatMap(({ op, output }) => (HANDS_ON.has(op) ? [output] : [])));
  return made.filter((name) => model.tensors[name].encoding.kind !== "float32" && !handed.has(name));
}

/** The raw values of one layer's output, of the raw values of its inputs. */
function runLayer(model, layer, given) {
  const read = [layer.input, ...(layer.inputs ?? []), layer.residual?.tensor].filter(Boolean);
  const inputs = [...new Set(read)].map((name) => ({ name, tensor: name }));
  const tensors = Object.fromEntries(
    [...inputs.map(({ name }) => name), layer.output].map((t) => [t, model.tensors[t]]),
  );
  const outputs = [{ name: "y", tensor: layer.output }];
  const values = inputs.map(({ name }) => {
    const { encoding } = model.tensors[name];
    const real = (q) => (encoding.kind === "linear" ? encoding.scale * (q - encoding.zero) : q);
    return [name, Float32Array.from(given.get(name), real)];
  });
  const part = { name: layer.name, inputs, outputs, tensors, layers: [layer] };
  return runReference(part, Object.fromEntries(values)).tensors.get(layer.output);
}

/** Weights of the imported network whose bits are not those that PyTorch computes with. */
function differingWeights(network, tensors) {
  const theirs = [...tensors].filter(([name]) => !/^\d+ |^answers$/.test(name));
  const ours = network.nodes.filter(({ op }) => op === "conv" || op === "dense");
  if (theirs.length !== ours.length) throw new Error(`${ours.length} layers, PyTorch has ${theirs.length}`);
  let [differ, total] = [0, 0];
  for (const [k, [, { bytes }]] of theirs.entries()) {
    const bits = new Uint32Array(bytes.slice().buffer);
    const own = ours[k].weight.data;
    const mine = new Uint32Array(own.slice().buffer);
    if (mine.length !== bits.length)
      throw new Error(`${ours[k].name}: ${mine.length} weights, PyTorch has ${bits.length}`);
    total += bits.length;
    for (let i = 0; i < bits.length; i++) differ += Number(bits[i] !== mine[i]);
  }
  return `${differ} of ${total}`;
}

/** The same recipe, float network and images in the TypeScript trainer. */
async function retrainedHere(bits, settings) {
  const file = join(folder, `w${bits}-typescript.json`);
  if (existsSync(file)) return JSON.parse(await readFile(file, "utf8")).accuracy;
  const network = await importOnnxFile(float.onnx);
  const said = (text) => process.stderr.write(`TypeScript, ${bits} bits: ${text}\n`);
  let epoch = -1;
  const { model, history } = await quantizeByRetraining(network, train, settings, {
    onStep: said,
    onProgress(progress) {
      if (progress.epoch === epoch) return;
      epoch = progress.epoch;
      said(`epoch ${epoch}`);
    },
    checkpoints: { retraining: { path: join(folder, `w${bits}-typescript.checkpoint`), resume: true } },
  });
  await writeFile(join(folder, `w${bits}-typescript.safetensors`), packModel(model));
  const answers = await answersOf(model, all.test);
  const right = all.test.labels.reduce((sum, label, i) => sum + Number(best(answers[i]) === label), 0);
  const accuracy = `${((HUNDRED * right) / all.test.labels.length).toFixed(2)} %`;
  await writeFile(file, JSON.stringify({ accuracy, history }));
  return accuracy;
}
