import assert from "node:assert/strict";
import { test } from "node:test";
import { startUp } from "./start-up.js";

test("the runtime entry, wasm inlined, is at most 44 KB with gzip", async () => {
  const { bytes } = await startUp("dist/runtime/index.js");
  assert.ok(bytes > 10_000 && bytes <= 44_000, `${bytes} bytes`);
});

test("the door to a model in a Worker is at most 5.5 KB with gzip", async () => {
  const { bytes } = await startUp("dist/runtime/worker-model/remote.js");
  assert.ok(bytes <= 5_500, `${bytes} bytes`);
});

test("the runtime imports the model room and the floors below it, and nothing else", async () => {
  const { inputs } = await startUp("dist/runtime/index.js");
  assert.ok(inputs.length > 10);
  for (const input of inputs) assert.match(input, /^dist\/(runtime|model|ops|format|base)\//);
  // the records of nodes lower with these; bundlers leave all of them out
  for (const file of ["fold", "lowering", "boundary", "batchnorm"]) assert.ok(!inputs.includes(`dist/ops/${file}.js`));
});
