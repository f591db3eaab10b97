// value-steps.test.js: the layers of runtime/value-steps.ts make the same bits as the reference, behind every other layer.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { lower } from "../../dist/graph/index.js";
import { BINARY_FUNCTIONS, STEP_FUNCTIONS, STEP_NAMES } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { randomNetwork } from "../graph/random_networks.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { inputsFor, LEVELS } from "../models/random.js";
import { randomSteps, SWISH, step } from "../ops/steps.js";
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

/** A tensor of floats whose values the test says. */
const given = (values, shape = [1, 1, values.length]) => ({ spec: { shape, encoding: FLOAT32 }, values });

test("every function in steps, of numbers of all sizes, at every length around the blocks", async () => {
  const sizes = [
    0, 1e-38, 1e-8, 9e-6, 1.1e-5, 9e-5, 0.3, 0.49, 0.51, 0.66, 0.67, 1, 1.5, 2.41, 2.42, 2.5, 5.9, 6.1, 17,
  ];
  const numbers = [...sizes, 88, 640, 699, 701, 3e38].flatMap((x) => [x, -x]);
  const random = createRandom(7);
  const lengths = [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 129, 255, 256, 257];
  for (const fn of STEP_NAMES) {
    const { operands, parameters } = STEP_FUNCTIONS.get(fn);
    const numbersOf = (count) => Array.from({ length: count }, () => Math.fround(random.normal()) + 0);
    const constants = operands > 1 ? [step("constant", [], 2), step("constant", [], -0.5)] : [];
    const of = [0, 1, 2].slice(0, operands);
    const steps = [...constants, step(fn, of, ...numbersOf(parameters))];
    if (operands === 0) steps.push(step("add", [0, 1]));
    if (operands === 2) steps.push(step("sub", [3, 2]));
    for (const [i, length] of [...lengths, numbers.length].entries()) {
      const x = given(Float32Array.from({ length }, (_, k) => numbers[(k + 5 * i) % numbers.length]));
      const def = single({ op: "elementwise", steps }, x.spec, { ...x.spec, encoding: encodings[i % 3] });
      await assertAgree(def, { x: x.values }, `${fn} ${length}`);
    }
  }
});

test("random functions in steps", async () => {
  const random = createRandom(8);
  for (let i = 0; i < 150; i++) {
    const [from, to] = [0, 1].map(() => ({
      shape: [3, 5, 1 + random.below(20)],
      encoding: encodings[random.below(3)],
    }));
    const def = single({ op: "elementwise", steps: randomSteps(random) }, from, { ...from, encoding: to.encoding });
    await assertAgree(def, inputsFor(def, i), `function ${i}`);
  }
});

test("two values at every way in which shapes meet", async () => {
  const wholes = [
    [3, 4, 17],
    [2, 1, 5],
    [2, 5, 1],
    [65, 1, 1],
    [1, 1, 257],
    [2, 16, 16],
    [1, 33, 33],
  ];
  let i = 0;
  for (const whole of wholes) {
    for (let mask = 0; mask < 64; mask++) {
      const [a, b] = [mask & 7, mask >> 3].map((ones) => whole.map((n, axis) => ((ones >> axis) & 1 ? 1 : n)));
      if (whole.some((n, axis) => Math.max(a[axis], b[axis]) !== n)) continue;
      const [x, z, y] = [0, 1, 2].map((k) => encodings[Math.floor(i / 3 ** k) % 3]);
      const fn = ["mul", "add", "sub", "div", "max", "prelu"][i++ % 6];
      const def = single(
        { op: "binary", fn },
        { shape: a, encoding: x },
        { shape: whole, encoding: y },
        { shape: b, encoding: z },
      );
      await assertAgree(def, inputsFor(def, i), `${fn} ${a} with ${b}`);
    }
  }
  assert.ok(i > 100);
});

test("numbers that only just round, in one operation of float32 and in float64", async () => {
  const random = createRandom(9);
  const bits = new Uint32Array(4096);
  for (const fn of ["add", "sub", "mul", "div"]) {
    const [x, z] = [0, 1].map(() => {
      for (let i = 0; i < bits.length; i++) {
        // every exponent, signs alike, and mantissas of few bits or many
        const exponent = random.below(255) << 23;
        bits[i] = exponent | (random.below(2) << 31) | (random.below(2 ** 23) & (random.below(2) ? -1 : 0x700001));
      }
      return given(new Float32Array(bits.slice().buffer), [1, 64, 64]);
    });
    const def = single({ op: "binary", fn }, x.spec, x.spec, z.spec);
    await assertAgree(def, { x: x.values, z: z.values }, fn);
  }
});

test("interpolation of all widths, and softmax along every axis", async () => {
  const random = createRandom(10);
  for (let i = 0; i < 120; i++) {
    const [channels, height, width, outHeight, outWidth] = [4, 9, 9, 12, 40].map((n) => 1 + random.below(n));
    const taps = (count, from) => {
      const each = 1 + random.below(i % 10 === 0 ? 12 : 3);
      const indices = Array.from({ length: count * each }, () => random.below(from));
      return { indices, weights: indices.map(() => random.normal() + 0) };
    };
    const [from, to] = [encodings[random.below(3)], encodings[random.below(3)]];
    const rows = taps(outHeight, height);
    const columns = taps(outWidth, width);
    const input = { shape: [channels, height, width], encoding: from };
    const def = single({ op: "resample", rows, columns }, input, {
      shape: [channels, outHeight, outWidth],
      encoding: to,
    });
    await assertAgree(def, inputsFor(def, i), `${input.shape} to ${outHeight} x ${outWidth}`);
    for (const axis of [0, 1, 2]) {
      const soft = single({ op: "softmax", axis }, input, { ...input, encoding: to });
      await assertAgree(soft, inputsFor(soft, i), `softmax of ${input.shape} along ${axis}`);
    }
  }
});

test("two threads give the same bits, of planes and of vectors", async () => {
  for (const shape of [
    [7, 5, 13],
    [133, 1, 1],
  ]) {
    const x = { shape, encoding: FLOAT32 };
    const layers = [
      { op: "elementwise", name: "f", input: "x", output: "f", steps: SWISH },
      { op: "binary", name: "b", input: "f", other: "x", output: "b", fn: "mul" },
      { op: "softmax", name: "s", input: "b", output: "s", axis: 0 },
      { op: "activation", name: "y", input: "s", output: "y", fn: "tanh", parameters: [] },
    ];
    const integers = { shape, encoding: linear(255, 100) };
    const def = modelOf({ x, f: x, b: integers, s: integers, y: x }, layers);
    const { outputs } = await assertAgree(def, inputsFor(def));
    const model = await Model.from(def, { threads: 2 });
    for (let run = 0; run < 20; run++) assert.deepEqual(model.runSync(inputsFor(def)).y, outputs.y);
    model.dispose();
  }
});
