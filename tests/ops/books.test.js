// books.test.js: layers whose output channels have tables of levels of their own: in files, in both executors, and refused.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { readSafetensors } from "../../dist/format/index.js";
import { buildNetwork, decodeNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
import { decodeModel, encodeModel, validateModel } from "../../dist/model/index.js";
import { variants } from "../format/refusals.js";
import { FLOAT32, linear } from "../models/layers.js";
import { convModel, inputsFor, randomBooks } from "../models/random.js";
import { runModel } from "../oracle/model.js";
import { assertAgree } from "../runtime/agree.js";

const TABLES = [
  [-2, -1, 0, 1, 2, 4, 6, 8],
  [-181, -3, 0, 7],
  [0, 1],
  [-24, -16, -12, -8, -6, -4, -3, -2, -1, 0, 5, 97],
];

const LAYERS = {
  convolution: { shape: [7, 6, 9], channels: 11, kernel: [3, 3] },
  depthwise: { shape: [16, 7, 7], channels: 16, groups: 16 },
  "two outputs a group": { shape: [16, 7, 7], channels: 32, groups: 16 },
  grouped: { shape: [12, 5, 5], channels: 18, groups: 3, stride: [2, 2] },
  "points of many channels": { shape: [300, 1, 1], channels: 33, kernel: [1, 1], padding: [0, 0, 0, 0] },
};

/** A dense layer of a vector. */
function denseModel(inputs, outputs, tables, input, output) {
  const options = { shape: [inputs, 1, 1], channels: outputs, kernel: [1, 1], padding: [0, 0, 0, 0], tables };
  const def = convModel({ ...options, input, output }, inputs);
  const [{ name, weights, epilogue }] = def.layers;
  return { ...def, layers: [{ op: "dense", name, input: "x", output: "y", weights, epilogue }] };
}

/** The runtime's and the reference's results are those of sums written out, and the file's model gives them, too. */
async function check(def, seed) {
  const file = encodeModel(def);
  assert.equal(readSafetensors(file).metadata.version, "2");
  assert.deepEqual(decodeModel(file), def);
  assert.deepEqual(encodeModel(decodeModel(file)), file);
  const inputs = inputsFor(def, seed);
  const { tensors } = await assertAgree(decodeModel(file), inputs, `seed ${seed}`);
  const expected = runModel(def, Float64Array.from(inputs.x));
  assert.deepEqual(
    Array.from(tensors.get("y"), (y) => y + 0),
    Array.from(expected.get("y"), (y) => Math.fround(y) + 0),
  );
}

describe("tables by channel, from the file to every executor", () => {
  for (const [name, layer] of Object.entries(LAYERS)) {
    test(name, async () => {
      let seed = 1;
      for (const input of [linear(), linear(15, 3), linear(255, 128)]) {
        await check(convModel({ ...layer, tables: TABLES, input }, seed), seed++);
      }
    });
  }

  test("dense", async () => {
    for (const [inputs, outputs] of [
      [5, 3],
      [260, 17],
      [64, 70],
    ]) {
      await check(denseModel(inputs, outputs, TABLES, linear(), linear()), inputs);
    }
    const def = denseModel(70, 9, TABLES, linear(127, 5), FLOAT32);
    await assertAgree(decodeModel(encodeModel(def)), inputsFor(def));
  });

  test("any tables", async () => {
    const level = fc.integer({ min: -200, max: 200 });
    const table = fc.uniqueArray(level, { minLength: 2, maxLength: 9 }).map((levels) => levels.sort((a, b) => a - b));
    const property = fc.asyncProperty(
      fc.array(table, { minLength: 1, maxLength: 14 }),
      fc.constantFrom(...Object.values(LAYERS)),
      fc.nat(1000),
      (tables, layer, seed) => check(convModel({ ...layer, tables }, seed), seed),
    );
    await fc.assert(property, { seed: 22, numRuns: 25 });
  });
});

test("codes take the bits of the longest table, not of all levels", () => {
  const { layers, ...rest } = convModel({ tables: TABLES.slice(0, 2), shape: [8, 5, 5], channels: 10 });
  const { tensors } = readSafetensors(encodeModel({ ...rest, layers }));
  assert.equal(tensors.get("conv.codes").bytes.length, (10 * 72 * 3) / 8);
  assert.equal(tensors.get("conv.books").bytes.length, 10);
});

describe("grids with tables", () => {
  function booked() {
    const b = buildNetwork("booked", createRandom(3));
    const network = b.finish([b.dense(b.quantize(b.input([40, 1, 1]), linear()), 6)]);
    const node = network.nodes.at(-1);
    const { levels, codes, books } = randomBooks(createRandom(4), 6, 40, TABLES);
    const scale = Float32Array.from({ length: 6 }, (_, c) => 0.01 * (c + 1));
    codes.forEach((code, i) => {
      node.weight.data[i] = scale[Math.floor(i / 40)] * levels[code];
    });
    const grid = { kind: "codebook", levels, scale, frozen: new Uint8Array(240).fill(1), books };
    return { network, name: node.name, weight: node.weight, grid, codes };
  }

  test("come back from a file of version 2, and make the model's codes", () => {
    const { network, name, grid, codes } = booked();
    const grids = new Map([[name, grid]]);
    const file = encodeNetwork(network, { grids });
    assert.equal(readSafetensors(file).metadata.version, "2");
    const read = decodeNetwork(file);
    assert.deepEqual(read.grids, grids);
    const { weights } = lower(read.network, { grids: read.grids }).layers.at(-1);
    assert.deepEqual(weights, { kind: "codebook", levels: grid.levels, codes, books: grid.books });
    assert.throws(() => decodeNetwork(variants(file, "network").change(() => {}, 1)), {
      code: "BAD_FILE",
      message: /no other field; found tables/,
    });
  });

  test("hold weights to the levels of their own channel", () => {
    const { network, name, weight, grid } = booked();
    const { of } = grid.books;
    const write = () => encodeNetwork(network, { grids: new Map([[name, grid]]) });
    write();
    const channel = of.findIndex((table) => !TABLES[table].includes(97));
    weight.data[channel * 40] = Math.fround(grid.scale[channel] * 97);
    assert.throws(write, { code: "BAD_GRAPH", where: `grid of ${name}.frozen[${channel * 40}]` });
  });
});

test("wrong tables in memory are refused with their place", () => {
  const def = () => convModel({ tables: TABLES, channels: 6 });
  const refused = (edit, where) => {
    const wrong = def();
    edit(wrong.layers[0].weights);
    assert.throws(() => validateModel(wrong), { code: "BAD_GRAPH", where: new RegExp(`${where}$`) });
  };
  validateModel(def());
  refused((w) => (w.books.of = Array.from(w.books.of)), "weights\\.books\\.of");
  refused((w) => (w.books.of = w.books.of.slice(1)), "weights\\.books\\.of");
  refused((w) => (w.books.of = w.books.of.map(() => 4)), "weights\\.books\\.of");
  refused((w) => (w.books.tables = [...TABLES, [1]]), "weights\\.books\\.tables\\[4\\]");
  refused((w) => (w.books.tables = [...TABLES, Int32Array.of(0, 1)]), "weights\\.books\\.tables\\[4\\]");
  refused((w) => (w.books.tables = [...TABLES, [1, 0]]), "weights\\.books\\.tables\\[4\\]");
  refused((w) => (w.books.tables = TABLES.slice(1)), "weights\\.books\\.tables");
  refused((w) => (w.books.tables = []), "weights\\.books\\.tables");
  refused((w) => {
    w.books.of.fill(2);
    w.codes.fill(0);
  }, "weights\\[0\\]");
});
