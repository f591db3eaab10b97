// bombs.js: small files that ask for much; run as a program, it imports each and prints code, message and memory.
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { ShiftwiseError } from "../../dist/base/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import { memoryOfSync } from "../memory.js";
import { build, Float, floats, ints, scalar } from "./build.js";

const times = (count, make) => Array.from({ length: count }, (_, i) => make(i));
const many = (count, op, inputs, attributes, parts) => ({
  nodes: times(count, (i) => [op, inputs, `y${i}`, attributes]),
  outputs: times(count, (i) => `y${i}`),
  ...parts,
});
/** Nodes that make the constant c; the input is added, so that there is a network. */
const folded = (nodes, constants) => ({ x: [1, 1], nodes: [...nodes, ["Add", "x c", "y"]], constants });

/** What the file asks for: [model, code of the error or "imported", which node says so]. */
const BOMBS = {
  "a Resize beyond any tensor": () => [
    many(
      1,
      "Resize",
      "x _ _ n",
      { mode: "linear" },
      { x: [1, 1, 2, 2], constants: { n: ints(1, 1, 2 ** 22, 2 ** 22) } },
    ),
    "OVERFLOW",
    /node Resize_0/,
  ],
  "a Resize of one long axis": () => [
    many(1, "Resize", "x _ _ n", { mode: "cubic" }, { x: [1, 1, 2, 2], constants: { n: ints(1, 1, 2 ** 22, 1) } }),
    "OVERFLOW",
    /node Resize_0/,
  ],
  "forty Resizes": () => [
    many(40, "Resize", "x _ _ n", { mode: "linear" }, { x: [1, 1, 2, 2], constants: { n: ints(1, 1, 2 ** 20, 1) } }),
    "OVERFLOW",
    /node Resize_\d/,
  ],
  "a Resize of constants": () => [
    folded([["Resize", "a _ _ n", "c", { mode: "cubic" }]], { a: floats([1, 1, 2, 2]), n: ints(1, 1, 9000, 9000) }),
    "OVERFLOW",
    /node Resize_0/,
  ],
  "a chain of constants": () => [
    folded(
      [
        ["ConstantOfShape", "n", "c0"],
        ...times(40, (i) => ["Add", `c${i} c${i}`, `c${i + 1}`]),
        ["Identity", "c40", "c"],
      ],
      { n: ints(2 ** 23) },
    ),
    "OVERFLOW",
    /node Add_2/,
  ],
  "constants that double": () => [
    folded([...times(40, (i) => ["Concat", `c${i} c${i}`, `c${i + 1}`, { axis: 0 }]), ["Identity", "c40", "c"]], {
      c0: floats([8]),
    }),
    "OVERFLOW",
    /node Concat_/,
  ],
  "Expands of a constant": () => [
    folded([...times(100, (i) => ["Expand", "s n", `c${i}`]), ["Sum", times(100, (i) => `c${i}`).join(" "), "c"]], {
      s: scalar(1),
      n: ints(2 ** 22),
    }),
    "OVERFLOW",
    /node Expand_/,
  ],
  "a convolution of constants": () => [
    folded(
      [
        ["ConstantOfShape", "n", "a"],
        ["ConstantOfShape", "m", "k"],
        ["Conv", "a k", "b"],
        ["ReduceMean", "b", "c"],
      ],
      { n: ints(1, 64, 256, 256), m: ints(64, 64, 3, 3) },
    ),
    "OVERFLOW",
    /node Conv_2/,
  ],
  "a product of constants": () => [
    folded(
      [
        ["ConstantOfShape", "n", "a"],
        ["MatMul", "a a", "b"],
        ["ReduceMean", "b", "c"],
      ],
      { n: ints(2000, 2000) },
    ),
    "OVERFLOW",
    /node MatMul_1/,
  ],
  "a pool of constants": () => [
    folded(
      [
        ["ConstantOfShape", "n", "a"],
        ["MaxPool", "a", "b", { kernel_shape: [999, 999], strides: [1, 1] }],
        ["ReduceMean", "b", "c"],
      ],
      { n: ints(1, 1, 2000, 2000) },
    ),
    "OVERFLOW",
    /node MaxPool_1/,
  ],
  "Expands of an activation": () => [
    many(50, "Expand", "x n", {}, { x: [1, 1, 1, 1], constants: { n: ints(1, 1, 2 ** 22, 1) } }),
    "OVERFLOW",
    /node Expand_/,
  ],
  "Pads that repeat": () => [
    many(50, "Pad", "x p", { mode: "edge" }, { x: [1, 1, 1, 1], constants: { p: ints(0, 0, 2 ** 21, 0, 0, 0, 0, 0) } }),
    "OVERFLOW",
    /node Pad_/,
  ],
  "Gathers by a long list": () => [
    many(
      300,
      "Gather",
      "x n",
      { axis: 2 },
      { x: [1, 1, 1e5, 1], constants: { n: ints(...times(1e5, (i) => 99999 - i)) } },
    ),
    "OVERFLOW",
    /node Gather_/,
  ],
  "Slices of a long axis": () => [
    many(
      200,
      "Slice",
      "x a b c",
      {},
      { x: [1, 1, 2 ** 22, 1], constants: { a: ints(1), b: ints(2 ** 22), c: ints(2) } },
    ),
    "imported",
  ],
  "a Split of a long axis": () => [
    {
      x: [1, 256, 2 ** 19, 1],
      nodes: [["Split", "x", times(256, (i) => `y${i}`).join(" "), { axis: 1 }]],
      outputs: ["y0"],
    },
    "imported",
  ],
  "means with corrections": () => [
    many(20, "AveragePool", "x", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, { x: [1, 1, 4000, 4000] }),
    "OVERFLOW",
    /node AveragePool_/,
  ],
  "transposed convolutions with long strides": () => [
    many(
      60,
      "ConvTranspose",
      "x w",
      { strides: [65000, 1] },
      { x: [1, 1, 60, 2], constants: { w: floats([1, 1, 1, 1]) } },
    ),
    "OVERFLOW",
    /node ConvTranspose_/,
  ],
  "weights that two hundred layers share": () => [
    many(200, "MatMul", "x w", {}, { x: [1, 500], constants: { w: floats([500, 500]) } }),
    "OVERFLOW",
    /node MatMul_/,
  ],
  "sums behind a wide batch norm": () => [
    {
      x: [1, 2 ** 19, 1, 1],
      nodes: [
        ["BatchNormalization", "x o o z o", "y0", { epsilon: new Float(1) }],
        ...times(99, (i) => ["Add", `y${i} s`, `y${i + 1}`]),
      ],
      outputs: ["y99"],
      constants: { s: scalar(1), o: floats([2 ** 19], new Array(2 ** 19).fill(1)), z: floats([2 ** 19]) },
    },
    "OVERFLOW",
    /node Add_/,
  ],
  "fifty thousand nodes in a row": () => [
    { nodes: times(50000, (i) => ["Relu", i ? `y${i - 1}` : "x", `y${i}`]), outputs: ["y49999"] },
    "imported",
  ],
  "fifty thousand nodes beside each other": () => [many(50000, "Relu", "x", {}, {}), "imported"],
  "a hundred thousand nodes": () => [many(1e5, "Relu", "x", {}, {}), "OVERFLOW", /graph\.node: too many nodes/],
  "thirty thousand names that begin alike": () => [
    { nodes: times(30000, (i) => ["Relu", "x", `${"n".repeat(190)}${i}`]), outputs: [`${"n".repeat(190)}7`] },
    "imported",
  ],
  "thirty thousand transposes of the input": () => [
    { nodes: times(30000, (i) => ["Transpose", "x", `y${i}`, { perm: [0, 3, 1, 2] }]), outputs: ["y9"] },
    "imported",
  ],
  "thirty thousand unknown operators": () => [
    many(30000, "Nope", "x", {}, {}),
    "UNSUPPORTED",
    /30000 nodes \(Nope_0, Nope_1, 29998 more\): Nope: operator, opset 13/,
  ],
  "two million empty nodes": () => [emptyNodes(2e6), "OVERFLOW", /too many messages/],
  "a hundred thousand axes": () => [
    { x: [1, 1], nodes: [["Unsqueeze", "x a", "y"]], constants: { a: ints(...times(1e5, (i) => i)) } },
    "OVERFLOW",
    /node Unsqueeze_0\.axes: too many dimensions/,
  ],
  "a constant of a hundred thousand axes": () => [
    folded([["Identity", "s", "c"]], { s: floats(new Array(1e5).fill(1)) }),
    "OVERFLOW",
    /initializer s: too many dimensions/,
  ],
  "a shape of a hundred thousand ones": () => [
    folded([["Reshape", "s n", "c"]], { s: scalar(1), n: ints(...new Array(1e5).fill(1)) }),
    "OVERFLOW",
    /node Reshape_0\.shape: too many dimensions/,
  ],
  "an axis of length zero beside a long one": () => [
    folded(
      [
        ["Softmax", "w", "a"],
        ["Concat", "a a", "c", { axis: 1 }],
      ],
      { w: { ...floats([0]), dims: [2 ** 31 - 1, 0] } },
    ),
    "OVERFLOW",
    /initializer w/,
  ],
  "a product of nothing": () => [
    folded([["MatMul", "a b", "c"]], { a: floats([2 ** 19, 2, 0]), b: floats([0, 2 ** 19]) }),
    "OVERFLOW",
    /node MatMul_0/,
  ],
  "parts of no length": () => [
    folded([["Split", "s n", "a c", { axis: 0 }]], { s: floats([1]), n: ints(1, ...new Array(1e5).fill(0)) }),
    "BAD_GRAPH",
    /node Split_0\.split/,
  ],
  "a name of a million letters": () => [
    { nodes: [["Relu", "q".repeat(1e6), "y"]] },
    "BAD_GRAPH",
    /node Relu_0\.input.{0,200}$/,
  ],
};

/** A model whose graph holds nodes of no bytes: each takes two in the file. */
function emptyNodes(count) {
  const length = [];
  for (let n = 2 * count; n > 0; n >>>= 7) length.push((n & 127) | (n > 127 ? 128 : 0));
  const bytes = new Uint8Array(1 + length.length + 2 * count);
  bytes.set([0x3a, ...length]);
  for (let i = 1 + length.length; i < bytes.length; i += 2) bytes[i] = 0x0a;
  return bytes;
}

export const NAMES = Object.keys(BOMBS);
export const expected = (name) => BOMBS[name]().slice(1);

if (argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of NAMES) {
    const [model] = BOMBS[name]();
    const bytes = model instanceof Uint8Array ? model : build(model);
    globalThis.gc();
    let [code, message] = ["imported", ""];
    const memory = memoryOfSync(() => {
      try {
        importOnnx(bytes);
      } catch (error) {
        [code, message] = error instanceof ShiftwiseError ? [error.code, error.message] : ["untyped", error.stack];
      }
    });
    console.log(JSON.stringify({ name, code, message, memory, size: bytes.length }));
  }
}
