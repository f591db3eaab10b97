// top.test.js: the likeliest classes, of logits, of shares and of logarithms.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Model, softmax, topK } from "../../dist/runtime/index.js";
import { convModel, inputsFor } from "../models/random.js";

const logits = Float32Array.of(1, 3, -2, 3, 0);
const names = ["ant", "bee", "cat", "dog", "eel"];

test("the likeliest come first with name, value and share; equal ones in their order", () => {
  const top = topK(logits, 3, names);
  assert.deepEqual(
    top.map(({ index, label, value }) => [index, label, value]),
    [
      [1, "bee", 3],
      [3, "dog", 3],
      [0, "ant", 1],
    ],
  );
  const sum = [...logits].reduce((a, x) => a + Math.exp(x), 0);
  for (const { value, share } of top) assert.ok(Math.abs(share - Math.exp(value) / sum) < 1e-6);
  assert.deepEqual(
    topK(logits).map(({ label }) => label),
    ["class 1", "class 3", "class 0", "class 4", "class 2"],
  );
  assert.equal(topK(logits, 100, null).length, 5);
});

test("a softmax is taken only where the network has none", () => {
  const shares = softmax(logits);
  assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-6);
  for (const { index, share } of topK(shares)) assert.equal(share, shares[index]);
  // those of a log-softmax come back
  for (const { index, share } of topK(shares.map(Math.log))) assert.ok(Math.abs(share - shares[index]) < 1e-6);
  assert.ok(topK(Float32Array.of(1000, -1000, 0)).every(({ share }) => Number.isFinite(share)));
});

test("what has no single list of classes says why", async () => {
  const wrong = [
    [() => topK({ logits }), "BAD_DATA", /one output of a run, as outputs\.logits; found/],
    [() => topK([1, 2]), "BAD_DATA", /one output/],
    [() => topK(logits, 0), "BAD_OPTION", /k: .*1 or more; found 0/],
    [() => topK(logits, 5, names.slice(1)), "BAD_DATA", /5 labels, one a class; found 4/],
  ];
  for (const [call, code, message] of wrong) assert.throws(call, { code, message });
  const def = convModel({ shape: [3, 6, 6], channels: 4 });
  const model = await Model.from(def);
  const outputs = model.runSync(inputsFor(def));
  assert.throws(() => topK(outputs[model.outputs[0].name]), {
    code: "BAD_DATA",
    message: /one value a class; found sizes 1, 4, 6, 6/,
  });
  model.dispose();
});
