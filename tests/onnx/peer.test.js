// peer.test.js: the evaluator against onnxruntime: every model of one operator, on the same numbers.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as ort from "onnxruntime-web/wasm";
import { evaluateModel, readModel } from "../../dist/onnx/index.js";
import { build } from "./build.js";
import { GRAPHS } from "./graph-cases.js";
import { CASES } from "./operator-cases.js";

ort.env.wasm.numThreads = 1;

/** Runs both on the same numbers. @param step the largest error besides that of floats */
async function assertSame(file, dims, step = 0) {
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => 2 * Math.sin(i * 78.233));
  const expected = evaluateModel(readModel(file, null), new Map([["x", { type: "float32", dims, data }]]));
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 4 });
  const results = await session.run({ x: new ort.Tensor("float32", data, dims) });
  await session.release();
  for (const [name, { dims: shape, data: values, type }] of expected) {
    assert.deepEqual([...results[name].dims], [...shape], `${name}: dimensions`);
    assert.equal(results[name].type, type, name);
    const span = values.reduce((most, v) => Math.max(most, Math.abs(v) || 0), 1e-3);
    results[name].data.forEach((found, i) => {
      const same = Object.is(Number(found), values[i]) || Math.abs(Number(found) - values[i]) <= 1e-5 * span + step;
      assert.ok(same, `${name}[${i}]: ${values[i]}, but onnxruntime has ${found}`);
    });
  }
}

const sizesOf = ({ x = [1, 4, 6, 7] }) => x.map((n) => (typeof n === "number" ? n : 1));

for (const [op, attributes = {}, inputs = [], { peer = true, outputs = ["y"], before, ...parts } = {}] of CASES) {
  if (!peer) continue;
  test(`${op} ${JSON.stringify(attributes)} ${JSON.stringify(parts)}`, async () => {
    const constants = Object.fromEntries(inputs.flatMap((tensor, i) => (tensor ? [[`c${i}`, tensor]] : [])));
    const names = [before ? "b" : "x", ...inputs.map((tensor, i) => (tensor ? `c${i}` : "_"))];
    const nodes = [...(before ? [[before, "x", "b"]] : []), [op, names.join(" "), outputs.join(" "), attributes]];
    const file = build({ nodes, constants, outputs, ...parts });
    await assertSame(file, sizesOf(parts));
  });
}

for (const [name, { peer = true, decibels, ...parts }] of Object.entries(GRAPHS)) {
  // one step of integers, where a sum lies between two
  if (peer) test(name, () => assertSame(build(parts), sizesOf(parts), decibels ? 0.051 : 0));
}
