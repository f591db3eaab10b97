// refusals-memory.js: what only a model, a network or a run in memory can break: in a file its types were read before.

import { decodeNetwork, encodeNetwork, validateNetwork } from "../../dist/graph/index.js";
import { decodeModel, validateModel } from "../../dist/model/index.js";
import { loadCheckpoint } from "../../dist/training/checkpoint.js";
import { everything } from "../models/everything.js";
import { network } from "./refusals-network.js";

const layer = (name, edit) => (def) => edit(def.layers.find((candidate) => candidate.name === name));
const node =
  (name, edit) =>
  ({ nodes }) =>
    edit(nodes.find((candidate) => candidate.name === name));
const set = (find, name, fields) => find(name, (found) => Object.assign(found, fields));

const models = [
  (d) => (d.layers[0].name = ""),
  (d) => (d.name = ""),
  (d) => (d.notes[""] = ""),
  (d) => (d.tensors[""] = d.tensors.x),
  (d) => (d.tensors.x.shape = [2, 6]),
  (d) => (d.tensors.x.shape = [2, 0, 6]),
  set(layer, "conv.a", { padding: [-1, 1, 1, 1] }),
  set(layer, "pool", { dilation: [1, 0] }),
  set(layer, "pool", { stride: [2, 1.5] }),
  set(layer, "pool", { kernel: [0, 2] }),
  set(layer, "gather", { value: -0 }),
  set(layer, "permute", { dims: [4, 10, 0.5, 2], order: [0, 1, 2, 3] }),
  set(layer, "activation", { fn: "toString" }),
  set(layer, "binary", { fn: "hypot" }),
  layer("elementwise", (l) => (l.steps = l.steps.map((step) => ({ ...step, fn: "tan" })))),
  set(layer, "constant", { values: new Float32Array(3) }),
  layer("resample", (l) => (l.columns.weights[3] = Number.NaN)),
  set(layer, "softmax", { axis: 3 }),
  layer("conv.a", (l) => (l.epilogue.scale = new Float32Array(3))),
  layer("conv.a", (l) => (l.epilogue.clamp = { low: Number.NaN })),
  layer("conv.f", (l) => (l.weights.values = new Float32Array(17))),
  layer("conv.a", (l) => (l.weights.codes = new Int8Array(71))),
  layer("conv.a", (l) => (l.weights.codes = new Uint8Array(72))),
  layer("conv.a", (l) => (l.weights.kind = "float64")),
  layer("conv.a", (l) => (l.epilogue.offset = [0, 0, 0, 0])),
  layer("constant", (l) => (l.values = [...l.values])),
  (d) => (d.tensors.x.encoding = { ...d.tensors.x.encoding, kind: "log" }),
  (d) => (d.labels = [1]),
  (d) => (d.inputs[0].channelsLast = 1),
  (d) => (d.outputs[1].dims = [31.5]),
  (d) => (d.outputs[1].dims = "32"),
  layer("conv.a", (l) => (l.weights.codes[70] = 9)),
  layer("wide", (l) => (l.weights.levels = [3])),
  layer("conv.a", (l) => (l.weights.bits = 6)),
  layer("conv.a", (l) => (l.weights.n1 = 200)),
];

const networks = [
  set(node, "relu1", { name: "" }),
  set(node, "relu1", { input: "" }),
  node("conv1", (n) => (n.weight.data = new Float32Array(3))),
  node("conv1", (n) => (n.weight.shape = [4, 1, 3, 2.9])),
  set(node, "elu1", { fn: "toString" }),
  set(node, "prelu1", { fn: "hypot" }),
  set(node, "softmax1", { axis: 3 }),
  node("resample1", (n) => (n.rows.weights[0] = Number.NaN)),
  set(node, "pad1", { value: Number.NaN }),
  set(node, "input", { shape: [2, 6] }),
  node("conv1", (n) => (n.weight.shape = [4, 9])),
  set(node, "prelu1", { inputs: ["elu1"] }),
  node("constant1", (n) => (n.value.shape = [3])),
  set(node, "pad1", { rows: [-1, 0] }),
  set(node, "add1", { inputs: ["relu1"] }),
  set(node, "matmul1", { inputs: ["softmax1"] }),
  set(node, "avgPool1", { kernel: [2, 0] }),
  set(node, "conv1", { dilation: [0, 1] }),
];

const grid = (name, fields) => (grids) => grids.set(name, { ...(grids.get(name) ?? grids.get("conv1")), ...fields });
const gridSets = [
  grid("relu1", {}),
  grid("conv1", { bits: 6 }),
  grid("conv1", { n1: 200 }),
  grid("dense1", { scale: new Float32Array(2) }),
  grid("conv1", { frozen: new Uint8Array(2) }),
];

/** Each throws a ShiftwiseError. */
export const memoryRefusals = [
  ...models.map((edit) => () => {
    const def = everything();
    edit(def);
    validateModel(def);
  }),
  ...networks.map((edit) => () => {
    const read = decodeNetwork(network.valid).network;
    edit(read);
    validateNetwork(read);
  }),
  ...gridSets.map((edit) => () => {
    const file = decodeNetwork(network.valid);
    edit(file.grids);
    encodeNetwork(file.network, file);
  }),
  () => loadCheckpoint(process.cwd(), {}, {}, {}),
  () => decodeModel("a text"),
  () => decodeModel(new Uint8Array(8), 3),
];
