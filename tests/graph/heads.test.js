// heads.test.js: first nodes that scale and shift each channel are one layer of the model; what is more stays as it is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, lower } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { Model } from "../../dist/runtime/index.js";
import { sampleActivations } from "../../dist/training/index.js";
import { memoryOfSync } from "../memory.js";
import { build, floats, scalar } from "../onnx/build.js";

const CONSTANTS = {
  w: floats([8, 3, 3, 3]),
  all: scalar(255),
  two: scalar(2),
  mean: floats([1, 3, 1, 1], [0.485, 0.456, 0.406]),
  std: floats([1, 3, 1, 1], [0.229, 0.224, 0.225]),
  none: floats([1, 3, 1, 1], [0.2, 0, 0.2]),
  plane: floats([1, 3, 8, 8]),
};
const TAIL = [
  ["Conv", "p w", "a", { pads: [1, 1, 1, 1] }],
  ["Relu", "a", "y"],
];
const random = createRandom(2);
const images = { images: Uint8Array.from({ length: 12 * 192 }, () => random.below(256)), shape: [3, 8, 8] };

const networkOf = (head, outputs = ["y"]) =>
  importOnnx(build({ nodes: [...head, ...TAIL], constants: CONSTANTS, x: [1, 3, 8, 8], outputs }));
const opsOf = ({ layers }) => layers.map(({ op }) => op);

const HEADS = [
  [
    ["Div", "x all", "q"],
    ["Sub", "q mean", "s"],
    ["Div", "s std", "p"],
  ],
  [
    ["Sub", "mean x", "q"],
    ["Mul", "q std", "p"],
  ],
  [
    ["Mul", "std x", "q"],
    ["Add", "mean q", "s"],
    ["Sub", "two s", "p"],
  ],
];

test("the same values come of one layer, in floats and in integers, and both executors agree", async () => {
  for (const head of HEADS) {
    const network = networkOf(head);
    const def = lower(network, { grids: null });
    assert.deepEqual(opsOf(def), ["conv", "conv"]);
    const values = Float32Array.from(images.images.subarray(0, 192));
    const samples = { shape: [3, 8, 8], count: 1, read: () => values };
    const [batch] = sampleActivations(network, samples, ["y"]);
    const expected = batch.get("y");
    const { outputs } = runReference(def, { x: values });
    const most = expected.reduce((largest, v) => Math.max(largest, Math.abs(v)), 1);
    assert.ok(outputs.y.every((v, i) => Math.abs(v - expected[i]) < 1e-5 * most));
    const { model, quality } = await quantizeFromImages(network, images, { bits: 5 });
    assert.equal(model.layers.filter(({ op }) => op === "binary" || op === "elementwise").length, 0);
    assert.ok(quality.outputs[0].snr > 15, `${quality.outputs[0].snr} dB`);
    const running = await Model.from(model);
    const pixels = images.images.subarray(0, 192);
    assert.deepEqual({ ...running.runSync(pixels) }, { ...runReference(model, { x: pixels }).outputs });
    running.dispose();
  }
});

test("what is more than scaling and shifting, read elsewhere or one number stays as it is", () => {
  const [first] = HEADS;
  const stays = [
    [[["Div", "x all", "p"]], ["elementwise", "conv"]],
    [
      [
        ["Sub", "x mean", "q"],
        ["Mul", "q q", "p"],
      ],
      ["constant", "binary", "binary", "conv"],
    ],
    [
      [
        ["Sub", "x mean", "q"],
        ["Div", "q none", "p"],
      ],
      ["constant", "binary", "constant", "binary", "conv"],
    ],
    [
      [
        ["Sub", "x plane", "q"],
        ["Mul", "q std", "p"],
      ],
      ["constant", "binary", "constant", "binary", "conv"],
    ],
    [
      [
        ["Sub", "x mean", "q"],
        ["Div", "two q", "p"],
      ],
      ["constant", "binary", "elementwise", "conv"],
    ],
  ];
  for (const [head, ops] of stays) assert.deepEqual(opsOf(lower(networkOf(head), { grids: null })), ops);
  const inside = opsOf(lower(networkOf(first, ["y", "s"]), { grids: null }));
  assert.ok(inside.includes("binary"), inside.join());
  const outside = lower(networkOf(first, ["y", "p"]), { grids: null });
  assert.ok(outside.outputs.some(({ name }) => name === "p"));
});

test("a norm that takes part keeps its statistics", () => {
  const b = buildNetwork("net", createRandom(1));
  const norm = b.batchNorm(
    b.elementwise(b.input([2, 3, 3]), [
      { fn: "constant", parameters: [4], of: [] },
      { fn: "mul", parameters: [], of: [0, 1] },
    ]),
  );
  const network = b.finish([b.conv(norm, 2)]);
  const made = network.nodes.find(({ op }) => op === "batchNorm");
  made.mean.data.set([1, 2]);
  made.variance.data.set([3, 0.5]);
  made.gamma.data.set([2, -1]);
  made.beta.data.set([0, 7]);
  const values = Float32Array.from({ length: 18 }, (_, i) => Math.sin(i));
  const def = lower(network, { grids: null });
  assert.deepEqual(opsOf(def), ["conv", "conv"]);
  const samples = { shape: [2, 3, 3], count: 1, read: () => values };
  const [batch] = sampleActivations(network, samples, ["conv1"]);
  const { outputs } = runReference(def, { input: values });
  assert.ok(outputs.conv1.every((v, i) => Math.abs(v - batch.get("conv1")[i]) < 1e-4));
});

test("an input of very many channels, which a small file may state, takes no memory", () => {
  const b = buildNetwork("net", createRandom(1));
  const one = b.constant([1, 1, 1], Float32Array.of(2));
  const network = b.finish([b.binary("add", b.binary("mul", b.input([2 ** 27, 1, 1]), one), one)]);
  const bytes = memoryOfSync(() => lower(network, { grids: null }));
  assert.ok(bytes < 2 ** 26, `${bytes} bytes`);
});
