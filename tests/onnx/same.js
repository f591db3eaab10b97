// same.js: an imported model gives what the evaluator gives.
import assert from "node:assert/strict";
import { lower } from "../../dist/graph/index.js";
import { evaluateModel, importOnnx, readModel } from "../../dist/onnx/index.js";
import { assertAgree } from "../runtime/agree.js";
import { build } from "./build.js";

/** Imports, runs, compares; returns the network. */
export async function assertSame({ decibels, peer, ...parts }, options) {
  const file = build(parts);
  const model = readModel(file, null);
  const network = importOnnx(file, options);
  const dims = (parts.x ?? [1, 4, 6, 7]).map((n) => (typeof n === "number" ? n : 1));
  const length = dims.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length }, (_, i) => 2.5 * Math.sin(i * 78.233 + 1));
  const expected = evaluateModel(model, new Map([["x", { type: "float32", dims, data }]]));
  const def = lower(network, { grids: null });
  const { outputs } = await assertAgree(def, { x: data });
  for (const [name, value] of expected) {
    assert.equal(outputs[name].length, value.data.length, name);
    const span = value.data.reduce((most, v) => Math.max(most, Math.abs(v) || 0), 1e-3);
    if (decibels) {
      const noise = value.data.reduce((sum, v, i) => sum + (v - outputs[name][i]) ** 2, 0);
      const quality = 10 * Math.log10(value.data.reduce((sum, v) => sum + v * v, 0) / noise);
      assert.ok(quality >= decibels, `${name}: ${quality} dB`);
      continue;
    }
    value.data.forEach((v, i) => {
      const found = outputs[name][i];
      const same = Object.is(found, v) || Math.abs(found - v) <= 2e-6 * span;
      assert.ok(same, `${name}[${i}]: ${found} for ${v}`);
    });
  }
  return network;
}
