// arithmetic.test.js: the formulas and constants of docs/arithmetic.md, written down once more, give the code's bits.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { runReference } from "../../dist/model/index.js";
import {
  activationOf,
  decoderOf,
  encodeInput,
  epilogueBounds,
  exp,
  FUNCTIONS,
  pixelToReal,
  softmax,
} from "../../dist/ops/index.js";
import { LEVELS, LINEAR } from "../models/everything.js";
import { FLOAT32 } from "../models/layers.js";

const doc = readFileSync(new URL("../../docs/arithmetic.md", import.meta.url), "utf8");
const fround = Math.fround;
const random = createRandom(7);

/** Float64 constants of the document by name; each row has the number and its bytes. */
const constants = Object.fromEntries(
  [...doc.matchAll(/^\| (\w+) \| ([\d.e-]+) \| ([0-9a-f]{16}) \|$/gm)].map(([, name, value, bytes]) => {
    assert.equal(Number(value), Buffer.from(bytes, "hex").readDoubleBE(), name);
    return [name, Number(value)];
  }),
);

const values = [
  ...[0, 1e-45, 1e-30, 9e-6, 1.1e-5, 9.9e-5, 1.01e-4, 0.5, 3, 17.3, 88, 350.1, 699.9, 701, Infinity].flatMap((x) => [
    x,
    -x,
  ]),
  ...Array.from({ length: 3000 }, () => random.normal() * 2 ** (8 * random.uniform() - 4)),
];

function exponential(x) {
  const { ln2, ln2High, ln2Low } = constants;
  if (x < -700) return 0;
  if (x > 700) return Infinity;
  const n = Math.floor(x / ln2 + 0.5);
  const r = x - n * ln2High - n * ln2Low;
  let [sum, factorial] = [1 / 3628800, 3628800];
  for (let k = 10; k >= 1; k--) {
    factorial /= k;
    sum = sum * r + 1 / factorial;
  }
  return sum * 2 ** n;
}

const min = Math.min;
const max = Math.max;
const FORMULAS = {
  clip: [[-1.5, 2], (x, low, high) => min(max(x, low), high)],
  leakyRelu: [[0.1], (x, slope) => (x < 0 ? slope * x : x)],
  elu: [[1.3], (x, alpha) => (x < 0 ? alpha * (x > -1e-5 ? x + (x * x) / 2 : exponential(x) - 1) : x)],
  hardSigmoid: [[0.2, 0.5], (x, alpha, beta) => min(max(alpha * x + beta, 0), 1)],
  hardSwish: [[], (x) => x * min(max(x / 6 + 0.5, 0), 1)],
  sigmoid: [[], (x) => 1 / (1 + exponential(-x))],
  tanh: [
    [],
    (x) => {
      const size = Math.abs(x);
      if (size < 1e-4) return x - (x * x * x) / 3;
      return (x < 0 ? -1 : 1) * (1 - 2 / (exponential(2 * size) + 1));
    },
  ],
};

test("the exponential and every activation", () => {
  assert.deepEqual(Object.keys(constants), ["ln2", "ln2High", "ln2Low"]);
  for (const x of values) assert.ok(Object.is(exp(x), exponential(x)), `exp(${x})`);
  assert.deepEqual(Object.keys(FORMULAS).sort(), Object.keys(FUNCTIONS).sort());
  for (const [name, [parameters, formula]] of Object.entries(FORMULAS)) {
    assert.ok(doc.includes(`\n    ${name} `), name);
    const fn = activationOf(name, parameters);
    for (const x of values) assert.ok(Object.is(fn(x), formula(x, ...parameters)), `${name}(${x}): ${fn(x)}`);
  }
});

test("softmax sums in the order of the axis", () => {
  const line = Float64Array.from({ length: 40 }, () => random.normal() * 3);
  const largest = line.reduce((a, b) => max(a, b));
  const powers = line.map((x) => exponential(x - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  const found = line.slice();
  softmax(found);
  assert.deepEqual(
    found,
    powers.map((power) => power / sum),
  );
});

/** A scale that is no float32, so that fround(1 / s) and fround(1 / fround(s)) differ. */
const ODD = Array.from({ length: 1000 }, () => random.uniform() + 0.01).find(
  (s) => fround(1 / s) !== fround(1 / fround(s)),
);
const odd = { ...LINEAR, scale: ODD };

function hold(z, low, high) {
  // biome-ignore lint/complexity/useMathMinMax: the comparisons keep -0
  return z < low ? low : z > high ? high : z;
}

function rawOf(z, low, high, encoding) {
  const held = hold(z, low, high);
  if (encoding.kind === "levels") return encoding.levels[encoding.thresholds.filter((t) => t <= held).length];
  const whole = Math.floor(held);
  const rest = held - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}

function encoded(y, encoding) {
  if (encoding.kind === "float32") return fround(y);
  const { scale, zero = 0, max: top } = encoding;
  const z = fround(fround(fround(y) * fround(1 / scale)) + zero);
  return encoding.kind === "linear" ? rawOf(z, 0, top, encoding) : rawOf(z, -Infinity, Infinity, encoding);
}

test("real values, their encoding, pixels and bounds", () => {
  for (const encoding of [FLOAT32, LINEAR, odd, LEVELS]) {
    for (const x of values) assert.equal(encodeInput(x, encoding), encoded(x, encoding), `${x}`);
    if (encoding.kind === "float32") continue;
    for (const q of [0, 1, 7, 255]) {
      assert.equal(decoderOf(encoding)(q), fround(fround(encoding.scale) * (q - (encoding.zero ?? 0))));
    }
  }
  for (let i = 0; i < 500; i++) {
    const [mean, std, pixel] = [random.uniform(), random.uniform() + 0.01, Math.floor(256 * random.uniform())];
    const real = fround(fround(fround(pixel / 255) - fround(mean)) / fround(std));
    assert.equal(pixelToReal(pixel, 0, { mean: [mean], std: [std] }), real);
    const { low, high } = epilogueBounds({ low: mean, high: mean + std }, odd);
    assert.deepEqual(
      [low, high],
      [mean, mean + std].map((bound) => min(max(fround(bound / ODD + odd.zero), 0), odd.max)),
    );
  }
});

/** One layer on an input of 2x3x3 values, with its output raw. */
function runLayer(layer, [input, output], shape, second = []) {
  const tensors = { x: { shape: [2, 3, 3], encoding: input }, y: { shape, encoding: output } };
  const given = Float32Array.from({ length: 18 }, () => random.normal() * 4);
  const def = {
    name: "one layer",
    inputs: [{ name: "x", tensor: "x" }],
    outputs: [{ name: "y", tensor: "y" }],
    tensors,
    layers: [...second, { name: "layer", input: "x", output: "y", ...layer }],
  };
  const { tensors: raw, outputs } = runReference(def, { x: given });
  return { x: raw.get("x"), y: raw.get("y"), real: outputs.y };
}

const epilogue = { scale: Float32Array.of(0.3), offset: Float32Array.of(1.7), clamp: { low: -0.35, high: 5.1 } };

function finished(acc, residual, encoding) {
  const { kind, scale: s = 1, zero: o = 0, max: top } = encoding;
  let z = fround(fround(epilogue.scale[0] * fround(acc)) + epilogue.offset[0]);
  if (residual !== null) z = fround(z + fround(residual));
  const given = [epilogue.clamp.low, epilogue.clamp.high].map((bound) => fround(bound / s + o));
  const bounds = kind === "linear" ? given.map((bound) => min(max(bound, 0), top)) : given;
  return kind === "float32" ? hold(z, ...bounds) : rawOf(z, ...bounds, encoding);
}

const pairs = [FLOAT32, odd, LEVELS].flatMap((input) => [FLOAT32, odd, LEVELS].map((output) => [input, output]));

test("means and sums of two tensors end as an epilogue does", () => {
  for (const encodings of pairs) {
    const float = encodings[0].kind === "float32";
    const mean = { op: "avgPool", kernel: [3, 3], stride: [1, 1], epilogue };
    const pooled = runLayer(mean, encodings, [2, 1, 1]);
    const sums = [0, 9].map((at) => pooled.x.subarray(at, at + 9).reduce((a, v) => (float ? fround(a + v) : a + v), 0));
    assert.deepEqual(
      [...pooled.y],
      sums.map((acc) => finished(acc, null, encodings[1])),
    );
    const scale = fround(0.7);
    const added = runLayer({ op: "add", epilogue, residual: { tensor: "x", scale } }, encodings, [2, 3, 3]);
    assert.deepEqual(
      [...added.y],
      [...added.x].map((x) => finished(x, scale * x, encodings[1])),
    );
  }
});

test("gather's value, binary layers and resampling are real values, encoded once", () => {
  for (const [input, output] of pairs) {
    const value = 0.1 + random.uniform();
    const places = { channels: [1, -1], rows: [0, 1, 2], columns: [2, 1, -1] };
    const gathered = runLayer({ op: "gather", ...places, value }, [input, input], [2, 3, 3]);
    assert.equal(gathered.y[2], encoded(value, input));
    assert.equal(gathered.y[0], gathered.x[9 + 2]);
    const real = decoderOf(input);
    const product = runLayer({ op: "binary", other: "x", fn: "mul" }, [input, output], [2, 3, 3]);
    assert.deepEqual(
      [...product.y],
      [...product.x].map((q) => encoded(real(q) * real(q), output)),
    );
    const [rows, columns] = [
      { indices: [0, 2], weights: [0.3, 0.7] },
      { indices: [1, 0, 2], weights: [0.1, 0.2, 0.4] },
    ];
    const small = runLayer({ op: "resample", rows, columns }, [input, output], [2, 1, 1]);
    const line = (row) =>
      columns.indices.reduce((sum, i, k) => sum + columns.weights[k] * real(small.x[3 * row + i]), 0);
    const sum = rows.indices.reduce((total, row, k) => total + rows.weights[k] * line(row), 0);
    assert.equal(small.y[0], encoded(sum, output));
  }
});

test("the golden hash, as written", () => {
  const [, start, prime] = doc.match(
    /from\n([0-9a-f]{16}), for each byte h = \(h xor byte\) · ([0-9a-f]{11}) mod 2\^64/,
  );
  const outputs = [Float32Array.of(1.5, -0, 3e-40), Float32Array.of(7)];
  let h = BigInt(`0x${start}`);
  for (const output of outputs) {
    for (const byte of new Uint8Array(output.buffer)) h = BigInt.asUintN(64, (h ^ BigInt(byte)) * BigInt(`0x${prime}`));
  }
  assert.equal(goldenHash(...outputs), h.toString(16).padStart(16, "0"));
});
