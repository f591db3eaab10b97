// sgd.test.js: the update rule against its formula, the mask, clipping; and the loss kernel's exp and log.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { createEngine, parameterLayout, readParameters } from "../../dist/engine/index.js";
import { compileModule } from "../../dist/engine/wasm.js";
import { createOptimizer } from "../../dist/training/sgd.js";
import { lossOf } from "../oracle/loss.js";
import { disturb, small, tinyNetwork } from "./helpers.js";

const module = compileModule();

function start(options) {
  const network = disturb(tinyNetwork());
  const layout = parameterLayout(network);
  const optimizer = createOptimizer(module, layout, {
    momentum: 0.9,
    nesterov: false,
    weightDecay: 0,
    groups: [],
    clip: Number.POSITIVE_INFINITY,
    average: null,
    ...options,
  });
  readParameters(layout, optimizer.parameters);
  const random = createRandom(5);
  const gradient = () => Float32Array.from({ length: layout.length }, () => random.normal());
  return { network, layout, optimizer, gradient };
}

for (const nesterov of [false, true]) {
  test(`three steps follow the formula, nesterov ${nesterov}`, () => {
    const { layout, optimizer, gradient } = start({ nesterov, weightDecay: 0.01 });
    const w = Float64Array.from(optimizer.parameters);
    const v = new Float64Array(w.length);
    for (const rate of [0.1, 0.05, 0.2]) {
      const g = gradient();
      optimizer.setGradient(g);
      optimizer.step(rate);
      for (let i = 0; i < w.length; i++) {
        const decayed = g[i] + (i < layout.weights ? 0.01 * w[i] : 0);
        v[i] = 0.9 * v[i] + decayed;
        w[i] -= rate * (nesterov ? decayed + 0.9 * v[i] : v[i]);
      }
    }
    for (let i = 0; i < w.length; i++) {
      assert.ok(Math.abs(w[i] - optimizer.parameters[i]) < 2e-6, `parameter ${i}`);
      assert.ok(Math.abs(v[i] - optimizer.velocity[i]) < 2e-6, `velocity ${i}`);
    }
  });
}

test("groups have rates and decays of their own, the first that fits", () => {
  const groups = [
    { nodes: ["conv1"], rate: 2 },
    { fields: ["weight"], weightDecay: 0.5 },
    { nodes: ["conv1", "bn1"], fields: ["gamma"], rate: 0, weightDecay: 0.1 },
  ];
  const { layout, optimizer, gradient } = start({ momentum: 0, weightDecay: 0.25, groups });
  const w = Float32Array.from(optimizer.parameters);
  const g = gradient();
  optimizer.setGradient(g);
  optimizer.step(0.1);
  for (const { node, field, offset, tensor } of layout.entries) {
    const rate = node === "conv1" ? 0.2 : node === "bn1" && field === "gamma" ? 0 : 0.1;
    const decay = field !== "weight" ? 0 : node === "conv1" ? 0.25 : 0.5;
    for (let i = offset; i < offset + tensor.data.length; i++) {
      const expected = w[i] - rate * (g[i] + decay * w[i]);
      assert.ok(Math.abs(optimizer.parameters[i] - expected) < 1e-6, `${node}.${field}`);
    }
  }
});

test("the moving average follows its formula; what stands still it holds to the bit", () => {
  const { layout, optimizer, gradient } = start({ average: 0.75 });
  const frozen = new Map([["conv1", { frozen: new Uint8Array(72).fill(1) }]]);
  optimizer.freeze(frozen);
  optimizer.restart();
  const expected = Float64Array.from(optimizer.parameters);
  for (const rate of [0.1, 0.05, 0.2]) {
    optimizer.setGradient(gradient());
    optimizer.step(rate);
    for (let i = 0; i < expected.length; i++) expected[i] = 0.75 * expected[i] + 0.25 * optimizer.parameters[i];
  }
  const { offset } = layout.entries.find(({ node, field }) => node === "conv1" && field === "weight");
  const still = optimizer.parameters.slice(offset, offset + 72);
  optimizer.takeAverage();
  assert.deepEqual(optimizer.parameters.slice(offset, offset + 72), still);
  assert.ok(expected.every((value, i) => Math.abs(value - optimizer.parameters[i]) < 1e-6));
});

test("frozen weights keep their bits, the others move", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
      const { network, layout, optimizer, gradient } = start({ weightDecay: 0.1, nesterov: true });
      const random = createRandom(seed);
      const grids = new Map(
        network.nodes
          .filter((node) => node.op === "conv")
          .map((node) => {
            const frozen = Uint8Array.from(node.weight.data, () => random.below(2));
            return [node.name, { kind: "powers", bits: 5, n1: 0, scale: null, frozen }];
          }),
      );
      optimizer.freeze(grids);
      const before = optimizer.parameters.slice();
      for (let i = 0; i < 3; i++) {
        optimizer.setGradient(gradient());
        optimizer.step(0.1);
      }
      for (const { node, field, offset, tensor } of layout.entries) {
        const frozen = field === "weight" ? grids.get(node)?.frozen : undefined;
        for (let i = 0; i < tensor.data.length; i++) {
          const moved = optimizer.parameters[offset + i] !== before[offset + i];
          assert.equal(moved, frozen?.[i] !== 1, `${node}.${field}[${i}]`);
        }
      }
    }),
    { numRuns: 20, seed: 1 },
  );
});

test("gradients add up in order, and are clipped by their norm", () => {
  const { optimizer, gradient } = start({ clip: 2, momentum: 0 });
  const [a, b] = [gradient(), gradient()];
  optimizer.setGradient(a);
  optimizer.addGradient(b);
  const before = optimizer.parameters.slice();
  const norm = optimizer.step(1);
  const sum = a.map((value, i) => value + b[i]);
  const expected = Math.sqrt(sum.reduce((total, value) => total + value * value, 0));
  assert.ok(Math.abs(norm - expected) < 1e-4 * expected);
  const moved = Math.sqrt(optimizer.parameters.reduce((total, value, i) => total + (value - before[i]) ** 2, 0));
  assert.ok(Math.abs(moved - 2) < 1e-4, `moved by ${moved}`);
  assert.equal(optimizer.firstNonFinite(), null);
  optimizer.parameters[optimizer.parameters.length - 1] = Number.POSITIVE_INFINITY;
  assert.equal(optimizer.firstNonFinite(), "dense1.bias");
  optimizer.parameters[0] = Number.NaN;
  assert.equal(optimizer.firstNonFinite(), "conv1.weight");
});

test("softmax cross-entropy equals float64 over the whole range of logits", () => {
  // the network is its own input: a dense layer whose logits are set through the bias
  const engine = createEngine(
    small([1, 1, 1], (_b, x) => x),
    { batch: 1 },
  );
  const logit = fc.float({ min: -1000, max: 1000, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(logit, { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 0, max: 3 }),
      fc.constantFrom(0, 0.1, 0.9),
      (logits, label, smoothing) => {
        engine.parameters.fill(0);
        engine.parameters.set(logits, 4);
        engine.forward(Float32Array.of(0), 1, "train");
        const found = engine.loss(Uint8Array.of(label), 1, smoothing);
        const expected = lossOf(Float64Array.from(logits), [label], smoothing);
        assert.ok(Math.abs(found.loss - expected.loss) <= 1e-12 * Math.max(1, expected.loss));
        assert.equal(found.correct, logits.indexOf(Math.max(...logits)) === label ? 1 : 0);
        engine.backward();
        for (let c = 0; c < 4; c++) assert.ok(Math.abs(engine.gradients[4 + c] - expected.gradient[c]) < 1e-7);
      },
    ),
    { numRuns: 300, seed: 2 },
  );
});
