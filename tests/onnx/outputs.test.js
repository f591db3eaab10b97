// outputs.test.js: networks up to chosen values, names of outputs that no file may hold, outputs listed twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeNetwork, encodeNetwork } from "../../dist/graph/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { build, floats } from "./build.js";

const NODES = [
  ["Conv", "x w", "a"],
  ["Relu", "a", "b"],
  ["Einsum", "b b", "c", { equation: "bchw,bchw->bc" }],
  ["Softmax", "c", "y"],
];
const constants = { w: floats([3, 4, 1, 1]) };

test("import stops at the outputs that are asked for", () => {
  const network = importOnnx(build({ nodes: NODES, constants }), { outputs: ["b", "a"] });
  assert.deepEqual(network.outputs, ["b", "a"]);
  assert.deepEqual(
    network.nodes.map(({ op }) => op),
    ["input", "conv", "relu"],
  );
  const wrong = { code: "BAD_OPTION", message: /outputs: no such value; .*such as y; found q/ };
  assert.throws(() => importOnnx(build({ nodes: NODES, constants }), { outputs: ["q"] }), wrong);
  const several = { code: "BAD_OPTION", found: "q, r" };
  assert.throws(() => importOnnx(build({ nodes: NODES, constants }), { outputs: ["q", "a", "r"] }), several);
  assert.throws(() => importOnnx(build({ nodes: NODES, constants }), { outputs: [] }), { code: "BAD_OPTION" });
});

test("what nothing reads is no problem", () => {
  const nodes = [...NODES, ["Sigmoid", "b", "z"]];
  assert.deepEqual(importOnnx(build({ nodes, constants, outputs: ["z"] })).outputs, ["z"]);
});

test("outputs that are constants are all named, with the option that leaves them out", () => {
  const nodes = [...NODES.slice(0, 2), ["Identity", "w", "k"], ["Shape", "x", "s"], ["Sigmoid", "b", "z(z"]];
  const refused = (outputs, pattern) => {
    const given = build({ nodes, constants, outputs });
    assert.throws(() => importOnnx(given), { code: "UNSUPPORTED", message: pattern });
  };
  refused(
    ["a", "k", "b"],
    /^output k: an output that depends on no input: ask for a, b alone with outputs, .* --outputs a,b$/,
  );
  refused(["z(z", "k", "s"], /^outputs k, s: .*: ask for z\(z alone .* --outputs 'z\(z'$/);
  assert.deepEqual(importOnnx(build({ nodes, constants, outputs: ["a", "k", "b"] }), { outputs: ["a", "b"] }).outputs, [
    "a",
    "b",
  ]);
});

test("an output listed twice is one", () => {
  const network = importOnnx(build({ nodes: [["Relu", "x", "y"]], outputs: ["y", "y"] }));
  assert.deepEqual(network.outputs, ["y"]);
});

test("names that are too long or not printable are made so, once each, and said", () => {
  const long = "n".repeat(300);
  const nodes = [
    ["Relu", "x", `${long}1`],
    ["Sigmoid", "x", `${long}2`],
    ["Tanh", "x", "a\u0007b"],
    ["Elu", "x", "e".repeat(200)],
  ];
  const warnings = [];
  const outputs = nodes.map(([, , name]) => name);
  const network = importOnnx(build({ nodes, outputs }), {
    onRemark: (line, level) => warnings.push(`${level} ${line}`),
  });
  assert.deepEqual(network.outputs, ["n".repeat(180), `${"n".repeat(180)}.2`, "ab", "e".repeat(200)]);
  assert.equal(warnings.length, 3);
  assert.match(warnings[2], /^note output a.b: is called ab here$/);
  const again = decodeNetwork(encodeNetwork(network)).network;
  assert.deepEqual(again.outputs, network.outputs);
});
