// matmul.test.js: products of two matrices: wasm with one and two threads, and the plain executor, to the bit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { Model } from "../../dist/runtime/index.js";
import { FLOAT32, modelOf } from "../models/layers.js";
import { inputsFor } from "../models/random.js";
import { assertAgree } from "./agree.js";

const spec = (shape) => ({ shape, encoding: FLOAT32 });

/** x (batch, rows, depth) times z (others, depth, columns). */
function product(batch, others, rows, depth, columns) {
  const shape = [Math.max(batch, others), rows, columns];
  const tensors = { x: spec([batch, rows, depth]), z: spec([others, depth, columns]), y: spec(shape) };
  return modelOf(tensors, [{ op: "matmul", name: "m", input: "x", other: "z", output: "y" }], ["x", "z"]);
}

const EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33];

test("every size around the tile gives the plain executor's bits", async () => {
  const random = createRandom(5);
  const pick = (list) => list[random.below(list.length)];
  for (const rows of EDGES) {
    for (const columns of EDGES) {
      const [batch, others] = pick([
        [1, 1],
        [3, 3],
        [1, 4],
        [5, 1],
      ]);
      const def = product(batch, others, rows, pick(EDGES), columns);
      await assertAgree(def, inputsFor(def, rows), `${rows}x${columns}`);
    }
  }
});

test("two threads share the columns of a matrix and give the same bits", async () => {
  for (const def of [
    product(1, 1, 37, 19, 71),
    product(12, 12, 50, 16, 50),
    product(40, 1, 3, 5, 9),
    product(9, 9, 1, 7, 1),
  ]) {
    const inputs = inputsFor(def);
    const { outputs } = await assertAgree(def, inputs);
    const model = await Model.from(def, { threads: 2 });
    for (let i = 0; i < 10; i++) assert.equal(goldenHash(model.runSync(inputs).y), goldenHash(outputs.y));
    model.dispose();
  }
});

test("sums go in the order of the depth, each product and each sum rounded", async () => {
  const def = product(1, 1, 1, 3, 1);
  const inputs = { x: Float32Array.of(2 ** 24, 1, 1), z: Float32Array.of(1, 1, 1) };
  const { outputs } = await assertAgree(def, inputs);
  assert.deepEqual([...outputs.y], [2 ** 24]);
  const third = Math.fround(1 / 3);
  const one = { x: Float32Array.of(third, 0, 0), z: Float32Array.of(third, 0, 0) };
  assert.equal((await assertAgree(def, one)).outputs.y[0], Math.fround(third * third));
});
