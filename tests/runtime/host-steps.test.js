// host-steps.test.js: the layers of runtime/host-steps.ts make the same bits as the reference, behind every other layer.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { lower } from "../../dist/graph/index.js";
import { BINARY_FUNCTIONS } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { randomNetwork } from "../graph/random_networks.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { inputsFor, LEVELS } from "../models/random.js";
import { FUNCTIONS_OF_ONE } from "../oracle/functions.js";
import { assertAgree } from "./agree.js";

const OPS = ["gather", "permute", "activation", "binary", "constant", "resample", "softmax"];

test("random networks, float32 and quantized", async () => {
  const seen = new Set();
  const property = fc.asyncProperty(fc.nat(), fc.boolean(), async (seed, quantized) => {
    const { network, grids, image } = randomNetwork(seed, quantized);
    const def = lower(network, { grids });
    for (const { op } of def.layers) seen.add(op);
    await assertAgree(def, { [def.inputs[0].name]: Float32Array.from(image) }, `seed ${seed}`);
  });
  await fc.assert(property, { seed: 21, numRuns: 150 });
  for (const op of OPS) assert.ok(seen.has(op), op);
});

/** One layer from x (and z) to y. */
function single(layer, input, output, other) {
  const tensors = { x: input, y: output, ...(other && { z: other }) };
  const inputs = Object.keys(tensors).filter((name) => name !== "y");
  return modelOf(
    tensors,
    [{ name: layer.op, input: "x", ...(other && { other: "z" }), output: "y", ...layer }],
    inputs,
  );
}

const shapes = [
  [1, 1, 1],
  [70, 1, 1],
  [3, 1, 5],
  [2, 8, 8],
  [5, 7, 9],
];
const encodings = [FLOAT32, linear(255, 100), LEVELS];

test("every function between all encodings, at every kind of shape", async () => {
  for (const shape of shapes) {
    for (const from of encodings) {
      for (const to of encodings) {
        const spec = (encoding) => ({ shape, encoding });
        for (const [fn, ...parameters] of FUNCTIONS_OF_ONE) {
          const def = single({ op: "activation", fn, parameters }, spec(from), spec(to));
          await assertAgree(def, inputsFor(def), `${fn} ${shape}`);
        }
        for (const fn of Object.keys(BINARY_FUNCTIONS)) {
          const other = { shape: [shape[0], 1, shape[2]], encoding: from };
          const def = single({ op: "binary", fn }, spec(from), spec(to), other);
          await assertAgree(def, inputsFor(def), `${fn} ${shape}`);
        }
      }
    }
  }
});

test("maximum pooling with dilation", async () => {
  for (const encoding of encodings) {
    const window = { kernel: [2, 3], stride: [1, 2], padding: [1, 0, 0, 1], dilation: [3, 2] };
    const def = single({ op: "maxPool", ...window }, { shape: [3, 9, 11], encoding }, { shape: [3, 7, 4], encoding });
    await assertAgree(def, inputsFor(def));
  }
});

test("several threads", async () => {
  const { network, image } = randomNetwork(8, false);
  const def = lower(network, { grids: null });
  const [one, two] = [await Model.from(def), await Model.from(def, { threads: 2 })];
  assert.deepEqual(two.runSync(Float32Array.from(image)), one.runSync(Float32Array.from(image)));
  one.dispose();
  two.dispose();
});

test("every order of axes, between shapes whose planes end inside its lines", async () => {
  const random = createRandom(4);
  const shapes = [
    [48, 1, 1],
    [1, 6, 8],
    [4, 3, 4],
    [6, 8, 1],
    [3, 1, 16],
    [2, 24, 1],
  ];
  for (let i = 0; i < 300; i++) {
    const dims = [[48], [6, 8], [4, 12], [2, 3, 8], [3, 4, 4], [2, 2, 3, 4], [2, 1, 3, 2, 2, 2]][random.below(7)];
    const order = random.shuffle([...dims.keys()]);
    const encoding = [FLOAT32, linear(255, 100)][random.below(2)];
    const [from, to] = [0, 1].map(() => ({ shape: shapes[random.below(shapes.length)], encoding }));
    const def = single({ op: "permute", dims, order }, from, to);
    const { outputs } = await assertAgree(
      def,
      inputsFor(def, i),
      `${from.shape} as ${dims} by ${order} to ${to.shape}`,
    );
    if (i % 10 > 0) continue;
    const model = await Model.from(def, { threads: 2 });
    assert.deepEqual(model.runSync(inputsFor(def, i)).y, outputs.y);
    model.dispose();
  }
});
