// quantizers.test.js: where activations are rounded: chains, residuals, pools, concatenations, and agreement with lower().
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import {
  buildNetwork,
  demoNetwork,
  encodingGroups,
  insertQuantizers,
  lower,
  quantizationPoints,
  removeQuantizers,
  resnet20,
  validateNetwork,
} from "../../dist/graph/index.js";
import { advancePortion } from "../../dist/quantize/index.js";

const EIGHT = { kind: "linear", scale: 0.5, zero: 0, max: 255 };
const OTHER = { kind: "linear", scale: 0.25, zero: 0, max: 255 };

const tensor = (...shape) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5) });
const input = { op: "input", name: "in", shape: [2, 4, 4] };
const conv = (name, source, to = 2, from = 2) => ({
  op: "conv",
  name,
  input: source,
  weight: tensor(to, from, 1, 1),
  bias: null,
  stride: [1, 1],
  dilation: [1, 1],
  padding: [0, 0, 0, 0],
  groups: 1,
});
const norm = (name, source, channels = 2) => ({
  op: "batchNorm",
  name,
  input: source,
  gamma: tensor(channels),
  beta: tensor(channels),
  mean: tensor(channels),
  variance: tensor(channels),
  epsilon: 1e-5,
  momentum: 0.1,
});
const relu = (name, source) => ({ op: "relu", name, input: source });
const add = (name, a, b) => ({ op: "add", name, inputs: [a, b] });
const concat = (name, ...inputs) => ({ op: "concat", name, inputs });
const maxPool = (name, source) => ({
  op: "maxPool",
  name,
  input: source,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1, 1, 1],
});
const globalPool = (name, source) => ({ op: "globalAvgPool", name, input: source });
const dense = (name, source, from = 2) => ({ op: "dense", name, input: source, weight: tensor(3, from), bias: null });
const network = (outputs, ...nodes) => ({ name: "net", nodes: [input, ...nodes], outputs });

function quantizeAll(net, encoding = EIGHT) {
  return insertQuantizers(net, new Map(quantizationPoints(net).map((name) => [name, encoding])));
}

/** Lowers with all weights on the grid; lower() itself refuses a conv or dense whose input is not an integer. */
function lowered(net) {
  const quantized = quantizeAll(net);
  validateNetwork(quantized);
  return lower(quantized, { grids: advancePortion(quantized, null, { bits: 5, portion: 1 }) });
}

test("conv, batch norm and relu are one chain; the output stays float", () => {
  const net = network(["d"], conv("c", "in"), norm("n", "c"), relu("r", "n"), globalPool("g", "r"), dense("d", "g"));
  assert.deepEqual(quantizationPoints(net), ["in", "r", "g"]);
  const quantized = quantizeAll(net);
  assert.deepEqual(
    quantized.nodes.map((node) => [node.name, node.input]),
    [
      ["in", undefined],
      ["in.quantized", "in"],
      ["c", "in.quantized"],
      ["n", "c"],
      ["r", "n"],
      ["r.quantized", "r"],
      ["g", "r.quantized"],
      ["g.quantized", "g"],
      ["d", "g.quantized"],
    ],
  );
  assert.deepEqual(quantized.outputs, ["d"]);
  assert.equal(quantized.nodes[2].weight, net.nodes[1].weight);
  const model = lowered(net);
  assert.deepEqual(
    model.layers.map((layer) => layer.op),
    ["conv", "avgPool", "dense"],
  );
});

test("an identity shortcut: the sum joins the convolution's chain", () => {
  const net = network(
    ["g"],
    conv("c", "in"),
    relu("r", "c"),
    conv("c2", "r"),
    norm("n2", "c2"),
    add("a", "n2", "r"),
    relu("s", "a"),
    globalPool("g", "s"),
  );
  assert.deepEqual(quantizationPoints(net), ["in", "r", "s"]);
  const [, second] = lowered(net).layers;
  assert.equal(second.name, "c2");
  assert.equal(second.residual.tensor, "r.quantized");
});

test("two convolutions in one sum: the earlier is rounded, the later takes the sum in", () => {
  for (const operands of [
    ["n1", "n2"],
    ["n2", "n1"],
  ]) {
    const net = network(
      ["g"],
      conv("c1", "in"),
      norm("n1", "c1"),
      conv("c2", "in"),
      norm("n2", "c2"),
      add("a", ...operands),
      relu("r", "a"),
      globalPool("g", "r"),
    );
    assert.deepEqual(quantizationPoints(net), ["in", "n1", "r"]);
    const [first, second] = lowered(net).layers;
    assert.deepEqual([first.name, second.name, second.residual.tensor], ["c1", "c2", "n1.quantized"]);
  }
});

test("sums that no convolution can take in", () => {
  const clamped = network(["g"], conv("c", "in"), relu("r", "c"), add("a", "r", "in"), globalPool("g", "a"));
  assert.deepEqual(quantizationPoints(clamped), ["in", "r", "a"]);
  assert.deepEqual(
    lowered(clamped).layers.map((layer) => layer.op),
    ["conv", "add", "avgPool"],
  );
  const twice = network(["g"], conv("c", "in"), add("a", "c", "c"), globalPool("g", "a"));
  assert.deepEqual(quantizationPoints(twice), ["in", "c", "a"]);
  const readTwice = network(["g"], conv("c", "in"), conv("c2", "c"), add("a", "c", "c2"), globalPool("g", "a"));
  assert.deepEqual(quantizationPoints(readTwice), ["in", "c", "a"]);
  const pooled = network(["a2"], globalPool("p", "in"), globalPool("q", "in"), add("a", "p", "q"), relu("a2", "a"));
  assert.deepEqual(quantizationPoints(pooled), ["in", "p", "q"]);
  const vectors = network(["r"], dense("d1", "in", 32), dense("d2", "in", 32), add("a", "d1", "d2"), relu("r", "a"));
  assert.deepEqual(quantizationPoints(vectors), ["in", "d1", "d2"]);
  for (const net of [twice, readTwice, pooled, vectors]) assert.ok(lowered(net).layers.length > 0);
});

test("max pooling and concatenation are no points, what they read is", () => {
  const net = network(
    ["g"],
    conv("c1", "in"),
    relu("r1", "c1"),
    maxPool("m", "r1"),
    conv("c2", "in"),
    relu("r2", "c2"),
    concat("cat", "m", "r2"),
    conv("c3", "cat", 2, 4),
    globalPool("g", "c3"),
  );
  assert.deepEqual(quantizationPoints(net), ["in", "r1", "r2", "c3"]);
  assert.deepEqual(encodingGroups(net), [["in"], ["r1", "r2"], ["c3"]]);
  assert.deepEqual(
    lowered(net).layers.map((layer) => layer.op),
    ["conv", "maxPool", "conv", "concat", "conv", "avgPool"],
  );
});

test("groups join over chains of concatenations, once each", () => {
  const net = network(
    ["g"],
    conv("a", "in"),
    concat("ab", "a", "in"),
    conv("c", "ab", 2, 4),
    concat("abc", "ab", "c"),
    conv("d", "abc", 2, 6),
    globalPool("g", "d"),
  );
  assert.deepEqual(encodingGroups(net), [["in", "a", "c"], ["d"]]);
});

test("a tensor that is also an output ends its chain", () => {
  const net = network(["c", "r"], conv("c", "in"), relu("r", "c"));
  assert.deepEqual(quantizationPoints(net), ["in", "c"]);
  assert.deepEqual(quantizeAll(net).outputs, ["c", "r"]);
});

test("a batch norm by itself starts a chain", () => {
  const net = network(["g"], conv("c", "in"), relu("r", "c"), norm("n", "r"), relu("s", "n"), globalPool("g", "s"));
  assert.deepEqual(quantizationPoints(net), ["in", "r", "s"]);
  assert.ok(lowered(net).layers.length > 0);
});

test("ready-made networks lower to integers from end to end", () => {
  for (const [net, layers] of [
    [demoNetwork([1, 28, 28], 10, 1), 11],
    [resnet20([3, 32, 32], 10, 1), 23],
  ]) {
    const model = lowered(net);
    assert.equal(model.layers.length, layers);
    const outputs = new Set(model.outputs.map((port) => port.tensor));
    for (const layer of model.layers) {
      if ("weights" in layer) assert.equal(layer.weights.kind, "codes");
      assert.equal(model.tensors[layer.output].encoding.kind, outputs.has(layer.output) ? "float32" : "linear");
    }
    assert.equal(quantizationPoints(net).length, layers);
  }
});

test("refuses encodings that do not fit the network", () => {
  const b = buildNetwork("net", createRandom(1));
  const first = b.input([2, 4, 4]);
  const net = b.finish([b.globalAvgPool(b.relu(b.conv(first, 2)))]);
  const points = quantizationPoints(net);
  const all = new Map(points.map((name) => [name, EIGHT]));
  const refuse = (encodings, where) =>
    assert.throws(() => insertQuantizers(net, encodings), { code: "BAD_OPTION", where });
  refuse(new Map(), points[0]);
  refuse(new Map([...all].slice(1)), points[0]);
  refuse(new Map([...all, ["nowhere", EIGHT]]), "nowhere");
  refuse(new Map([...all, [points[1], { kind: "float32" }]]), points[1]);
  const quantized = insertQuantizers(net, all);
  assert.throws(() => insertQuantizers(quantized, all), { code: "BAD_GRAPH", where: `${points[0]}.quantized` });
  const joined = network(["g"], conv("a", "in"), concat("cat", "a", "in"), globalPool("g", "cat"));
  const unequal = new Map([
    ["in", EIGHT],
    ["a", OTHER],
  ]);
  assert.throws(() => insertQuantizers(joined, unequal), { code: "BAD_OPTION", where: "a" });
  const clash = network(["g"], conv("in.quantized", "in"), globalPool("g", "in.quantized"));
  assert.throws(() => quantizeAll(clash), { code: "BAD_GRAPH", where: "in.quantized" });
});

test("removeQuantizers undoes insertQuantizers", () => {
  const b = buildNetwork("n", createRandom(1));
  const x = b.relu(b.conv(b.input([2, 6, 6]), 4));
  const y = b.concat([b.add(b.conv(x, 4), x), b.maxPool(x, 3, 1, 1)]);
  const network = b.finish([b.dense(y, 3), x]);
  const inserted = insertQuantizers(network, new Map(quantizationPoints(network).map((name) => [name, EIGHT])));
  assert.notDeepEqual(inserted, network);
  assert.deepEqual(removeQuantizers(inserted), network);
});

test("what functions and products of two tensors read stays float32, also moved, and beside sums and means", () => {
  const b = buildNetwork("net", createRandom(1));
  const image = b.input([4, 6, 6]);
  const stream = b.add(b.conv(image, 4, { kernel: 1 }), b.conv(image, 4, { kernel: 1 }));
  const centred = b.binary("sub", stream, b.globalAvgPool(stream));
  const scores = b.matmul(centred, b.permute(centred, [4, 6, 6], [0, 2, 1], [4, 6, 6]));
  const tokens = b.conv(b.matmul(b.softmax(scores, 2), stream), 4, { kernel: 1 });
  const network = b.finish([b.conv(b.relu(b.add(tokens, stream)), 2, { kernel: 1 })]);
  // the input, the second operand of the first sum, the product that a convolution reads, what ends in the ReLU before the other
  assert.deepEqual(quantizationPoints(network), ["input", "conv1", "matmul2", "relu1"]);
  // an output is what the integers say, so a tensor that is one is rounded
  const open = { ...network, outputs: [...network.outputs, stream] };
  assert.ok(quantizationPoints(open).includes(stream));
});

test("what is only moved to an output stays float32, and shares no encoding with its neighbours", () => {
  const b = buildNetwork("moved", createRandom(1));
  const x = b.relu(b.conv(b.input([2, 4, 4]), 3));
  const rows = (n) => b.permute(b.conv(x, n), [n, 16], [1, 0], [16, n, 1]);
  const network = b.finish([b.concat([rows(2), rows(2)]), rows(4)]);
  assert.deepEqual(quantizationPoints(network), ["input", "relu1"]);
  assert.deepEqual(encodingGroups(network), [["input"], ["relu1"]]);
});

test("a constant that is joined with what a convolution reads is rounded with it", () => {
  const b = buildNetwork("net", createRandom(1));
  const token = b.constant([1, 2, 2], Float32Array.of(0.5, -1, 2, 0.25));
  const joined = b.concat([token, b.conv(b.input([3, 2, 2]), 2, { kernel: 1 })]);
  const network = b.finish([
    b.conv(joined, 2, { kernel: 1 }),
    b.binary("add", joined, b.constant([1, 1, 1], Float32Array.of(1))),
  ]);
  const points = quantizationPoints(network);
  assert.deepEqual(points, ["constant1", "input", "conv1"]);
  assert.deepEqual(encodingGroups(network), [["constant1", "conv1"], ["input"]]);
  const rounded = insertQuantizers(network, new Map(points.map((name) => [name, EIGHT])));
  const model = lower(rounded, { grids: advancePortion(rounded, null, { bits: 4, portion: 1 }) });
  assert.equal(model.layers.find(({ name }) => name === "conv2").weights.kind, "codes");
});
