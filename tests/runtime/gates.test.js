// gates.test.js: functions with a gate give the plain executor's integers, above all where float32 hardly tells which.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { encoderOf, STEP_FUNCTIONS, stepsOf } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { KNOWN, SWISH, step } from "../ops/steps.js";
import { assertAgree } from "./agree.js";

const LEVELS = {
  kind: "levels",
  scale: Math.fround(0.131),
  levels: [0, 1, 2, 4, 8, 16],
  thresholds: [0.75, 1.5, 3, 6, 12],
};

const TIMES = (factor) => [step("constant", [], factor), step("mul", [2, 3])];
const HARD = [step("hardSigmoid", [0], 1 / 6, 0.5), step("mul", [0, 1])];
const DIVIDED_BY_6 = [step("constant", [], 6), step("div", [4, 5])];
const DIVIDED_FIRST = [step("constant", [], 6), step("div", [3, 4]), step("mul", [0, 5])];
const PLUS_3 = [step("constant", [], 3), step("add", [0, 1])];
/** The ways in which files have hard swish, and other functions with a bound. */
const CLIPS = {
  "hard swish, clipped": [...PLUS_3, step("clip", [2], 0, 6), step("mul", [0, 3]), ...DIVIDED_BY_6],
  "hard swish, clipped, divided first": [...PLUS_3, step("clip", [2], 0, 6), ...DIVIDED_FIRST],
  "hard swish with a factor and a sum": [
    ...[...PLUS_3, step("clip", [2], 0, 6), step("mul", [3, 0]), ...DIVIDED_BY_6],
    ...[step("constant", [], -0.63), step("mul", [6, 7]), step("constant", [], 0.547), step("sub", [8, 9])],
  ],
  "x clip(x, -1, 2)": [step("clip", [0], -1, 2), step("mul", [0, 1])],
  "clip(2 - x, 0.25, 3)": [step("constant", [], 2), step("sub", [1, 0]), step("clip", [2], 0.25, 3)],
  "x clip(x - 40, 0, 9)": [
    ...[step("constant", [], 40), step("sub", [0, 1])],
    ...[step("clip", [2], 0, 9), step("mul", [0, 3])],
  ],
};
/** Functions that bend at one place, and bounds behind a gate. */
const BENDS = {
  "leaky ReLU": [step("leakyRelu", [0], 0.2)],
  "leaky ReLU above a bound": [step("leakyRelu", [0], 0.2), step("constant", [], -0.4), step("max", [2, 1])],
  "leaky ReLU, turned over": [step("leakyRelu", [0], -0.7), step("constant", [], -2), step("mul", [2, 1])],
  "PReLU with a number, of a sum": [...PLUS_3, step("constant", [], 1.5), step("prelu", [2, 3])],
  "the larger of 2 x - 1 and 0.3": [
    ...[step("constant", [], 2), step("mul", [0, 1]), step("constant", [], 1), step("sub", [2, 3])],
    ...[step("constant", [], 0.3), step("max", [5, 4])],
  ],
  "the smaller of -x and 0.7, halved": [
    ...[step("constant", [], -1), step("mul", [0, 1]), step("constant", [], 0.7), step("min", [2, 3])],
    ...[step("constant", [], 0.5), step("mul", [4, 5])],
  ],
  "|x - 3|": [step("constant", [], 3), step("sub", [0, 1]), step("abs", [2])],
  "swish between bounds": [...SWISH, step("clip", [2], -0.2, 1.7)],
  "x above -0.4": [step("clip", [0], -0.4, 3.4028234663852886e38)],
  "1 - x below 0.3": [
    ...[step("constant", [], 1), step("sub", [1, 0]), step("clip", [2], -3.4028234663852886e38, 0.3)],
  ],
  "x + |x|": [step("abs", [0]), step("add", [0, 1])],
};
/** The ways in which files have GELU, and its kin. */
const GELUS = {
  gelu: KNOWN[1],
  "gelu, halved first": [
    step("constant", [], 0.5),
    step("mul", [0, 1]),
    step("constant", [], Math.SQRT2),
    step("div", [0, 3]),
    step("erf", [4]),
    step("constant", [], 1),
    step("add", [6, 5]),
    step("mul", [2, 7]),
  ],
  erf: [step("erf", [0])],
  "x erf(-x / 3)": [step("constant", [], -3), step("div", [0, 1]), step("erf", [2]), step("mul", [3, 0])],
  "quick gelu": [step("constant", [], 1.702), step("mul", [0, 1]), step("sigmoid", [2]), step("mul", [0, 3])],
  "x tanh(x)": [step("tanh", [0]), step("mul", [0, 1])],
  square: [step("mul", [0, 0]), step("constant", [], -0.3), step("mul", [1, 2])],
  affine: [step("constant", [], 3), step("mul", [1, 0]), step("constant", [], 0.7), step("sub", [2, 3])],
  "1 - swish": [...SWISH, step("constant", [], 1), step("sub", [3, 2])],
  "x + sigmoid(x) + 2": [step("sigmoid", [0]), step("add", [1, 0]), step("constant", [], 2), step("add", [3, 2])],
  "x hardSigmoid(x) + x": [step("hardSigmoid", [0], 0.2, 0.5), step("mul", [0, 1]), step("add", [2, 0])],
};
const FUNCTIONS = {
  sigmoid: [step("sigmoid", [0])],
  tanh: [step("tanh", [0])],
  swish: SWISH,
  "swish, turned over": [step("sigmoid", [0]), step("mul", [1, 0]), ...TIMES(-0.75)],
  "hard swish": [step("hardSwish", [0])],
  "hard swish in steps": HARD,
  "hard sigmoid": [step("hardSigmoid", [0], -0.3, 0.6)],
  ...CLIPS,
  ...BENDS,
  ...GELUS,
};

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
/** The float32 that lies `steps` behind another. */
function beside(x, steps) {
  float[0] = x;
  bits[0] += x < 0 ? -steps : steps;
  return float[0];
}

/** Numbers of float32 on both sides of every place where the integer changes, and all around. */
function edgesOf(encode, scale, random) {
  const numbers = [];
  let last = null;
  for (let k = -4000; k <= 4000; k++) {
    const x = Math.fround((k / 200 + 0.001) * Math.min(1, 100 * scale));
    const code = encode(x);
    if (last !== null && code !== last.code) {
      let [low, high] = [last.x, x];
      while (Math.fround((low + high) / 2) > low && Math.fround((low + high) / 2) < high) {
        const middle = Math.fround((low + high) / 2);
        if (encode(middle) === last.code) low = middle;
        else high = middle;
      }
      for (const distance of [1, 4, 60, 1000, 9000]) {
        for (let n = 0; n < 6; n++) numbers.push(beside(low, random.below(2 * distance + 1) - distance));
      }
    }
    last = { x, code };
  }
  for (let n = 0; n < 3000; n++) numbers.push(Math.fround(random.normal() * 10 ** (random.below(12) - 6)));
  return [...numbers, 0, 1e30, -1e30, 3.4e38, -3.4e38, 1e-40, 88, -88, 89, -89, 127, -127].filter(Number.isFinite);
}

/** The model of a function of 3 planes. */
function functionOf(steps, width, encoding) {
  const shape = [3, 1, width];
  const tensors = { x: { shape, encoding: FLOAT32 }, y: { shape, encoding } };
  const layer = { op: "elementwise", name: "f", input: "x", output: "y", steps };
  return { ...modelOf(tensors, [layer]), outputs: [{ name: "y", tensor: "y" }] };
}

test("the integers at every place where they change", async () => {
  const random = createRandom(11);
  let [count, functions] = [0, 0];
  for (const [name, steps] of Object.entries(FUNCTIONS)) {
    for (const encoding of [
      linear(255, 0, 0.03),
      linear(255, 128, 0.008),
      linear(200, 9, 1 / 254.5),
      linear(15, 3, 0.5),
      linear(255, 128, 1e-3),
      linear(255, 200, 1.3e-4),
    ]) {
      const f = stepsOf(steps);
      const encode = (x) => encoderOf(encoding)(f(x));
      const x = Float32Array.from(edgesOf(encode, encoding.scale, random));
      const shape = [1, 1, x.length];
      const layer = { op: "elementwise", name: "f", input: "x", output: "y", steps };
      const tensors = { x: { shape, encoding: FLOAT32 }, y: { shape, encoding } };
      const model = await Model.from({ ...modelOf(tensors, [layer]), outputs: [{ name: "y", tensor: "y" }] });
      model.trace({ x }, (tensor, raw) => {
        if (tensor !== "y") return;
        for (const [i, code] of raw.entries()) {
          if (code !== encode(x[i])) assert.fail(`${name} of ${x[i]}: ${code} for ${encode(x[i])}`);
        }
      });
      count += x.length;
      functions++;
      model.dispose();
    }
  }
  assert.ok(functions >= 26 && count > 100_000, `${functions} functions of ${count} numbers`);
});

test("planes of every length around eight pixels, and what overflows in any of them", async () => {
  const random = createRandom(12);
  for (const [name, steps] of Object.entries(FUNCTIONS)) {
    for (const width of [1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 49]) {
      const def = functionOf(steps, width, linear(255, 128, 0.03));
      for (const odd of [0, 3.4e38, -3.4e38, 1e-40]) {
        const x = Float32Array.from({ length: 3 * width }, () => 4 * random.normal());
        x[random.below(x.length)] = odd;
        await assertAgree(def, { x }, `${name}, ${width} pixels, ${odd}:`);
      }
    }
  }
});

/** The functions whose float32 results come of fewer operations in float64. */
const PRODUCTS = {
  "hard swish": FUNCTIONS["hard swish"],
  "hard swish in steps": HARD,
  "hard swish, clipped": CLIPS["hard swish, clipped"],
  "hard swish, clipped, divided first": CLIPS["hard swish, clipped, divided first"],
  "x clip(x, 0, 2)": [step("clip", [0], 0, 2), step("mul", [0, 1])],
  sigmoid: FUNCTIONS.sigmoid,
  swish: SWISH,
  "swish, turned over": FUNCTIONS["swish, turned over"],
  "quick gelu": GELUS["quick gelu"],
  "a factor first": [step("sigmoid", [0]), step("constant", [], 1e-20), step("mul", [1, 2]), step("mul", [0, 3])],
};

test("the float32 results, above all those near the middle between two numbers, and those without all of their bits", async () => {
  const random = createRandom(13);
  const wide = new Float64Array(1);
  const words = new Uint32Array(wide.buffer);
  for (const [name, steps] of Object.entries(PRODUCTS)) {
    const f = stepsOf(steps);
    const numbers = [0, -0, 3.4e38, -3.4e38, 1e-45, -1e-45, 1e-38, 1.2e-38, 2.4e-38, -1e-40];
    for (const x of [83.17, 88.5, 89, 102.9, 104, 690, 701, 710]) numbers.push(x, -x);
    // where hard gates open and close
    for (const x of [-3, 2, 3]) {
      for (let n = 0; n < 100; n++)
        numbers.push(beside(x, random.below(2 ** random.below(20))), beside(x, -random.below(9)));
    }
    let middles = 0;
    while (middles < 300) {
      const x = Math.fround(random.normal() * 10 ** (random.below(4) - 2));
      wide[0] = f(x);
      // float32 leaves the lowest 29 bits out
      const distance = Math.abs((words[0] & 0x1fffffff) - 0x10000000);
      if (distance < 40_000) middles++;
      if (distance < 40_000 || random.below(500) === 0) numbers.push(x);
    }
    for (let n = 0; n < 3000; n++) numbers.push(Math.fround(random.normal() * 10 ** (random.below(80) - 44)));
    // a block is computed in one way or the other: edges stand beside other numbers, and in blocks of their own
    const x = Float32Array.from(numbers.flatMap((number) => [number, random.normal(), 1]));
    const { layers, tensors, outputs } = functionOf(steps, numbers.length, FLOAT32);
    const quotient = { op: "binary", name: "t", fn: "div", input: "x", other: "z", output: "t" };
    const both = { ...tensors, z: tensors.x, t: tensors.x };
    const def = { ...modelOf(both, [quotient, { ...layers[0], input: "t" }], ["x", "z"]), outputs };
    for (const odd of [1, 0]) {
      // infinities of both signs, and one number that is none
      const z = Float32Array.from(x, (_, i) => (i % 97 === 96 ? odd : 1));
      x[96] = 0;
      await assertAgree(def, { x, z }, `${name}, ${odd}:`);
    }
  }
});

test("float32 results of planes of every length around four pixels and a block, and of activations of few levels", async () => {
  const random = createRandom(14);
  for (const [name, steps] of Object.entries(PRODUCTS)) {
    for (const width of [1, 3, 4, 5, 49, 63, 64, 65, 67, 128, 131]) {
      for (const encoding of [FLOAT32, linear(255, 128, 1e-6), LEVELS]) {
        const x = Float32Array.from({ length: 3 * width }, () => 4 * random.normal());
        await assertAgree(functionOf(steps, width, encoding), { x }, `${name}, ${width} pixels, ${encoding.kind}:`);
      }
    }
  }
});

test("functions that look like gates and are none, and those that leave the numbers of float32 on the way", async () => {
  const random = createRandom(15);
  const doubled = Array.from({ length: 8 }, (_, i) => [step("constant", [], 2), step("mul", [2 * i + 2, 2 * i + 3])]);
  const others = [
    ...KNOWN,
    ...Object.values(BENDS),
    [step("sigmoid", [0]), step("mul", [1, 1])],
    [...SWISH, step("mul", [2, 0])],
    [step("tanh", [0]), step("constant", [], 1), step("add", [1, 2])],
    [
      step("sigmoid", [0]),
      step("constant", [], 1e20),
      step("add", [1, 2]),
      step("constant", [], -1e20),
      step("add", [3, 4]),
    ],
    [step("mul", [0, 0]), step("sigmoid", [1])],
    [...SWISH, step("constant", [], 0), step("add", [3, 2])],
    [step("sigmoid", [0]), step("erf", [0]), step("mul", [1, 2])],
    [step("constant", [], 3), step("sigmoid", [1]), step("mul", [0, 2])],
    [step("constant", [], 3), step("div", [1, 0]), step("sigmoid", [2])],
    [step("sigmoid", [0]), step("div", [0, 1])],
    [step("sigmoid", [0]), step("tanh", [0]), step("mul", [1, 2])],
    [step("hardSigmoid", [0], 0, 0.5)],
    [step("hardSigmoid", [0], 1e-35, 0.5), step("mul", [0, 1])],
    [...SWISH, step("constant", [], 1e-40), step("mul", [2, 3])],
    [...SWISH, step("constant", [], 0), step("mul", [2, 3])],
    [...SWISH, ...doubled.flat()],
    [
      step("sigmoid", [0]),
      step("constant", [], 1e-300),
      step("mul", [1, 2]),
      step("constant", [], 1e300),
      step("mul", [3, 4]),
    ],
  ];
  for (const [i, steps] of others.entries()) {
    for (const encoding of [FLOAT32, linear(255, 128, 0.03), linear(255, 3, 1e-5), linear(255, 128, 1e35), LEVELS]) {
      const x = Float32Array.from({ length: 3 * 67 }, () => 4 * random.normal());
      x.set([0, -0, 1e-40, 88, -88, 3e38, -3e38], 11);
      // in a block without numbers that need the steps
      x[80] = -0;
      await assertAgree(functionOf(steps, 67, encoding), { x }, `function ${i} to ${encoding.kind}:`);
    }
  }
});

test("gains of channels: of every function, small, large, negative and 0", async () => {
  const random = createRandom(16);
  const more = [
    ...Object.entries(FUNCTIONS),
    ...KNOWN.map((steps, i) => [`known ${i}`, steps]),
    ["sine", [step("sin", [0])]],
  ];
  for (const [name, steps] of more) {
    for (const encoding of [FLOAT32, linear(255, 128, 0.03), linear(15, 3, 0.5), linear(255, 9, 1e-6), LEVELS]) {
      const def = functionOf(steps, 67, encoding);
      const gains = Float32Array.of(random.normal(), [0, -30, 1e-3, 2000][random.below(4)], -random.uniform());
      const layers = [{ ...def.layers[0], gains }];
      const x = Float32Array.from({ length: 3 * 67 }, () => 4 * random.normal());
      await assertAgree({ ...def, layers }, { x }, `${name} to ${encoding.kind}, times ${gains.join()}:`);
    }
  }
});

/** A function of steps that gates may be joined by, whose numbers are of any size. */
function randomGate(random) {
  const steps = [];
  const place = () => random.below(steps.length + 1);
  const number = () => (random.below(2) === 0 ? random.normal() : random.normal() * 10 ** (random.below(13) - 6));
  let last = 0;
  for (let count = 2 + random.below(5); count > 0; count--) {
    const kind = random.below(7);
    if (kind < 2) {
      const fn = ["sigmoid", "tanh", "erf", "hardSwish", "hardSigmoid", "clip", "leakyRelu", "abs"][random.below(8)];
      const count = STEP_FUNCTIONS.get(fn).parameters;
      const parameters = [random.normal(), number()].slice(0, count);
      last = steps.push(step(fn, [last], ...parameters));
      continue;
    }
    const other = kind < 5 ? steps.push(step("constant", [], number())) : place();
    const of = random.below(3) === 0 ? [other, last] : [last, other];
    last = steps.push(step(["add", "sub", "mul", "mul", "div", "max", "min", "prelu"][random.below(8)], of));
  }
  return read(steps);
}

/** The steps that the last one depends on, in order. */
function read(steps) {
  const needed = new Set([steps.length]);
  for (let i = steps.length; i > 0; i--) if (needed.has(i)) for (const k of steps[i - 1].of) needed.add(k);
  const kept = steps.map((_, i) => i + 1).filter((i) => needed.has(i));
  const to = new Map([[0, 0], ...kept.map((i, n) => [i, n + 1])]);
  return needed.has(0) ? kept.map((i) => ({ ...steps[i - 1], of: steps[i - 1].of.map((k) => to.get(k)) })) : SWISH;
}

test("random functions of gates, numbers, sums, products and quotients", async () => {
  const random = createRandom(17);
  for (let n = 0; n < 600; n++) {
    const steps = randomGate(random);
    const f = stepsOf(steps);
    const spread = 10 ** (random.below(5) - 2);
    const x = Float32Array.from({ length: 3 * 67 }, () => spread * random.normal());
    const most = x.reduce((sum, value) => Math.max(sum, Math.abs(f(value))), 0);
    const fine = (Number.isFinite(most) && most > 1e-30 && most < 1e30 ? most : 1) / [40, 127, 2000][random.below(3)];
    const encoding = [FLOAT32, linear(255, random.below(256), fine)][random.below(2)];
    await assertAgree(
      functionOf(steps, 67, encoding),
      { x },
      `${JSON.stringify(steps)} to ${JSON.stringify(encoding)}`,
    );
  }
});

/** Terms a x gate, b gate, d and e x in any order, whose factors are alike: where the gate is open or shut, they cancel. */
function randomTerms(random) {
  const pick = (list) => list[random.below(list.length)];
  const steps = [];
  const put = (...parts) => steps.push(step(...parts));
  const times = (place, factor) => put("mul", [place, put("constant", [], factor)]);
  const size = 10 ** (random.below(5) - 2);
  const factor = () => pick([1, -1, 0.5, -0.5, 0.999, -0.999, -1.001, 3, -3, 1000, 1e-6]) * size;
  const inner = random.below(3) > 0 ? 0 : times(0, pick([2, -1, 0.3, random.normal()]));
  const gate = pick([
    () => put("sigmoid", [inner]),
    () => put("tanh", [inner]),
    () => put("erf", [inner]),
    () => put("hardSigmoid", [inner], pick([0.2, -0.3]), pick([0.5, 0, 3])),
    () => put("hardSwish", [inner]),
    () =>
      put(
        "clip",
        [inner],
        ...pick([
          [-1, 0],
          [-1, 1e-20],
          [0, 6],
          [-1, 2],
        ]),
      ),
    () => put("leakyRelu", [inner], pick([0.2, -1, 1.5, 1e17])),
    () => put("mul", [0, 0]),
  ])();
  const first = random.below(2) ? put("add", [times(gate, factor()), put("constant", [], factor())]) : gate;
  const more = [times(gate, factor()), times(0, factor()), put("constant", [], factor())];
  const terms = [put("mul", [times(first, factor()), 0]), gate, ...more].filter(() => random.below(2) > 0);
  const last = random.shuffle(terms.length > 0 ? terms : [gate]).reduce((sum, term) => {
    return put(pick(["add", "sub"]), [sum, term]);
  });
  return read(steps.slice(0, last));
}

test("terms that cancel, of numbers of every size", async () => {
  const random = createRandom(18);
  for (let n = 0; n < 400; n++) {
    const steps = randomTerms(random);
    const f = stepsOf(steps);
    const spread = [1, 10, 1e3, 1e5, 1e9, 1e20, 1e37][random.below(7)];
    const scale = Math.fround(Math.abs(f(random.normal())) / [1, 15, 255, 2000][random.below(4)] + 1e-6);
    const encoding = linear([1, 15, 255][random.below(3)], 1, scale);
    const x = Float32Array.from({ length: 3 * 64 }, (_, i) => {
      let [a, b] = [spread, 1].map((size) => Math.fround(size * random.normal()));
      const code = encoderOf(encoding);
      // a number beside one where the integer changes, if there is any between the two
      for (let step = 0; step < 60 && i % 3 > 0; step++) {
        const middle = Math.fround((a + b) / 2);
        if (code(f(middle)) === code(f(a))) a = middle;
        else b = middle;
      }
      return a;
    });
    await assertAgree(functionOf(steps, 64, encoding), { x }, `${JSON.stringify(steps)}, scale ${scale}:`);
  }
});

test("numbers that float32 has not, in steps of the result", async () => {
  const random = createRandom(19);
  const square = [step("mul", [0, 0])];
  const far = [step("constant", [], 3e28), step("mul", [0, 1]), step("mul", [2, 2])];
  for (const steps of [square, far, SWISH, FUNCTIONS["leaky ReLU"], FUNCTIONS.affine]) {
    for (const gain of [3.4e38, -3.4e38, 1e35, 1e-30]) {
      const def = functionOf(steps, 64, linear(255, 163, 0.5));
      const gains = Float32Array.of(1, gain, -1);
      const x = Float32Array.from({ length: 3 * 64 }, () => random.normal() * 10 ** (random.below(82) - 44));
      await assertAgree({ ...def, layers: [{ ...def.layers[0], gains }] }, { x }, `${steps.at(-1).fn} ${gain}:`);
    }
  }
});
