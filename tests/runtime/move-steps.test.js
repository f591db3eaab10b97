// move-steps.test.js: the layers of runtime/move-steps.ts make the same bits as the reference: gathers, axes, constants.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { elements } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { inputsFor } from "../models/random.js";
import { assertAgree } from "./agree.js";

/** One layer from x to y. */
const single = (layer, x, y) => modelOf({ x, y }, [{ name: layer.op, input: "x", output: "y", ...layer }]);

async function assertThreadsAgree(def, inputs, expected) {
  const model = await Model.from(def, { threads: 2 });
  assert.deepEqual(model.runSync(inputs).y, expected);
  model.dispose();
}

test("gathers of whole planes, whole rows and single elements, and of what is not there", async () => {
  const random = createRandom(5);
  const count = (n) => 1 + random.below(n);
  for (let i = 0; i < 300; i++) {
    const encoding = [FLOAT32, linear(255, 100)][i % 2];
    const shape = i % 7 === 0 ? [count(70), 1, 1] : [count(5), count(9), count(40)];
    const run = (n) => {
      const from = random.below(n);
      return Array.from({ length: 1 + random.below(n - from) }, (_, k) => from + k);
    };
    const any = (n) => Array.from({ length: count(20) }, () => random.below(n + 1) - 1);
    const list = (n) => [any, run, (all) => [...Array(all).keys()]][random.below(3)](n);
    const [channels, rows, columns] = shape.map(list);
    const to = { shape: [channels.length, rows.length, columns.length], encoding };
    const value = [0, 1.5, -2][random.below(3)];
    const def = single({ op: "gather", channels, rows, columns, value }, { shape, encoding }, to);
    const { outputs } = await assertAgree(def, inputsFor(def, i), `gather ${i}`);
    if (i % 15 === 0) await assertThreadsAgree(def, inputsFor(def, i), outputs.y);
  }
});

test("gathers of neighbours: enlarged maps, turned rows, steps, at every width about a block's", async () => {
  const random = createRandom(6);
  const ways = {
    enlarged: (n, k) => Array.from({ length: n * k }, (_, i) => Math.floor(i / k)),
    turned: (n) => Array.from({ length: n }, (_, i) => n - 1 - i),
    stepped: (n, k) => Array.from({ length: Math.ceil(n / k) }, (_, i) => i * k),
    parted: (n, k) => Array.from({ length: n }, (_, i) => (i % (3 + k) === 0 ? -1 : Math.max(0, i - k))),
    near: (n) => Array.from({ length: n }, (_, i) => Math.min(n - 1, Math.max(0, i + random.below(9) - 4))),
  };
  for (const [name, way] of Object.entries(ways)) {
    for (const width of [1, 2, 3, 4, 5, 7, 8, 9, 14, 15, 16, 17, 31, 32, 33, 70]) {
      for (const encoding of [FLOAT32, linear(255, 100)]) {
        const shape = [1 + random.below(5), 1 + random.below(4), width];
        const k = 1 + random.below(4);
        const columns = way(width, k);
        const channels = [...Array(shape[0]).keys(), ...(random.below(2) ? [-1] : [])].reverse();
        const rows = [...(random.below(2) ? [-1] : []), ...way(shape[1], k)];
        const to = { shape: [channels.length, rows.length, columns.length], encoding };
        const def = single({ op: "gather", channels, rows, columns, value: 1.5 }, { shape, encoding }, to);
        const what = `${name} by ${k}, width ${width}`;
        // the same as rows of one element
        const high = { shape: [shape[0], width, 1], encoding };
        const line = { op: "gather", channels, rows: columns, columns: [0], value: 1.5 };
        const tall = single(line, high, { shape: [channels.length, columns.length, 1], encoding });
        await assertAgree(tall, inputsFor(tall, width), `${what} as rows`);
        const { outputs } = await assertAgree(def, inputsFor(def, width), what);
        if (width % 16 === 1) await assertThreadsAgree(def, inputsFor(def, width), outputs.y);
      }
    }
  }
});

test("constants of planes and of vectors, where they lie and inside a concatenation", async () => {
  for (const shape of [
    [3, 5, 7],
    [9, 1, 1],
    [1, 1, 33],
    [2, 16, 16],
  ]) {
    const values = Float32Array.from({ length: elements(shape) }, (_, i) => i - 3);
    const spec = { shape, encoding: FLOAT32 };
    const constant = { op: "constant", name: "c", output: "c", values };
    const sum = { op: "binary", name: "y", input: "x", other: "c", output: "y", fn: "sub" };
    const def = modelOf({ x: spec, c: spec, y: spec }, [constant, sum]);
    await assertAgree(def, inputsFor(def), `constant ${shape}`);
    const whole = { shape: [2 * shape[0], shape[1], shape[2]], encoding: FLOAT32 };
    const concat = { op: "concat", name: "y", inputs: ["c", "x"], output: "y" };
    const joined = modelOf({ x: spec, c: spec, y: whole }, [constant, concat]);
    await assertAgree(joined, inputsFor(joined), `joined constant ${shape}`);
  }
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
    await assertThreadsAgree(def, inputsFor(def, i), outputs.y);
  }
});

test("permutes that turn squares of elements, at every length about a square's, as planes lie in many ways", async () => {
  const random = createRandom(9);
  const lengths = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 33];
  const pick = (list) => list[random.below(list.length)];
  /** A shape of as many elements: axes of the array beside each other are one, and one of them may be 1. */
  const shapeFor = (dims) => {
    const cuts = [random.below(dims.length + 1), random.below(dims.length + 1)].sort((a, b) => a - b);
    const product = (list) => list.reduce((all, n) => all * n, 1);
    return [product(dims.slice(0, cuts[0])), product(dims.slice(cuts[0], cuts[1])), product(dims.slice(cuts[1]))];
  };
  for (let i = 0; i < 400; i++) {
    const dims = Array.from({ length: 2 + random.below(4) }, () => pick(lengths));
    if (elements(dims) > 12_000) continue;
    const order = random.shuffle([...dims.keys()]);
    const encoding = [FLOAT32, linear(255, 100)][i % 2];
    const from = { shape: shapeFor(dims), encoding };
    const to = { shape: shapeFor(order.map((axis) => dims[axis])), encoding };
    const def = single({ op: "permute", dims, order }, from, to);
    const what = `${dims} by ${order}, from ${from.shape} to ${to.shape}`;
    const { outputs } = await assertAgree(def, inputsFor(def, i), what);
    if (i % 25 === 0) await assertThreadsAgree(def, inputsFor(def, i), outputs.y);
  }
});

test("pixels of several planes laid side by side, and taken apart again, at every width about a square's", async () => {
  const random = createRandom(13);
  const widths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33];
  for (let i = 0; i < 200; i++) {
    const [r, s] = [1 + random.below(9), 1 + random.below(9)];
    const [channels, height, width] = [1 + random.below(3), 1 + random.below(6), widths[i % widths.length]];
    const encoding = [FLOAT32, linear(255, 100)][random.below(2)];
    const parts = { shape: [channels * r * s, height, width], encoding };
    const whole = { shape: [channels, height * r, width * s], encoding };
    const last = { shape: [height, width, channels * r * s], encoding };
    const layers = [
      [parts, [channels, r, s, height, width], [0, 3, 1, 4, 2], whole],
      [whole, [channels, height, r, width, s], [0, 2, 4, 1, 3], parts],
      [parts, [channels * r * s, height * width], [1, 0], last],
      [last, [height * width, channels * r * s], [1, 0], parts],
      // a plane for every box of a detector
      [parts, [channels * r * s, height * width], [1, 0], { shape: [height * width * r, s * channels, 1], encoding }],
    ];
    for (const [from, dims, order, to] of layers) {
      const def = single({ op: "permute", dims, order }, from, to);
      const { outputs } = await assertAgree(def, inputsFor(def, i), `${dims} by ${order}`);
      if (i % 40 === 0) await assertThreadsAgree(def, inputsFor(def, i), outputs.y);
    }
  }
});
