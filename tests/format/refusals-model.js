// refusals-model.js: each rule of a model's graph broken in the file of a model that has every layer and encoding.

import { storeFloats } from "../../dist/format/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { everything, tiny } from "../models/everything.js";
import { FLOAT32 } from "../models/layers.js";
import { NAN, patched, variants } from "./refusals.js";

export const model = variants(encodeModel(everything()), "model");
const { change, tensors } = model;

/** The file with the layer of this name changed. */
const layer = (name, edit) => change((g) => edit(g.layers.find((candidate) => candidate.name === name)));
const tensor = (name, edit) => change((g) => edit(g.tensors[name]));
const levels = (fields) => change((g) => Object.assign(g.tensors.d.encoding, fields));
const poisoned = (name) => tensors((t) => t.set(name, patched(t.get(name), 4, ...NAN)));

/** The elementwise layer as an activation, so that no kind of the graph is younger than version 1. */
function withoutSteps(g) {
  const at = g.layers.findIndex(({ op }) => op === "elementwise");
  const { name, input, output } = g.layers[at];
  g.layers[at] = { op: "activation", name, output, input, fn: "tanh", parameters: [] };
}

/** Takes the dimensions and the order of the ports away, too. */
function withoutShapes({ inputs, outputs }) {
  for (const port of [...inputs, ...outputs]) {
    delete port.dims;
    delete port.channelsLast;
  }
}

export const modelRefusals = {
  since: [
    [change(() => {}, 1), /inputs\[0\]: .*no other field; found dims/],
    [change(withoutShapes, 1), /layers\[7\]\.op: .*one of .*; found elementwise/],
    [
      change((g) => {
        withoutShapes(g);
        withoutSteps(g);
        g.layers.find(({ op }) => op === "binary").fn = "max";
      }, 1),
      /layers\[9\]\.fn: .*a value of version 1 of the format; found max, of version 2/,
    ],
  ],
  ports: [
    [change((g) => (g.inputs = [])), /inputs: .*at least one/],
    [change((g) => (g.outputs = [])), /outputs: .*at least one/],
    [change((g) => (g.outputs[1].name = "logits")), /outputs: .*names that differ/],
    [change((g) => g.inputs.push({ name: "image", tensor: "a" })), /inputs: .*names that differ/],
  ],
  "layer-names": [[layer("permute", (l) => (l.name = "concat")), /layers: .*names that differ/]],
  "known-tensors": [
    [layer("conv.a", (l) => (l.input = "toString")), /toString/],
    [layer("conv.b", (l) => (l.output = "nowhere")), /nowhere/],
    [layer("conv.b", (l) => (l.residual.tensor = "nowhere")), /layer conv\.b\.residual: .*nowhere/],
    [layer("concat", (l) => (l.inputs[1] = "nowhere")), /layer concat\.input: .*nowhere/],
    [layer("binary", (l) => (l.other = "nowhere")), /layer binary\.input: .*nowhere/],
    [layer("constant", (l) => (l.output = "nowhere")), /layers\[8\]: .*nowhere/],
    [change((g) => (g.inputs[0].tensor = "nowhere")), /input image: .*nowhere/],
    [change((g) => (g.outputs[0].tensor = "nowhere")), /output logits: .*nowhere/],
  ],
  "written-once": [
    [layer("conv.b", (l) => (l.output = "a")), /layer conv\.b\.output: .*not written before/],
    [change((g) => g.inputs.push({ name: "again", tensor: "x" })), /input again: .*not written before/],
    [change((g) => (g.tensors.extra = g.tensors.x)), /tensor extra: .*a layer that writes it/],
  ],
  "written-before": [
    [change((g) => g.layers.push(...g.layers.splice(6, 1))), /layer elementwise\.input: .*earlier layer/],
    [layer("conv.b", (l) => (l.residual.tensor = "b")), /layer conv\.b\.residual: .*earlier layer/],
  ],
  "port-dims": [
    [change((g) => (g.inputs[0].dims = [1, 36, 3])), /input image\.dims: .*elements of 2x6x6/],
    [change((g) => (g.outputs[1].dims = [])), /output side\.dims: .*elements of 2x4x4/],
    [change((g) => (g.outputs[1].dims = new Array(65).fill(1))), /output side\.dims: .*at most 64/],
  ],
  "total-size": [[tensor("g", (t) => (t.shape = [2 ** 31 - 1, 1, 1])), /at most 2147483647 elements/]],
  normalization: [
    [change((g) => (g.inputs[0].normalization.mean = [0])), /2 finite means/],
    [change((g) => (g.inputs[0].normalization.std = [1, 2, 3])), /2 positive stds/],
    [change((g) => (g.inputs[0].normalization.std = [1, 0])), /2 positive stds/],
  ],
  "encoding-scale": [
    [tensor("x", (t) => (t.encoding.scale = 0)), /encoding: scale/],
    [levels({ scale: -1 }), /encoding: scale/],
  ],
  "encoding-range": [1e-300, 1e-46, 2e-39, 3e37, 1e39].flatMap((scale) => [
    [tensor("x", (t) => (t.encoding.scale = scale)), /encoding: scale: .*float32 holds/],
    [levels({ scale }), /encoding: scale: .*float32 holds/],
  ]),
  "normalization-range": [
    [1e300, 1],
    [0.5, 1e-50],
    [0, 1e-39],
  ].map(([mean, std]) => [
    change((g) => (g.inputs[0].normalization = { mean: [0.5, mean], std: [0.5, std] })),
    /input image: .*float32 holds/,
  ]),
  "encoding-max": [0, 256, 3.5].map((max) => [tensor("x", (t) => (t.encoding.max = max)), /encoding: max/]),
  "encoding-zero": [-1, 256, 0.5].map((zero) => [tensor("x", (t) => (t.encoding.zero = zero)), /encoding: zero/]),
  "encoding-levels": [
    [levels({ levels: [0] }), /encoding: levels/],
    [levels({ levels: [1, 2, 3, 4, 5, 6] }), /encoding: levels/],
    [levels({ levels: [0, 1, 1, 4, 8, 16] }), /encoding: levels\[2\]/],
    [levels({ levels: [0, 1, 2, 4, 8, 256] }), /encoding: levels\[5\]/],
    [levels({ levels: [0, 1, 2, 4, 8, 16.5] }), /encoding: levels\[5\]/],
  ],
  "encoding-thresholds": [
    [levels({ thresholds: [0.5, 1.5, 3, 6] }), /encoding: thresholds/],
    [levels({ thresholds: [0.5, 1.5, 1.5, 6, 12] }), /encoding: thresholds\[2\]/],
    [levels({ thresholds: [0.1, 1.5, 3, 6, 12] }), /encoding: thresholds\[0\]/],
  ],
  groups: [
    [layer("conv.a", (l) => (l.groups = 3)), /groups: .*a divisor/],
    [change(oddOutputs), /layer conv\.f: groups: .*a divisor of 2 and 3/],
  ],
  "window-fits": [
    [layer("pool", (l) => (l.kernel = [7, 2])), /layer pool: kernel/],
    [layer("conv.f", (l) => (l.dilation = [1, 9])), /layer conv\.f: kernel/],
    [layer("mean", (l) => (l.kernel = [2, 3])), /layer mean: kernel/],
  ],
  "padded-size": [[layer("conv.f", (l) => (l.padding = [30000, 30000, 30000, 30000])), /padding: .*2147483647/]],
  "pool-padding": [0, 1, 2, 3].map((side) => [
    layer("pool", (l) => (l.padding[side] = 2)),
    /layer pool: padding: .*less than/,
  ]),
  "pool-windows": [
    [
      layer("pool", (l) => Object.assign(l, { dilation: [7, 1], padding: [1, 0, 1, 0] })),
      /pool: padding: .*under output row 0/,
    ],
    [
      layer("pool", (l) => Object.assign(l, { dilation: [1, 7], padding: [0, 1, 0, 1] })),
      /pool: padding: .*under output column 0/,
    ],
  ],
  "conv-shape": [[layer("conv.a", (l) => (l.padding = [0, 1, 1, 1])), /layer conv\.a: output: .*shape 4x5x6/]],
  "pool-shape": [
    [layer("pool", (l) => (l.stride = [1, 2])), /layer pool: output/],
    [layer("mean", (l) => (l.kernel = [1, 1])), /layer mean: output/],
  ],
  "dense-shape": [[tensor("y", (t) => (t.shape = [3, 1, 2])), /layer dense: output: .*shape 3x1x1/]],
  "same-shape": [
    [tensor("e", (t) => (t.shape = [8, 1, 4])), /layer add: output: .*shape 8x2x2/],
    [tensor("h", (t) => (t.shape = [2, 5, 4])), /layer activation: output/],
    [tensor("l", (t) => (t.shape = [2, 5, 4])), /layer elementwise: output/],
    [tensor("s", (t) => (t.shape = [2, 5, 3])), /layer softmax: output/],
  ],
  "concat-shape": [
    [layer("concat", (l) => (l.inputs = [])), /layer concat: inputs/],
    [layer("concat", (l) => (l.inputs = ["a"])), /layer concat: output: .*shape 4x6x6/],
    [change(mixedConcat), /layer more: inputs: .*1x1 rows and columns/],
  ],
  "gather-shape": [[layer("gather", (l) => l.rows.push(0)), /layer gather: output/]],
  "gather-indices": ["channels", "rows", "columns"].map((axis) => [
    layer("gather", (l) => (l[axis][0] = 6)),
    new RegExp(`layer gather: ${axis}\\[0\\]`),
  ]),
  "permute-dims": [
    [layer("permute", (l) => Object.assign(l, { dims: [], order: [] })), /dims: .*1 to 8 axes/],
    [layer("permute", (l) => (l.dims = [2, 5, 4, 1, 1, 1, 1, 1, 1])), /dims: .*1 to 8 axes/],
    [layer("permute", (l) => (l.dims = [2, 5, 3])), /dims: .*40 elements/],
    [tensor("t", (t) => (t.shape = [2, 4, 6])), /layer permute: output: .*40 elements/],
  ],
  "permute-order": [
    [layer("permute", (l) => (l.order = [0, 1, 1])), /order: .*axes 0\.\.2/],
    [layer("permute", (l) => (l.order = [0, 1])), /order: .*axes 0\.\.2/],
  ],
  parameters: [
    [layer("activation", (l) => (l.parameters = [])), /parameters: .*1 finite/],
    [layer("activation", (l) => (l.fn = "clip")), /parameters: .*2 finite/],
    [layer("activation", (l) => (l.fn = "tanh")), /parameters: .*0 finite/],
    [layer("elementwise", (l) => (l.steps[1].parameters = [])), /steps\[1\]\.parameters: .*1 finite/],
  ],
  "steps-count": [
    [layer("elementwise", (l) => (l.steps = [])), /steps: .*1 to 64/],
    [
      layer("elementwise", (l) => {
        l.steps = Array.from({ length: 65 }, (_, i) => ({ fn: "abs", parameters: [], of: [i] }));
      }),
      /steps: .*1 to 64/,
    ],
  ],
  "steps-of": [
    [layer("elementwise", (l) => (l.steps[1].of = [0, 1])), /steps\[1\]\.of: .*1 integers in 0\.\.1/],
    [layer("elementwise", (l) => (l.steps[2].of = [2, 3])), /steps\[2\]\.of/],
  ],
  "steps-read": [
    [layer("elementwise", (l) => (l.steps[4].of = [4, 0, 0])), /elementwise: steps: .*found 2/],
    [layer("elementwise", (l) => (l.steps = [{ fn: "constant", parameters: [1], of: [] }])), /elementwise: steps/],
  ],
  gains: [
    [poisoned("elementwise.gains"), /elementwise: gains: .*a finite number/],
    [tensor("h", (t) => (t.encoding = { kind: "linear", scale: 1, zero: 0, max: 255 })), /elementwise: gains/],
  ],
  "binary-shape": [
    [layer("binary", (l) => (l.other = "a")), /layer binary: other/],
    [tensor("v", (t) => (t.shape = [2, 4, 1])), /layer binary: output: .*shape 2x4x5/],
  ],
  "matmul-shape": [
    [layer("matmul", (l) => (l.other = "v")), /layer matmul: other: .*1 or 2 matrices of 5 rows; found 2x4x5/],
    [tensor("j", (t) => (t.shape = [2, 3, 4])), /layer matmul: output: .*shape 2x4x3/],
  ],
  "matmul-encoding": [
    [layer("matmul", (l) => (l.input = "x")), /layer matmul: input: .*float32/],
    [layer("matmul", (l) => (l.other = "x")), /layer matmul: other: .*float32/],
    [change((g) => (g.tensors.j.encoding = g.tensors.x.encoding)), /layer matmul: output: .*float32/],
  ],
  "resample-taps": [
    [layer("resample", (l) => (l.rows.weights = [1])), /layer resample: rows/],
    [layer("resample", (l) => (l.columns = { indices: [], weights: [] })), /layer resample: columns/],
    [layer("resample", (l) => (l.columns = { indices: [0, 1, 2, 3], weights: [1, 1, 1, 1] })), /resample: columns/],
    [layer("resample", (l) => (l.rows.indices[3] = 4)), /layer resample: rows\.indices/],
  ],
  "resample-channels": [[tensor("r", (t) => (t.shape = [3, 3, 5])), /layer resample: output: .*2 channels/]],
  "same-encoding": [
    [change((g) => (g.tensors.p.encoding.zero = 8)), /layer pool: output: .*the input's encoding/],
    [change((g) => (g.tensors.p.encoding = g.tensors.d.encoding)), /layer pool: output: .*the input's encoding/],
    [change((g) => (g.tensors.a.encoding.scale = 1)), /layer concat: inputs: .*the output's encoding/],
    [change((g) => (g.tensors.g.encoding.max = 254)), /layer gather: output: .*the input's encoding/],
    [change((g) => (g.tensors.t.encoding = FLOAT32)), /layer permute: output: .*the input's encoding/],
  ],
  "constant-encoding": [[change((g) => (g.tensors.k.encoding = g.tensors.x.encoding)), /constant: output: .*float32/]],
  "weights-input": [
    [change((g) => (g.tensors.x.encoding = FLOAT32)), /layer conv\.a: weights: .*float32 weights/],
    [change((g) => (g.tensors.u.encoding = g.tensors.x.encoding)), /layer conv\.f: weights: .*integer weights/],
  ],
  bits: [
    [layer("conv.a", (l) => (l.weights.bits = 6)), /weights\.bits: .*one of 2, 3, 4, 5/],
    [layer("conv.a", (l) => (l.weights.n1 = 0.5)), /weights\.n1: .*-126\.\.127/],
    [layer("conv.a", (l) => (l.weights.n1 = 128)), /weights\.n1: .*-126\.\.127/],
    [layer("conv.a", (l) => (l.weights.n1 = -127)), /weights\.n1: .*-126\.\.127/],
  ],
  "codebook-size": [
    [layer("wide", (l) => (l.weights.levels = [3])), /weights: .*2 to 128 levels/],
    [layer("wide", (l) => (l.weights.levels = [...Array(129).keys()])), /weights: .*2 to 128 levels/],
  ],
  "codebook-levels": [
    [layer("wide", (l) => (l.weights.levels[3] = 0)), /weights\.levels\[3\]/],
    [layer("wide", (l) => (l.weights.levels[3] = 3.5)), /weights\.levels\[3\]/],
    [layer("wide", (l) => (l.weights.levels[4] = 16384)), /weights\.levels\[4\]/],
    [layer("wide", (l) => (l.weights.levels[0] = -16384)), /weights\.levels\[0\]/],
  ],
  finite: [
    [poisoned("conv.a.scale"), /layer conv\.a: scale\[1\]: .*finite/],
    [poisoned("conv.a.offset"), /layer conv\.a: offset\[1\]: .*finite/],
    [poisoned("conv.f.weight"), /layer conv\.f: weights\[1\]: .*finite/],
    [poisoned("constant.values"), /layer constant: values\[1\]: .*finite/],
  ],
  sums: [
    [deep(), /weights of channel 0: .*8421632 \* 255/],
    [widePool(), /layer p: kernel: .*2147483647/],
  ],
  clamp: [[layer("conv.a", (l) => (l.clamp = { low: 7, high: 6 })), /layer conv\.a: clamp: .*low <= high/]],
  "residual-shape": [[layer("conv.b", (l) => (l.residual.tensor = "x")), /layer conv\.b: residual: .*shape 4x6x6/]],
  "residual-scale": [[layer("conv.b", (l) => (l.residual.scale = 0.1)), /layer conv\.b: residual\.scale: .*float32/]],
};

/** Three outputs of conv.f, which has two groups. */
function oddOutputs(graph, stored) {
  graph.tensors.f.shape[0] = 3;
  for (const name of ["scale", "offset"]) stored.set(`conv.f.${name}`, storeFloats([3], new Float32Array(3)));
  stored.set("conv.f.weight", storeFloats([3, 1, 3, 3], new Float32Array(27)));
}

function mixedConcat(graph) {
  graph.tensors.z = { shape: [5, 1, 1], encoding: FLOAT32 };
  graph.layers.push({ op: "concat", name: "more", output: "z", inputs: ["y", "f"] });
}

/** 65794 weights of 128 units on inputs up to 255; of the valid file the last is 0. */
function deep() {
  const def = tiny();
  const [dense] = def.layers;
  const codes = new Int8Array(65794).fill(8);
  codes[65793] = 0;
  const weights = { ...dense.weights, codes };
  const epilogue = { scale: Float32Array.of(1), offset: Float32Array.of(0), clamp: {} };
  def.tensors.x.shape = [65794, 1, 1];
  def.tensors.y.shape = [1, 1, 1];
  const file = variants(encodeModel({ ...def, layers: [{ ...dense, weights, epilogue }] }), "model");
  return file.tensors((t) => t.set("d.codes", patched(t.get("d.codes"), 32896, 8 + 9 * 8)));
}

/** A mean of one plane with so many pixels that 255 times their number leaves int32. */
function widePool() {
  const def = tiny();
  const epilogue = { scale: Float32Array.of(1), offset: Float32Array.of(0), clamp: {} };
  def.tensors.x.shape = [1, 2901, 2902];
  def.tensors.y.shape = [1, 1, 1];
  const pool = { op: "avgPool", name: "p", input: "x", output: "y", kernel: [2901, 2902], stride: [1, 1], epilogue };
  const file = variants(encodeModel({ ...def, layers: [pool] }), "model");
  return file.change((g) => {
    g.tensors.x.shape[1] = 2902;
    g.layers[0].kernel[0] = 2902;
  });
}
