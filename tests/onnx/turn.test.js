// turn.test.js: pictures with their channels last: scaled before the Transpose, and read by something else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { importOnnx } from "../../dist/onnx/index.js";
import { build, Float, floats, ints, scalar } from "./build.js";
import { assertSame } from "./same.js";

const TURN = ["Transpose", "b", "t", { perm: [0, 3, 1, 2] }];
const CONV = ["Conv", "t w", "y", { pads: [1, 1, 1, 1] }];
const w = floats([4, 3, 3, 3]);
const x = [1, 6, 7, 3];
const opsOf = (network) => network.nodes.map(({ op }) => op);

test("functions of each element go behind the Transpose, with what they meet", async () => {
  const ways = [
    { nodes: [["Mul", "x s", "b"]], constants: { s: scalar(1 / 127.5) } },
    {
      nodes: [
        ["Div", "x s", "a"],
        ["Sub", "a m", "b"],
      ],
      constants: { s: scalar(255), m: floats([3], [0.4, 0.5, 0.6]) },
    },
    {
      nodes: [
        ["Cast", "x", "a", { to: 1 }],
        ["Mul", "s a", "c"],
        ["Add", "c m", "b"],
      ],
      constants: { s: floats([1, 1, 3], [0.1, 0.2, 0.3]), m: floats([1, 1, 1, 3], [-1, -0.9, -1.1]) },
    },
    { nodes: [["Sub", "m x", "b"]], constants: { m: floats([6, 7, 3]) } },
    { nodes: [["Add", "x m", "b"]], constants: { m: floats([7, 1]) } },
    {
      nodes: [
        ["Constant", "", "m", { value: floats([3], [1, 2, 3]) }],
        ["Mul", "x m", "a"],
        ["Clip", "a low high", "b"],
      ],
      constants: { low: scalar(-1), high: scalar(2.5) },
    },
    { nodes: [["Clip", "x _ high", "b"]], constants: { high: scalar(0.5) } },
    { nodes: [["Clip", "x", "b", { max: new Float(0.5), min: new Float(-1) }]], constants: {}, opset: 9 },
  ];
  for (const { nodes, constants, ...more } of ways) {
    const network = await assertSame({ ...more, x, nodes: [...nodes, TURN, CONV], constants: { ...constants, w } });
    assert.ok(!opsOf(network).includes("permute"), `${opsOf(network)}`);
    assert.deepEqual(network.nodes.find(({ op }) => op === "input").shape, [3, 6, 7]);
    assert.deepEqual(network.ports.x, { dims: x, channelsLast: true });
  }
});

test("a picture that something else reads is held with its channels first, too", async () => {
  const turned = [
    ["Split", "x", "p q r", { axis: 3 }],
    ["Concat", "r q p", "b", { axis: 3 }],
  ];
  const ways = {
    "channels the other way round": { nodes: [...turned, TURN, CONV], constants: { w } },
    "read twice": {
      nodes: [
        ["Mul", "x x", "b"],
        TURN,
        ["Conv", "t w", "z", { pads: [1, 1, 1, 1] }],
        ["ReduceMean", "x", "m", { axes: [1, 2, 3], keepdims: 1 }],
        ["Add", "z m", "y"],
      ],
      constants: { w },
    },
    "an output before the Transpose": {
      nodes: [["Mul", "x s", "b"], TURN, CONV],
      constants: { s: floats([3]), w },
      outputs: ["b", "y"],
    },
    "a product that differs": { nodes: [["Mul", "x s", "b"], TURN, CONV], constants: { s: floats([1, 6, 7, 1]), w } },
  };
  for (const [name, parts] of Object.entries(ways)) {
    const network = await assertSame({ x, ...parts });
    assert.deepEqual(network.nodes.find(({ op }) => op === "input").shape, [3, 6, 7], name);
    assert.deepEqual(network.ports.x, { dims: x, channelsLast: true }, name);
  }
  const grey = {
    x: [1, 6, 7, 1],
    nodes: [
      ["Reshape", "x z", "a"],
      ["Gemm", "a g", "y"],
    ],
    constants: { z: ints(1, -1), g: floats([42, 5]) },
  };
  assert.deepEqual((await assertSame(grey)).nodes[0].shape, [1, 6, 7]);
});

test("what is no picture stays as it is", () => {
  const shapeOf = (dims, nodes) => importOnnx(build({ x: dims, nodes })).nodes[0].shape;
  for (const dims of [
    [1, 3, 6, 7],
    [1, 9, 1, 3],
    [1, 2, 9, 3],
    [1, 6, 7, 5],
  ]) {
    assert.deepEqual(shapeOf(dims, [["Relu", "x", "y"]]), dims.slice(1));
  }
});

test("behind very many functions the Transpose stays", async () => {
  const chain = (length) => [
    ...Array.from({ length }, (_, i) => ["Mul", `${i ? `v${i - 1}` : "x"} s`, i === length - 1 ? "b" : `v${i}`]),
    TURN,
    CONV,
  ];
  const constants = { s: floats([3], [1, -1, 1]), w };
  assert.ok(!opsOf(await assertSame({ x, nodes: chain(16), constants })).includes("permute"));
  assert.ok(opsOf(await assertSame({ x, nodes: chain(17), constants })).includes("permute"));
});
