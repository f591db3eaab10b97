// pixel-head.test.js: networks whose own first nodes scale pixels take them as they are, and that is said.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeModel } from "../../dist/model/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { pixelHead } from "../../dist/pipeline/pixel-head.js";
import { shiftwise, temporaryFolder } from "../cli/helpers.js";
import { build, floats, scalar } from "../onnx/build.js";

const TAIL = [
  ["Conv", "p w", "a"],
  ["Relu", "a", "r"],
  ["GlobalAveragePool", "r", "g"],
  ["Flatten", "g", "y"],
];
const CONSTANTS = {
  w: floats([16, 3, 3, 3]),
  all: scalar(255),
  half: scalar(127.5),
  one: scalar(1),
  two: scalar(2),
  mean: floats([1, 3, 1, 1], [0.485, 0.456, 0.406]),
  std: floats([1, 3, 1, 1], [0.229, 0.224, 0.225]),
};
const file = (head, x = [1, 3, 16, 16]) => build({ nodes: [...head, ...TAIL], constants: CONSTANTS, x });
const headOf = (...args) => {
  const network = importOnnx(file(...args));
  return pixelHead(network, network.nodes[0]);
};

const DIVIDED = [["Div", "x all", "p"]];
const HEADS = [
  [DIVIDED, 0, 1],
  [
    [
      ["Div", "x half", "q"],
      ["Sub", "q one", "p"],
    ],
    -1,
    1,
  ],
  [
    [
      ["Div", "x all", "q"],
      ["Sub", "q mean", "s"],
      ["Div", "s std", "p"],
    ],
    -2.118,
    2.64,
  ],
  [
    [
      ["Cast", "x", "c", { to: 1 }],
      ["Div", "c all", "p"],
    ],
    0,
    1,
  ],
  [
    [
      ["Div", "x all", "q"],
      ["Transpose", "q", "p", { perm: [0, 3, 1, 2] }],
    ],
    0,
    1,
    [1, 16, 16, 3],
  ],
  [
    [
      ["Transpose", "x", "q", { perm: [0, 3, 1, 2] }],
      ["Div", "q all", "p"],
    ],
    0,
    1,
    [1, 16, 16, 3],
  ],
];

test("nodes that divide pixels, take off their mean and divide by their deviation, in any layout", () => {
  for (const [nodes, low, high, x] of HEADS) {
    const head = headOf(nodes, x);
    assert.ok(Math.abs(head.low - low) < 1e-3 && Math.abs(head.high - high) < 1e-3, JSON.stringify([nodes, head]));
  }
});

test("other first nodes say nothing about pixels", () => {
  const others = [
    [["Identity", "x", "p"]],
    [["Mul", "x two", "p"]],
    [["Sigmoid", "x", "p"]],
    [
      ["Div", "x all", "q"],
      ["Mul", "q q", "p"],
    ],
    [
      ["Div", "x all", "q"],
      ["Add", "q x", "p"],
    ],
  ];
  for (const nodes of others) assert.equal(headOf(nodes), null, JSON.stringify(nodes));
});

const pictures = {
  images: Uint8Array.from({ length: 768 * 8 }, (_, i) => ((i * 7919) % 256) * ((1 + Math.floor(i / 768)) / 8)),
  shape: [3, 16, 16],
};

test("quantizeFromImages takes pixels as they are, and warns of what scales them twice", async () => {
  const network = importOnnx(file(DIVIDED));
  const { model, warnings } = await quantizeFromImages(network, pictures);
  assert.deepEqual(model.inputs[0].normalization, { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] });
  assert.deepEqual(warnings, [
    'the network\'s own first nodes, up to "p", make 0..1 of pixels 0..255: pixels go in as they are',
  ]);
  const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
  const twice = await quantizeFromImages(network, { ...pictures, normalization });
  assert.match(twice.warnings[0], /up to "p", scale pixels of 0\.\.255, but these are scaled before: --range 255/);
  const right = await quantizeFromImages(network, { ...pictures, normalization: model.inputs[0].normalization });
  assert.deepEqual(right.warnings, []);
});

test("the command says so, and that a model does not turn channels", async () => {
  const folder = temporaryFolder();
  const [path, images, out] = ["net.onnx", "images.npy", "model.safetensors"].map((name) => join(folder, name));
  const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (8, 3, 16, 16), }".padEnd(117);
  const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
  writeFileSync(path, file(DIVIDED));
  writeFileSync(images, Buffer.concat([head, Buffer.from(`${header}\n`), pictures.images]));
  const run = ["quantize", path, "--calibrate", images, "--out", out];
  const first = await shiftwise(run);
  assert.match(first.stdout, /own first nodes, up to "p", make 0\.\.1/);
  assert.doesNotMatch(first.stdout, /assumed|blue/);
  const second = await shiftwise([...run, "--channels", "bgr", "--range", 1]);
  assert.match(second.stdout, /pixels go in as blue, green, red, and the model does not turn them/);
  assert.match(second.stdout, /these are scaled before: --range 255/);
  const { notes } = decodeModel(new Uint8Array(readFileSync(out)));
  assert.equal(notes.pictures, "channels in the order blue, green, red");
});
