// recurrent.test.js: layers of one step that onnxruntime does not run, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { build, floats, ints } from "./build.js";
import { RECURRENT } from "./recurrent-cases.js";

/** The outputs for one input, as numbers. */
function run(parts) {
  const dims = parts.x;
  const data = Float32Array.from({ length: dims.at(-1) }, (_, i) => 2 * Math.sin(i * 78.233));
  const outputs = evaluateModel(readModel(build(parts), null), new Map([["x", { type: "float32", dims, data }]]));
  return [...outputs.values()].map(({ dims: [...shape], data: [...values] }) => ({ shape, values }));
}

/** The same model with the batch before the steps, as layout 1 has it. */
function batchFirst({ nodes, constants, ...parts }) {
  const [directions, , size] = constants.shape.int64Data;
  const layer = nodes.at(-1);
  const turned = [...nodes.slice(0, -1), [...layer.slice(0, 3), { ...layer[3], layout: 1 }]];
  return { ...parts, nodes: turned, constants: { ...constants, shape: ints(1, directions, size) } };
}

test("with the batch first the values are the same, and the shapes are turned", () => {
  for (const [name, parts] of Object.entries(RECURRENT)) {
    const [first, last] = [run(parts), run(batchFirst(parts))];
    const [directions, , size] = parts.constants.shape.int64Data;
    assert.deepEqual(
      last.map(({ values }) => values),
      first.map(({ values }) => values),
      name,
    );
    assert.deepEqual(
      last.map(({ shape }) => shape),
      [[1, 1, directions, size], ...new Array(last.length - 1).fill([1, directions, size])],
      name,
    );
  }
});

test("each line of a batch is a sequence of its own", () => {
  const lines = 4;
  const one = RECURRENT["GRU of one step"];
  const { w, r, b } = one.constants;
  const nodes = [["GRU", "x w r b", "y h", { hidden_size: 3 }]];
  const outputs = ["y", "h"];
  const data = Float32Array.from({ length: 5 * lines }, (_, i) => Math.sin(i * 78.233));
  const of = (dims, values) => {
    const model = readModel(build({ nodes, constants: { w, r, b }, outputs, x: dims }), null);
    return evaluateModel(model, new Map([["x", { type: "float32", dims, data: values }]])).get("h");
  };
  const all = of([1, lines, 5], data);
  assert.deepEqual([...all.dims], [1, lines, 3]);
  for (let line = 0; line < lines; line++) {
    const alone = of([1, 1, 5], data.slice(5 * line, 5 * line + 5));
    assert.deepEqual([...all.data.slice(3 * line, 3 * line + 3)], [...alone.data]);
  }
});

test("longer sequences, and what a layer does not have, are refused with what to do", () => {
  const { constants } = RECURRENT["LSTM of one step"];
  const refuse = (attributes, code, message, more = {}, x = [1, 1, 5]) => {
    const nodes = [["LSTM", "x w r b n", "y", { hidden_size: 3, ...attributes }]];
    const file = build({ nodes, constants: { ...constants, ...more }, x });
    assert.throws(() => importOnnx(file, { inputShape: x }), { code, message });
  };
  const long = /recurrence over 4 steps is not run, but one step is: export the network for one, with its state/;
  refuse({ layout: 1 }, "UNSUPPORTED", long, {}, [1, 4, 5]);
  refuse({ clip: 3.5 }, "UNSUPPORTED", /attribute clip/);
  refuse(
    { activations: ["Sigmoid", "Affine", "Tanh"] },
    "UNSUPPORTED",
    /attribute activations = Sigmoid, Affine, Tanh/,
  );
  refuse({ activations: ["Sigmoid"] }, "UNSUPPORTED", /attribute activations = Sigmoid/);
  refuse({ input_forget: 1 }, "UNSUPPORTED", /attribute input_forget = 1/);
  refuse({}, "BAD_GRAPH", /lengths of 1/, { n: { ...ints(2), dataType: 6, int64Data: [], int32Data: [2] } });
  refuse({}, "BAD_GRAPH", /expected shape 1x12x5; found 1x11x5/, { w: floats([1, 11, 5]) });
  refuse({}, "BAD_GRAPH", /expected shape 1x24; found 24/, { b: floats([24]) });
  refuse({}, "BAD_GRAPH", /3 dimensions/, {}, [1, 5]);
});
