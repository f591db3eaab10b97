// images.test.js: a network and images without labels to a model: any form of images, defaults, warnings, wrong use.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { buildNetwork, lower } from "../../dist/graph/index.js";
import { encodeModel, packModel, runReference } from "../../dist/model/index.js";
import { DEFAULTS, quantizeFromImages, withNormalization } from "../../dist/pipeline/index.js";
import { Model } from "../../dist/runtime/index.js";
import { bitsOf } from "../training/helpers.js";
import { ENDINGS } from "./endings.js";

const NORMALIZATION = { mean: [0.4], std: [0.3] };

function network(channels = 1) {
  const b = buildNetwork("small", createRandom(2));
  const x = b.relu(b.conv(b.input([channels, 12, 12]), 8, { bias: true }));
  const y = b.relu(b.conv(x, 8, { groups: 8, bias: true, stride: 2 }));
  return b.finish([b.dense(b.relu(b.batchNorm(b.conv(y, 16))), 5)]);
}

function pictures(count = 24, channels = 1) {
  const random = createRandom(1);
  return {
    images: Uint8Array.from({ length: 144 * channels * count }, () => random.below(256)),
    shape: [channels, 12, 12],
    normalization: NORMALIZATION,
  };
}

const float = withNormalization(network(), NORMALIZATION);

test("pixels, a labelled set, samples and what openCalibration returns give the same model", async () => {
  const pixels = pictures();
  const samples = samplesOf(pixels);
  const forms = [
    pixels,
    { ...pixels, normalization: undefined },
    { ...pixels, labels: new Uint8Array(24), classes: 5 },
    samples,
    { samples, pictures: pixels, remarks: [] },
    { samples, pictures: null, remarks: [] },
  ];
  const before = bitsOf(float);
  const results = [];
  for (const form of forms) results.push(await quantizeFromImages(float, form, { bits: 4 }));
  assert.deepEqual(bitsOf(float), before);
  const [first, ...others] = results.map(({ model }) => encodeModel(model));
  for (const file of others) assert.deepEqual(file, first);
  const { layers, averageBits, network: rounded, grids, warnings, distillation } = results[0];
  assert.deepEqual(
    layers.map(({ name, bits, more }) => [name, bits, more?.bits ?? null]),
    [
      ["conv1", 6, null],
      ["conv2", 6, null],
      ["conv3", 4, 5],
      ["dense1", 4, 5],
    ],
  );
  const weights = layers.reduce((sum, layer) => sum + layer.weights, 0);
  const bits = layers.reduce((sum, layer) => sum + layer.weights * layer.bits, 0);
  assert.ok(Math.abs(averageBits - bits / weights) < 1e-9);
  assert.deepEqual([warnings, distillation], [[], null]);
  assert.ok(rounded.nodes.some(({ op }) => op === "quantize"));
  assert.deepEqual([...grids.keys()], ["conv1", "conv2", "conv3", "dense1"]);
});

test("the model runs as the reference executor has it", async () => {
  const { model: def } = await quantizeFromImages(float, pictures());
  const model = await Model.from(def);
  const { images } = pictures();
  for (let i = 0; i < 4; i++) {
    const pixels = images.subarray(144 * i, 144 * (i + 1));
    const { outputs } = runReference(def, { [def.inputs[0].name]: pixels });
    assert.deepEqual({ ...model.runSync(pixels) }, { ...outputs });
  }
  model.dispose();
});

for (const [name, given] of Object.entries(ENDINGS)) {
  test(`a network that ends in ${name} is quantized, and its outputs come out`, async () => {
    const { images } = pictures();
    const { model: def, network: rounded } = await quantizeFromImages(given, pictures());
    assert.deepEqual(rounded.outputs, given.outputs);
    const model = await Model.from(def);
    const float = await Model.from(lower(given, { grids: null }));
    for (let i = 0; i < 4; i++) {
      const pixels = images.subarray(144 * i, 144 * (i + 1));
      const found = model.runSync(pixels);
      assert.deepEqual({ ...found }, { ...runReference(def, { input: pixels }).outputs });
      const expected = float.runSync(pixels);
      assert.deepEqual(Object.keys(found), [...given.outputs]);
      for (const output of given.outputs) {
        const ratio = decibels(found[output], expected[output]);
        assert.ok(ratio > 10, `${output} keeps ${ratio} dB`);
      }
    }
    model.dispose();
    float.dispose();
  });
}

/** Signal to noise, the signal being what varies. */
function decibels(found, expected) {
  const mean = expected.reduce((sum, value) => sum + value / expected.length, 0);
  const energy = (of) => expected.reduce((sum, value, i) => sum + of(value, i) ** 2, 0);
  return 10 * Math.log10(energy((value) => value - mean) / energy((value, i) => value - found[i]));
}

test("what is not set is as DEFAULTS says", async () => {
  const { activations, seed, threads } = DEFAULTS;
  const { goal, bits, levels, twoTerm, price, zeros, minutes, portions } = DEFAULTS.images;
  const common = { activations, seed, threads, minutes, portions, budget: null };
  const [plain, full, empty] = [
    await quantizeFromImages(float, pictures()),
    await quantizeFromImages(float, pictures(), { ...common, goal }, {}),
    await quantizeFromImages(float, pictures(), { bits: undefined, levels: undefined, goal: undefined }),
  ].map(({ model }) => encodeModel(model));
  assert.deepEqual(full, plain);
  assert.deepEqual(empty, plain);
  const [none, byHand] = [
    await quantizeFromImages(float, pictures(), { goal: null }),
    await quantizeFromImages(float, pictures(), { ...common, bits, levels, twoTerm, price, zeros }),
  ];
  assert.deepEqual(encodeModel(byHand.model), encodeModel(none.model));
  assert.deepEqual([none.points, none.missed], [[], null]);
});

test("a goal chooses for each layer, and says what it was chosen from", async () => {
  const keep = async (goal, settings = {}) => quantizeFromImages(float, pictures(40), { goal, ...settings });
  const [low, high] = [await keep({ kind: "lossless", snr: 12 }), await keep({ kind: "lossless", snr: 25 })];
  for (const [{ points, quality, averageBits, missed, layers }, least] of [
    [low, 12],
    [high, 25],
  ]) {
    assert.equal(missed, null);
    const [{ snr }] = quality.outputs;
    assert.ok(snr >= least, `${snr} dB of ${least}`);
    const chosen = points.find((point) => point.chosen);
    assert.ok(Math.abs(chosen.snr - snr) < 1e-9 && Math.abs(chosen.averageBits - averageBits) < 1e-9);
    assert.ok(layers.every(({ bits }) => bits >= 2 && bits <= 6));
  }
  assert.ok(low.averageBits < high.averageBits);
  assert.match(high.model.notes.weights, /goal lossless, 25 dB/);
  const size = packModel(low.model).length;
  const small = await keep({ kind: "small", bytes: size });
  assert.equal(small.missed, null);
  assert.ok(packModel(small.model).length <= size);
  const fixed = await keep({ kind: "lossless", snr: 12 }, { layers: new Map([["conv3", 5]]) });
  assert.equal(fixed.layers.find(({ name }) => name === "conv3").bits, 5);
});

/** A small network of random depth and widths. */
function randomNetwork(seed) {
  const random = createRandom(seed);
  const b = buildNetwork("random", random);
  let [x, channels] = [b.input([1 + random.below(2), 10, 10]), 0];
  for (let i = 1 + random.below(3); i >= 0; i--) {
    const groups = i > 0 || channels === 0 || random.uniform() < 0.5 ? 1 : channels;
    channels = groups > 1 ? channels : 3 + random.below(14);
    x = b.relu(b.conv(x, channels, { groups, bias: true, stride: i === 1 ? 2 : 1 }));
  }
  return b.finish([b.dense(b.globalAvgPool(x), 3 + random.below(5))]);
}

test("a size gives the best of the models that were measured within it, by the bytes of their files as they are written", async () => {
  const notes = { origin: "a note that the file carries, too" };
  for (let seed = 1; seed <= 6; seed++) {
    const random = createRandom(100 + seed);
    const own = randomNetwork(seed);
    const [{ shape }] = own.nodes;
    const length = shape[0] * 100;
    const values = Float32Array.from({ length: 32 * length }, () => random.normal());
    const samples = { shape, count: 32, read: (at, n) => values.subarray(at * length, (at + n) * length) };
    const all = [];
    const convert = async (goal) => {
      const { model, points, missed } = await quantizeFromImages(own, samples, { goal, notes });
      const chosen = points.find((point) => point.chosen);
      const measured = points.filter((point) => point.measured);
      const where = `seed ${seed}, ${JSON.stringify(goal)}: ${JSON.stringify(measured)}`;
      assert.equal(packModel(model).length, chosen.bytes, where);
      assert.equal(model.notes.origin, notes.origin);
      const smallest = Math.min(...measured.map(({ bytes }) => bytes));
      all.push(...measured);
      return { chosen, measured, missed, smallest, where };
    };
    const { chosen: lossless } = await convert({ kind: "lossless" });
    for (const share of [0.4 + 0.3 * random.uniform(), 0.7 + 0.2 * random.uniform(), 1]) {
      const bytes = Math.round(share * lossless.bytes);
      const { chosen, measured, missed, smallest, where } = await convert({ kind: "small", bytes });
      assert.equal(missed, smallest <= bytes ? null : "size", where);
      const most = missed ? 1.02 * smallest : bytes;
      assert.ok(chosen.bytes <= most, where);
      for (const other of measured) assert.ok(other.bytes > most || other.snr <= chosen.snr, where);
      // what is said to be out of reach is so: nothing that any other goal has led to is as small
      if (missed) assert.ok(Math.min(...all.map((one) => one.bytes)) > bytes, where);
    }
  }
});

test("a goal holds one of two samples out, and one alone gets the bits of a conversion by hand, which is said", async () => {
  const two = await quantizeFromImages(float, pictures(2));
  assert.deepEqual([two.quality.heldOut, two.quality.images, two.warnings], [true, 1, []]);
  const byHand = await quantizeFromImages(float, pictures(2), { bits: 4 });
  assert.deepEqual([byHand.quality.heldOut, byHand.quality.images], [false, 2]);
  const one = await quantizeFromImages(float, pictures(1));
  assert.match(one.warnings.join(), /^one sample cannot tell .*, so weights get 4 bits instead of a goal; give 32/);
  const plain = await quantizeFromImages(float, pictures(1), { bits: 4 });
  assert.deepEqual([encodeModel(one.model), one.points], [encodeModel(plain.model), []]);
  const fast = await quantizeFromImages(float, pictures(1), { goal: { kind: "fast", time: 0.8 } });
  assert.match(
    fast.warnings.join(),
    /^one sample cannot tell what a model loses on others, so layers go by what each loses by itself; give 32/,
  );
  assert.ok(fast.points.length > 0);
});

test("few vectors of whole numbers are rounded on as others are", async () => {
  const random = createRandom(9);
  const b = buildNetwork("vectors", createRandom(4));
  const vectors = b.finish([b.dense(b.relu(b.dense(b.input([12, 1, 1]), 8)), 3)]);
  for (const count of [2, 3, 4, 5, 9]) {
    const values = Float32Array.from({ length: 12 * count }, () => random.below(5) - 2);
    const samples = { shape: [12, 1, 1], count, read: (from, n) => values.slice(12 * from, 12 * (from + n)) };
    for (const settings of [{ bits: 4 }, { goal: { kind: "fast", time: 2 } }]) {
      const { layers } = await quantizeFromImages(vectors, samples, settings);
      assert.ok(layers.every(({ weightSnr }) => weightSnr > 0));
    }
  }
});

test("a goal of equal answers is refused where no output has answers, before anything is rounded", async () => {
  const { nodes } = float;
  const map = { ...float, outputs: [nodes.find(({ op }) => op === "relu").name] };
  const steps = [];
  await assert.rejects(
    quantizeFromImages(
      map,
      pictures(),
      { goal: { kind: "lossless", agreement: 0.98 } },
      { onStep: (step) => steps.push(step) },
    ),
    { code: "BAD_OPTION", where: "loss", found: /^98 % of the answers of "/ },
  );
  assert.deepEqual(steps, ["calibrating"]);
});

test("a goal that activations leave no room for is missed, and it is said", async () => {
  const { missed, points } = await quantizeFromImages(float, pictures(), { activations: { kind: "linear", bits: 3 } });
  assert.equal(missed, "activations");
  assert.equal(points.filter(({ measured }) => measured).length, 1);
});

test("a goal beside what it would choose is refused, and so is one that makes no sense", async () => {
  const goal = { kind: "lossless" };
  const own = { bits: 4, levels: "two-term", twoTerm: null, price: 1, zeros: 0.5, budget: 4 };
  for (const [name, value] of Object.entries(own)) {
    const refused = { code: "BAD_OPTION", where: name };
    await assert.rejects(quantizeFromImages(float, pictures(), { goal, [name]: value }), refused);
  }
  for (const bad of [
    { kind: "lossless", snr: 20, agreement: 0.9 },
    { kind: "lossless", snr: -1 },
    { kind: "lossless", agreement: 2 },
    { kind: "fast" },
    { kind: "fast", time: 0 },
    { kind: "small", bytes: "300KB" },
    { kind: "tiny" },
    {},
    "lossless",
  ]) {
    await assert.rejects(quantizeFromImages(float, pictures(), { goal: bad }), { code: "BAD_OPTION" });
  }
});

test("a network that says nothing about pixels takes those of the images, else the usual, and tells", async () => {
  const bare = network();
  const own = await quantizeFromImages(bare, pictures());
  assert.deepEqual(own.model.inputs[0].normalization, NORMALIZATION);
  assert.deepEqual(own.warnings, []);
  const heard = [];
  const { normalization: _, ...raw } = pictures(12, 3);
  const assumed = await quantizeFromImages(network(3), raw, {}, { onWarning: (text) => heard.push(text) });
  assert.deepEqual(assumed.model.inputs[0].normalization.mean, [0.485, 0.456, 0.406]);
  assert.match(heard[0], /assumed mean 0\.485/);
  assert.deepEqual(assumed.warnings, heard);
  const floats = await quantizeFromImages(bare, samplesOf(pictures()));
  assert.equal(floats.model.inputs[0].normalization ?? null, null);
});

test("a price makes more weights 0", async () => {
  const zeros = [];
  for (const price of [0, 1, 3]) {
    const { model } = await quantizeFromImages(float, pictures(), { price });
    const weights = model.layers.flatMap(({ weights: own }) => (own ? [own] : []));
    zeros.push(weights.reduce((sum, { codes, levels }) => sum + codes.filter((code) => levels[code] === 0).length, 0));
  }
  assert.ok(zeros[0] < zeros[1] && zeros[1] < zeros[2], `${zeros}`);
});

test("a share of zeros is met in every layer, and excludes a price", async () => {
  const sparse = { bits: 4, twoTerm: null };
  for (const zeros of [0.6, 0.8]) {
    const { network: rounded } = await quantizeFromImages(float, pictures(), { ...sparse, zeros });
    for (const { name, op, weight } of rounded.nodes) {
      if (op !== "conv" && op !== "dense") continue;
      const share = weight.data.filter((w) => w === 0).length / weight.data.length;
      assert.ok(Math.abs(share - zeros) < 0.15, `${name}: ${share} for ${zeros}`);
    }
  }
  for (const other of [{ price: 1 }, { budget: 4 }]) {
    const both = quantizeFromImages(float, pictures(), { zeros: 0.5, ...other });
    await assert.rejects(both, { code: "BAD_OPTION", where: "zeros" });
  }
});

test("steps and progress are told, and an abort stops", async () => {
  const steps = [];
  let last = 0;
  await quantizeFromImages(
    float,
    pictures(),
    { budget: 4, layers: new Map([["conv3", 5]]) },
    {
      onStep: (step) => steps.push(step),
      onProgress: (share, detail) => {
        assert.ok(share >= 0 && share <= 1 && typeof detail === "string");
        last = share;
      },
    },
  );
  assert.deepEqual(steps, ["calibrating", "comparing levels", "rounding"]);
  assert.equal(last, 1);
  await assert.rejects(quantizeFromImages(float, pictures(), {}, { signal: AbortSignal.abort() }), { code: "ABORTED" });
});

test("the float network teaches, in one thread, with pixels and with floats", async () => {
  const settings = { minutes: 0.005, bits: 3, batchSize: 8 };
  for (const images of [pictures(), samplesOf(pictures())]) {
    const { distillation } = await quantizeFromImages(float, images, settings);
    assert.ok(distillation.after.kl <= distillation.before.kl);
    assert.equal(distillation.heldOut, 6);
  }
});

test("lines of pixels are not cropped and flipped", async () => {
  const b = buildNetwork("line", createRandom(4));
  const line = b.finish([b.dense(b.relu(b.dense(b.input([144, 1, 1]), 12)), 3)]);
  const normalization = { mean: Array(144).fill(0.4), std: Array(144).fill(0.3) };
  const pixels = { ...pictures(), shape: [144, 1, 1], normalization };
  const settings = { minutes: 0.01, bits: 2, levels: "powers", twoTerm: null, batchSize: 8, learningRate: 0.03 };
  const { distillation } = await quantizeFromImages(line, pixels, settings);
  const moved = await quantizeFromImages(line, pixels, { ...settings, augment: { crop: 1 } });
  assert.ok(distillation.attempts[0].found.distance < moved.distillation.attempts[0].found.distance);
});

test("the float network teaches outputs of any kind, in one thread and in two", async () => {
  for (const name of [
    "softmax",
    "a map of sigmoids",
    "classes and boxes",
    "a map that is rounded and read elsewhere",
  ]) {
    const { distillation, quality, warnings } = await quantizeFromImages(ENDINGS[name], pictures(), {
      ...{ minutes: 0.01, bits: 3, batchSize: 8, learningRate: 0.03, threads: name === "softmax" ? 2 : 1 },
    });
    const { before, after, attempts } = distillation;
    assert.ok(after.distance <= before.distance, name);
    assert.deepEqual(quality.outputs, after.outputs);
    assert.deepEqual(
      after.outputs.map((output) => output.name),
      ENDINGS[name].outputs,
    );
    assert.ok(attempts.some(({ kept }) => kept) === after.distance < before.distance);
    assert.deepEqual(warnings, []);
  }
});

const settings = [
  ["bits", [1, 7, "4", 4.5, null, Number.NaN]],
  ["levels", ["power", null, 2]],
  ["twoTerm", [3, 7, "none"]],
  ["price", [-1, "1", Number.NaN, Number.POSITIVE_INFINITY]],
  ["zeros", [-0.1, 1, "0.5", Number.NaN]],
  ["budget", [0, -1, "3", Number.POSITIVE_INFINITY]],
  ["minutes", [-1, Number.NaN, "5", Number.POSITIVE_INFINITY]],
  ["layers", [{ conv1: 5 }, new Map([["nothing", 5]])]],
  ["portions", [1, "1", []]],
  ["seed", [-1, 0.5]],
  ["threads", [0, 1.5]],
  ["batchSize", [0, "32"]],
  ["learningRate", [0, Number.NaN]],
  ["augment", ["flip", null]],
  ["activations", [8, { kind: "linear", bits: 9 }, { kind: "log", bits: 4 }, { kind: "weq", bits: 1, largest: 31 }]],
];
for (const [name, values] of settings) {
  test(`a wrong ${name} is called by its name before any work`, async () => {
    for (const value of values) {
      const run = quantizeFromImages(float, pictures(), { [name]: value });
      await assert.rejects(run, { name: "ShiftwiseError", code: "BAD_OPTION", where: new RegExp(`^${name}\\b`) });
    }
  });
}

test("a field that is none, a wrong control, a portion and too few bits are refused", async () => {
  const fails = (details, ...args) =>
    assert.rejects(quantizeFromImages(float, pictures(), ...args), { name: "ShiftwiseError", ...details });
  await fails({ code: "BAD_OPTION", where: "bit" }, { bit: 4 });
  await fails({ code: "BAD_OPTION", where: "options" }, null);
  await fails({ code: "BAD_OPTION", where: "options" }, 4);
  await fails({ code: "BAD_OPTION", where: "control.onProgress" }, {}, { onProgress: "yes" });
  await fails({ code: "BAD_OPTION", where: "control.signal" }, {}, { signal: true });
  await fails({ code: "BAD_OPTION", where: "layers conv1" }, { layers: new Map([["conv1", 7]]) });
  await fails({ code: "BAD_OPTION", where: "portions[0]" }, { portions: [2] });
  await fails({ code: "BAD_OPTION", where: "bits" }, { levels: "powers", bits: 5 });
  await fails({ code: "BAD_OPTION", where: "budget" }, { budget: 1 });
});

test("images that are none, of another shape or too few, and networks that are none, are refused", async () => {
  const good = pictures();
  const wrong = [
    undefined,
    null,
    {},
    "images/",
    new Uint8Array(144),
    { ...good, shape: [1, 6, 24] },
    { ...good, shape: good.shape.join("x") },
    { ...good, shape: [good.shape.join("x")] },
    { ...good, shape: good.shape.map(String) },
    { ...good, images: good.images.subarray(1) },
    { ...good, images: new Uint8Array(0) },
    { ...good, images: [...good.images] },
    { shape: good.shape, count: 0, read() {} },
    { shape: good.shape, count: 4 },
    { samples: { shape: good.shape, count: 4 }, pictures: null },
  ];
  for (const images of wrong) {
    await assert.rejects(quantizeFromImages(float, images), { name: "ShiftwiseError", code: "BAD_DATA" });
  }
  const augment = { flip: true };
  await assert.rejects(quantizeFromImages(float, samplesOf(good), { augment }), {
    code: "BAD_OPTION",
    where: "augment",
  });
  const done = await quantizeFromImages(float, good);
  const b = buildNetwork("none", createRandom(1));
  const weightless = b.finish([b.relu(b.input([1, 12, 12]))]);
  for (const network of [undefined, null, {}, "model.onnx", done.model, done.network, weightless]) {
    await assert.rejects(quantizeFromImages(network, good), { name: "ShiftwiseError", code: "BAD_GRAPH" });
  }
});

/** The network with the weights of its layers multiplied. */
function weighted(...factors) {
  const copy = structuredClone(float);
  const layers = copy.nodes.filter(({ op }) => op === "conv" || op === "dense");
  for (const [i, factor] of factors.entries()) {
    for (const { data } of [layers[i].weight, ...(layers[i].bias ? [layers[i].bias] : [])]) {
      data.forEach((w, k) => {
        data[k] = w * factor;
      });
    }
  }
  return copy;
}

/** Outputs for some images, as shares of the largest. */
function outputsOf(def) {
  const { images } = pictures(4);
  const [{ name }] = def.inputs;
  const all = [0, 1, 2, 3].flatMap((i) => {
    const { outputs } = runReference(def, { [name]: images.subarray(144 * i, 144 * (i + 1)) });
    return [...Object.values(outputs)[0]];
  });
  const largest = Math.max(...all.map(Math.abs));
  return all.map((value) => value / largest);
}

test("weights and activations of any size are rounded as well as those around 1", async () => {
  const noise = async (network, settings) => {
    const { model, warnings } = await quantizeFromImages(network, pictures(), settings);
    assert.deepEqual(warnings, []);
    const expected = outputsOf(lower(network, { grids: null }));
    return Math.hypot(...outputsOf(model).map((value, i) => value - expected[i]));
  };
  for (const settings of [{ bits: 4 }, { bits: 4, activations: { kind: "log", bits: 4, largest: 31 } }]) {
    const usual = await noise(float, settings);
    for (const exponent of [-95, -50, 33, 95]) {
      for (const factors of [
        [2 ** exponent, 2 ** -exponent],
        [1, 1, 1, 2 ** exponent],
      ]) {
        const found = await noise(weighted(...factors), settings);
        assert.ok(found < 1.5 * usual, `${factors}: ${found}, ${usual}`);
      }
    }
  }
});

test("a layer of weights next to nothing becomes zeros with a warning; what float32 has no room for is refused by name", async () => {
  const { model, warnings } = await quantizeFromImages(weighted(1, 1, 1e-41), pictures(), { bits: 4 });
  assert.match(warnings[1], /do not vary over the samples/);
  assert.match(warnings[0], /weights of conv3 are at most \d.\d+e-42, too small .* became 0/);
  const layer = model.layers.find(({ name }) => name === "conv3");
  const { levels, codes } = layer.weights;
  assert.ok(codes.every((code) => levels[code] === 0));
  const wrong = quantizeFromImages(weighted(1e38, 1e20), pictures(), { bits: 4 });
  await assert.rejects(wrong, { code: "BAD_DATA", where: /^relu/, message: /activation is not finite/ });
});

test("samples that are no samples are refused, and not taken for others", async () => {
  const shape = [1, 12, 12];
  const wrong = {
    "a promise": async (_, count) => new Float32Array(144 * count),
    "too few": (_, count) => new Float32Array(144 * count - 1),
    "too many": (_, count) => new Float32Array(144 * count + 1),
    "another kind": (_, count) => new Float64Array(144 * count),
    "a plain array": (_, count) => new Array(144 * count).fill(0),
    nothing: () => undefined,
  };
  for (const count of [4, 40]) {
    for (const [name, read] of Object.entries(wrong)) {
      const refused = {
        code: "BAD_DATA",
        where: /^read\(\d+, \d+\)$/,
        message: /a Float32Array of \d+ values, and no promise/,
      };
      await assert.rejects(quantizeFromImages(float, { shape, count, read }, { bits: 4 }), refused, name);
    }
  }
  const mine = new TypeError("mine");
  const read = () => {
    throw mine;
  };
  const error = await quantizeFromImages(float, { shape, count: 4, read }).catch((reason) => reason);
  assert.equal(error, mine);
});

test("a signal stops the work before the first sample, and between two batches of them", async () => {
  let reads = 0;
  const pixels = samplesOf(pictures(400));
  const samples = {
    ...pixels,
    read(from, count) {
      reads += count;
      return pixels.read(from, count);
    },
  };
  await assert.rejects(quantizeFromImages(float, samples, {}, { signal: AbortSignal.abort() }), { code: "ABORTED" });
  assert.equal(reads, 0);
  const soon = new AbortController();
  setImmediate(() => soon.abort());
  await assert.rejects(quantizeFromImages(float, samples, {}, { signal: soon.signal }), { code: "ABORTED" });
  assert.ok(reads < 100, `${reads}`);
});
