// clamps.test.js: bounds behind moves join the layer before them, and nothing else changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lower } from "../../dist/graph/index.js";
import { evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { build, floats, ints, scalar } from "../onnx/build.js";
import { assertAgree } from "../runtime/agree.js";

const constants = {
  w: floats([4, 4, 3, 3]),
  zero: scalar(0),
  one: scalar(1),
  start: ints(1),
  end: ints(4),
  axis: ints(3),
  pads: ints(0, 0, 1, 1, 0, 0, 0, 2),
  minus: scalar(-2),
};
const CONV = ["Conv", "x w", "a"];
const POOL = ["MaxPool", "a", "p", { kernel_shape: [2, 2], pads: [1, 0, 0, 0] }];

/** The kinds of layers, and that the outputs are as the evaluator's. */
async function layersOf(nodes, outputs = ["y"]) {
  const file = build({ nodes, constants, outputs });
  const network = importOnnx(file);
  const def = lower(network, { grids: null });
  const data = Float32Array.from({ length: 168 }, (_, i) => 2 * Math.sin(i * 78.233));
  const expected = evaluateModel(
    readModel(file, null),
    new Map([["x", { type: "float32", dims: [1, 4, 6, 7], data }]]),
  );
  const { outputs: found } = await assertAgree(def, { x: data });
  for (const [name, value] of expected) {
    value.data.forEach((v, i) => {
      assert.ok(Math.abs(found[name][i] - v) <= 1e-5, `${name}[${i}]: ${found[name][i]} for ${v}`);
    });
  }
  return def.layers.map(({ op, epilogue }) => (epilogue?.clamp.low === undefined ? op : `${op}+`));
}

test("behind a max pool, a slice, a pad, and several of them", async () => {
  assert.deepEqual(await layersOf([CONV, POOL, ["Relu", "p", "y"]]), ["conv+", "maxPool"]);
  assert.deepEqual(await layersOf([CONV, POOL, ["Clip", "p zero one", "y"]]), ["conv+", "maxPool"]);
  const slice = ["Slice", "p start end axis", "s"];
  assert.deepEqual(await layersOf([CONV, POOL, slice, ["Relu", "s", "y"]]), ["conv+", "maxPool", "gather"]);
  // the value of the pad is bounded too
  const pad = ["Pad", "p pads minus", "s"];
  assert.deepEqual(await layersOf([CONV, POOL, pad, ["Relu", "s", "y"]]), ["conv+", "maxPool", "gather"]);
});

test("not where something else reads the tensor without bounds, or where no layer has an epilogue", async () => {
  const twice = [CONV, POOL, ["Relu", "p", "y"], ["Sigmoid", "a", "z"]];
  assert.deepEqual(await layersOf(twice, ["y", "z"]), ["conv", "maxPool", "avgPool+", "activation"]);
  assert.deepEqual(await layersOf([CONV, POOL, ["Relu", "p", "y"]], ["p", "y"]), ["conv", "maxPool", "avgPool+"]);
  const first = [
    ["MaxPool", "x", "p", { kernel_shape: [2, 2] }],
    ["Relu", "p", "y"],
  ];
  assert.deepEqual(await layersOf(first), ["maxPool", "avgPool+"]);
});
