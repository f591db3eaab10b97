// executor.test.js: with and without WebAssembly a model is the same, and it says which it runs on.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { goldenHash } from "../../dist/format/index.js";
import { Model } from "../../dist/runtime/index.js";
import { FLOAT32 } from "../models/layers.js";
import { convModel, inputsFor } from "../models/random.js";

const MODELS = [
  convModel({ shape: [4, 9, 9], channels: 6 }),
  convModel({ shape: [4, 9, 9], channels: 4, stride: [2, 2], input: FLOAT32, output: FLOAT32 }),
];

test("the plain executor gives the bits of the kernels", async () => {
  for (const def of MODELS) {
    const wasm = await Model.from(def);
    const plain = await Model.from(def, { executor: "plain", threads: 2 });
    assert.deepEqual([wasm.executor, plain.executor, plain.threads], ["wasm", "plain", 1]);
    const inputs = inputsFor(def);
    assert.deepEqual(plain.runSync(inputs), wasm.runSync(inputs));
    assert.deepEqual(await plain.run(inputs), wasm.runSync(inputs));
    const traces = [wasm, plain].map((model) => {
      const seen = [];
      model.trace(inputs, (tensor, raw) => seen.push([tensor, [...raw]]));
      return seen;
    });
    assert.deepEqual(traces[0], traces[1]);
    assert.deepEqual(
      traces[0].map(([tensor]) => tensor),
      Object.keys(def.tensors),
    );
    const steps = plain.profile(inputs);
    for (const { name } of def.layers) assert.ok(steps.some((step) => step.name === name && step.milliseconds >= 0));
    wasm.dispose();
    plain.dispose();
  }
});

test("the plain executor refuses what the kernels refuse", async () => {
  const [def] = MODELS;
  const { x } = inputsFor(def);
  const model = await Model.from(def, { executor: "plain" });
  assert.throws(() => model.runSync(x.subarray(1)), { code: "BAD_DATA", where: "input x" });
  assert.throws(() => model.runSync(new Uint8Array(x.length)), { code: "BAD_DATA" });
  x[7] = Number.NaN;
  assert.throws(() => model.runSync(x), { code: "BAD_DATA", where: "input x[7]", found: "NaN" });
  model.dispose();
  assert.throws(() => model.runSync(x), { code: "DISPOSED" });
  await assert.rejects(Model.from(def, { executor: "plain", memoryLimit: 100 }), { code: "OVERFLOW" });
  await assert.rejects(Model.from(def, { executor: "gpu" }), { code: "BAD_OPTION", where: "executor" });
});

test("where there is no WebAssembly the plain executor takes over and says so, unless wasm was asked for", async () => {
  const [def] = MODELS;
  const model = await Model.from(def);
  const expected = goldenHash(model.runSync(inputsFor(def)).y);
  model.dispose();
  const program = `
    delete globalThis.WebAssembly;
    const { Model, goldenHash } = await import("shiftwise");
    const { convModel, inputsFor } = await import("./tests/models/random.js");
    const def = convModel({ shape: [4, 9, 9], channels: 6 });
    const model = await Model.from(def);
    const refused = await Model.from(def, { executor: "wasm" }).then(() => "loaded", (error) => error.code);
    console.log([model.executor, goldenHash(model.runSync(inputsFor(def)).y), refused].join());
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    encoding: "utf8",
  });
  assert.equal(stdout.trim(), `plain,${expected},UNSUPPORTED`, stderr);
});
