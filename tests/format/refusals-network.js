// refusals-network.js: each rule of a network's graph broken in the file of a network that has every kind of node.

import { createRandom } from "../../dist/base/index.js";
import { storeFloats } from "../../dist/format/index.js";
import { buildNetwork, encodeNetwork } from "../../dist/graph/index.js";
import { LEVELS, LINEAR } from "../models/everything.js";
import { NAN, patched, variants } from "./refusals.js";

/** A network with every kind of node, a grid of powers and a codebook. */
export function everyNode() {
  const b = buildNetwork("every node", createRandom(1));
  const constant = b.constant([1, 3, 1], Float32Array.of(1, 2, 3));
  const image = b.input([2, 6, 6], { mean: [0.5, 0.25], std: [0.1, 0.2] });
  const first = b.relu(b.batchNorm(b.conv(b.quantize(image, LINEAR), 4, { groups: 2, bias: true })), 6);
  const second = b.quantize(b.leakyRelu(b.conv(first, 4, { dilation: 2 }), 0.1), LEVELS);
  const joined = b.concat([b.add(first, second), second]);
  const pooled = b.maxPool(b.pad(joined, { channels: [1, 0], rows: [0, 1], columns: [2, 0] }, 0.5), 3, 2, 1);
  const cut = b.avgPool(b.slice(pooled, [0, 0, 0], [8, 4, 4], [2, 1, 1]), 2);
  const moved = b.permute(
    b.gather(cut, { channels: [1, -1, 0], rows: [0, 1, 1], columns: [1, 0] }),
    [3, 6],
    [1, 0],
    [6, 3, 1],
  );
  const scaled = b.binary("prelu", b.activation(moved, "elu", [0.75]), constant);
  const taps = [
    { indices: [0, 1, 2, 0], weights: [0.5, 0.25, 1, 2] },
    { indices: [0, 0], weights: [1, 0.5] },
  ];
  const sized = b.softmax(b.resample(scaled, [6, 2, 2], ...taps), 1);
  const network = b.finish(
    [b.dense(b.dropout(b.globalAvgPool(b.matmul(sized, sized)), 0.5), 3), sized],
    ["a", "b", "c"],
  );
  const nodes = network.nodes.map((node) => (node.op === "maxPool" ? { ...node, dilation: [1, 1] } : node));
  const ports = { input: { dims: [1, 36, 2], channelsLast: true }, [sized]: { dims: [1, 24] } };
  return { ...network, nodes, ports };
}

function frozenGrids(network) {
  const weightOf = (name) => network.nodes.find((node) => node.name === name).weight.data;
  const scale = Float32Array.of(0.5, 0.25, 1);
  weightOf("dense1")
    .fill(-0.5, 0, 6)
    .fill(0.25 * 3, 6, 12)
    .fill(0, 12);
  weightOf("conv1").set([0.5, -0.25, 0]);
  const frozen = weightOf("conv1").map((_, i) => Number(i < 3));
  return new Map([
    ["conv1", { kind: "powers", bits: 3, n1: -1, scale: null, frozen: Uint8Array.from(frozen) }],
    ["dense1", { kind: "codebook", levels: [-1, 0, 3], scale, frozen: new Uint8Array(18).fill(1) }],
  ]);
}

const valid = everyNode();
export const network = variants(
  encodeNetwork(valid, { grids: frozenGrids(valid), metadata: { epoch: "3" } }),
  "network",
);
const { change, tensors } = network;

const node = (name, edit) =>
  change((g, t) =>
    edit(
      g.nodes.find((candidate) => candidate.name === name),
      t,
    ),
  );
const set = (name, fields) => node(name, (n) => Object.assign(n, fields));
const resized = (name, shape, field = "weight") =>
  node(name, (n, t) => {
    n[field] = shape;
    t.set(`${name}.${field}`, storeFloats(shape, new Float32Array(shape.reduce((a, b) => a * b, 1))));
  });
const poisoned = (name) => tensors((t) => t.set(name, patched(t.get(name), 4, ...NAN)));
const floats = (name, ...values) =>
  tensors((t) => t.set(name, storeFloats([values.length], Float32Array.from(values))));
const byte = (name, at, value) => tensors((t) => t.set(name, patched(t.get(name), at, value)));

export const networkRefusals = {
  "node-names": [[node("relu1", (n) => (n.name = "quantize1")), /node quantize1\S*: .*not used before/]],
  "node-order": [
    [set("conv1", { input: "nowhere" }), /node conv1\S*: .*earlier nodes; found nowhere/],
    [set("conv1", { input: "conv1" }), /node conv1\S*: .*earlier nodes/],
    [set("add1", { inputs: ["relu1", "dense1"] }), /node add1\S*: .*earlier nodes/],
  ],
  "node-input": [[noInput(), /an input node; found 0/]],
  "node-outputs": [
    [change((g) => (g.outputs = [])), /outputs: .*at least one/],
    [change((g) => (g.outputs = ["nowhere"])), /outputs: .*the name of a node/],
    [change((g) => (g.outputs = ["dense1", "dense1"])), /outputs: .*names that differ/],
  ],
  since: [
    [
      change((g) => {
        delete g.ports;
        g.nodes.push({ op: "input", name: "again", shape: [1, 1, 1] });
      }, 1),
      /graph\.nodes: .*one input in version 1; found 2/,
    ],
  ],
  "node-ports": [
    [change((g) => (g.ports.conv1 = { dims: [1, 144] })), /network\.ports\.conv1: .*an input or output/],
    [change((g) => (g.ports.nowhere = {})), /network\.ports\.nowhere: .*an input or output/],
    [change((g) => (g.ports.softmax1.dims = [5, 5])), /ports\.softmax1\.dims: .*elements of 6x2x2/],
    [change((g) => (g.ports.softmax1.dims = new Array(65).fill(1))), /ports\.softmax1\.dims: .*at most 64/],
    [change((g) => (g.ports.softmax1.channelsLast = true)), /ports\.softmax1\.channelsLast: .*an input/],
  ],
  "node-size": [
    [set("avgPool1", { kernel: [9, 2] }), /node avgPool1\.kernel: .*one that fits the padded input/],
    [set("gather1", { rows: [] }), /node gather1\S*: .*positive size/],
    [set("pad1", { rows: [4194000, 0], columns: [600, 0] }), /node pad1\S*: .*below 2\^31/],
  ],
  "node-normalization": [
    [node("input", (n) => (n.normalization.mean = [0])), /2 finite means/],
    [node("input", (n) => (n.normalization.std = [1])), /2 finite means|2 positive stds/],
    [node("input", (n) => (n.normalization.std = [1, 0])), /2 positive stds/],
  ],
  "node-weight": [
    [resized("conv1", [4, 2, 3, 3]), /node conv1\.weight: .*input channels 2 = 2 groups of 2/],
    [set("conv1", { groups: 4 }), /node conv1\.weight: .*input channels/],
    [resized("dense1", [3, 5]), /node dense1\.weight: .*\(outputs, 6\)/],
  ],
  "node-norm": [
    [set("bn1", { epsilon: -1 }), /node bn1\.epsilon/],
    [set("bn1", { momentum: 1.5 }), /node bn1\.momentum/],
    [floats("bn1.variance", 1, 1, -1, 1), /node bn1\.variance\[2\]/],
    [change((g, t) => tinyNorm(g, t)), /node bn1\.variance\[1\]/],
    [change((g, t) => widerNorm(g, t)), /node bn1\.gamma: .*4 values/],
  ],
  "node-parameters": [
    [set("relu1", { max: 0 }), /node relu1\.max/],
    [set("leakyRelu1", { slope: 1.5 }), /node leakyRelu1\.slope/],
    [set("dropout1", { rate: 1 }), /node dropout1\.rate/],
    [set("elu1", { parameters: [] }), /node elu1\.parameters: .*1 finite/],
  ],
  "node-padding": [0, 1, 2, 3].map((side) => [
    node("maxPool1", (n) => (n.padding[side] = 3)),
    /node maxPool1\.padding: .*less than the kernel/,
  ]),
  "node-windows": [
    [node("maxPool1", (n) => Object.assign(n, { kernel: [2, 3], dilation: [8, 1] })), /under output row 0/],
    [node("maxPool1", (n) => Object.assign(n, { kernel: [3, 2], dilation: [1, 9] })), /under output column 0/],
  ],
  "node-shapes": [
    [set("add1", { inputs: ["relu1", "input"] }), /node add1\S*: .*shape 4x6x6/],
    [set("prelu1", { inputs: ["elu1", "relu1"] }), /node prelu1\S*: .*a shape that meets/],
    [set("matmul1", { inputs: ["softmax1", "relu1"] }), /node matmul1\S*: .*6 matrices of 2 rows; found 4x6x6/],
    [set("concat1", { inputs: [] }), /node concat1\S*: .*at least one/],
    [set("concat1", { inputs: ["relu1", "constant1"] }), /node concat1\S*: .*6x6 rows and columns; found 3x1/],
  ],
  "node-gather": ["channels", "rows", "columns"].map((axis) => [
    node("gather1", (n) => (n[axis][0] = 9)),
    new RegExp(`node gather1\\.${axis}\\[0\\]`),
  ]),
  "node-permute": [
    [set("permute1", { dims: [3, 5] }), /node permute1\S*: .*18 elements/],
    [set("permute1", { shape: [6, 2, 1] }), /node permute1\S*: .*18 elements/],
    [set("permute1", { dims: [], order: [] }), /node permute1\.dims: .*1 to 8/],
    [set("permute1", { dims: [3, 6, 1, 1, 1, 1, 1, 1, 1] }), /node permute1\.dims: .*1 to 8/],
    [set("permute1", { order: [0, 0] }), /node permute1\.order: .*0\.\.1/],
  ],
  "node-resample": [
    [set("resample1", { shape: [5, 2, 2] }), /node resample1\.output: .*6 channels/],
    [set("resample1", { rows: { indices: [0, 1, 2], weights: [1, 1, 1] } }), /node resample1\.rows: .*a multiple of 2/],
    [set("resample1", { rows: { indices: [], weights: [] } }), /node resample1\.rows: .*a multiple of 2/],
    [set("resample1", { columns: { indices: [0, 1], weights: [1, 1] } }), /node resample1\.columns\.indices/],
  ],
  "node-slice": [
    [set("slice1", { stop: [10, 4, 4] }), /node slice1\S*: .*start < stop/],
    [set("slice1", { start: [0, 4, 0] }), /node slice1\S*: .*start < stop/],
  ],
  "node-axes": [[set("pad1", { rows: [4194304, 0] }), /node pad1\S*: .*at most 4194304 channels/]],
  "node-encoding": [
    [node("quantize1", (n) => (n.encoding.max = 256)), /node quantize1\.encoding: max/],
    [node("quantize2", (n) => (n.encoding.levels[0] = 1)), /node quantize2\.encoding: levels/],
  ],
  "node-finite": ["conv1.weight", "conv1.bias", "bn1.gamma", "bn1.variance", "constant1.value", "dense1.bias"].map(
    (name) => [poisoned(name), new RegExp(`node ${name.replace(".", "\\.")}\\[1\\]: .*finite`)],
  ),
  "grid-node": [[change((g) => (g.grids[0].node = "relu1")), /grids\[0\]\.node: .*a conv or dense node/]],
  "grid-once": [[change((g) => g.grids.push(g.grids[0])), /tensor conv1\.frozen: .*found none/]],
  "grid-bits": [
    [change((g) => (g.grids[0].bits = 6)), /grids\[0\]\.bits/],
    [change((g) => (g.grids[0].n1 = 128)), /grids\[0\]\.n1/],
    [change((g) => (g.grids[0].n1 = -0.5)), /grids\[0\]\.n1/],
  ],
  "grid-levels": [[-1, 3, 0], [0], [-1, 0, 16384], [-1, 0.5, 3]].map((levels) => [
    change((g) => (g.grids[1].levels = levels)),
    /grid of dense1\.levels: .*2 to 128/,
  ]),
  "grid-scale": [
    [floats("dense1.gridScale", 0.5, 0, 1), /grid of dense1\.scale\[1\]/],
    [floats("dense1.gridScale", 0.5, Infinity, 1), /grid of dense1\.scale\[1\]/],
  ],
  "grid-frozen": [[byte("conv1.frozen", 4, 2), /grid of conv1\.frozen\[4\]: .*0 or 1/]],
  "grid-weights": [
    [byte("conv1.frozen", 4, 1), /grid of conv1\.frozen\[4\]/],
    [change((g) => (g.grids[0].n1 = 0)), /grid of conv1\.frozen\[1\]/],
    [change((g) => (g.grids[1].levels = [-2, 0, 3])), /grid of dense1\.frozen\[0\]/],
  ],
};

/** A variance of 0, without an epsilon. */
function tinyNorm(graph, stored) {
  graph.nodes.find(({ name }) => name === "bn1").epsilon = 0;
  stored.set("bn1.variance", storeFloats([4], Float32Array.of(1, 0, 1, 1)));
}

function widerNorm(graph, stored) {
  graph.nodes.find(({ name }) => name === "bn1").channels = 5;
  for (const name of ["gamma", "beta", "mean", "variance"]) {
    stored.set(`bn1.${name}`, storeFloats([5], new Float32Array(5).fill(1)));
  }
}

function noInput() {
  const [constant] = valid.nodes;
  const file = variants(encodeNetwork(valid), "network");
  return file.change((graph, stored) => {
    Object.assign(graph, { nodes: graph.nodes.slice(0, 1), outputs: [constant.name] });
    for (const name of stored.keys()) if (name !== "constant1.value") stored.delete(name);
  });
}
