// approach.test.js: the distance of outputs from a teacher's and its gradient, against differences.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { approach } from "../../dist/engine/approach.js";
import { createEngine } from "../../dist/engine/index.js";
import { ENDINGS } from "../pipeline/endings.js";
import { randomImages } from "../training/helpers.js";

const aim = (fields) => ({ output: "y", target: "y", variance: null, axis: 0, ...fields });

/** Values of a softmax along an axis, of 2 images. */
function shares(shape, axis, seed) {
  const random = createRandom(seed);
  const size = shape[0] * shape[1] * shape[2];
  const values = Float32Array.from({ length: 2 * size }, () => 0.05 + random.uniform());
  const strides = [shape[1] * shape[2], shape[2], 1];
  for (let i = 0; i < values.length; i++) {
    if (Math.floor(i / strides[axis]) % shape[axis] !== 0) continue;
    let sum = 0;
    for (let k = 0; k < shape[axis]; k++) sum += values[i + k * strides[axis]];
    for (let k = 0; k < shape[axis]; k++) values[i + k * strides[axis]] /= sum;
  }
  return values;
}

test("squared errors over the variance", () => {
  const slope = new Float32Array(4);
  const sum = approach(
    aim({ variance: 2 }),
    [1, 1, 2],
    Float32Array.of(1, 2, 3, 4),
    Float32Array.of(1, 1, 3, 6),
    slope,
    0.5,
    2,
  );
  assert.equal(sum, (1 + 4) / 4);
  assert.deepEqual(slope, Float32Array.of(0, 0.25, 0, -0.5));
});

for (const [shape, axis] of [
  [[5, 1, 1], 0],
  [[3, 2, 2], 0],
  [[4, 3, 1], 1],
  [[2, 2, 4], 2],
]) {
  test(`divergence of a softmax along axis ${axis} of ${shape.join("x")}: as of softened logits`, () => {
    const [found, target] = [shares(shape, axis, 1), shares(shape, axis, 2)];
    const slope = new Float32Array(found.length);
    const sum = approach(aim({ axis }), shape, found, target, slope, 1, 2);
    assert.ok(sum > 0);
    const self = approach(aim({ axis }), shape, found, found, new Float32Array(found.length), 1, 2);
    assert.ok(Math.abs(self) < 1e-12);
    // logits moved a little: their softmax moves on the simplex
    const strides = [shape[1] * shape[2], shape[2], 1];
    const line = Array.from({ length: shape[axis] }, (_, k) => k * strides[axis]);
    const moved = (step) => {
      const values = Float64Array.from(found);
      const total = line.reduce((all, at) => all + values[at] * (at === 0 ? Math.exp(step) : 1), 0);
      for (const at of line) values[at] = (values[at] * (at === 0 ? Math.exp(step) : 1)) / total;
      return approach(aim({ axis }), shape, values, target, new Float32Array(found.length), 1, 2);
    };
    const numeric = (moved(1e-4) - moved(-1e-4)) / 2e-4;
    const along = line.reduce((all, at) => all + slope[at] * found[at], 0);
    const analytic = found[0] * (slope[0] - along);
    assert.ok(Math.abs(numeric - analytic) < 1e-5, `${numeric} ${analytic}`);
  });
}

for (const name of ["a map of sigmoids", "classes and boxes", "a sum and what it is of"]) {
  test(`gradients of all outputs reach the parameters: ${name}`, () => {
    const network = ENDINGS[name];
    const engine = createEngine(network, { batch: 2 });
    const images = randomImages(network, 2);
    engine.forward(images, 2, "eval");
    const targets = network.outputs.map((output) => engine.tensor(output).map((value) => value * 0.8 + 0.02));
    const isSoftmax = (output) => network.nodes.find((node) => node.name === output).op === "softmax";
    const aims = network.outputs.map((output) =>
      aim({ output, target: output, variance: isSoftmax(output) ? null : 0.7, axis: 1 }),
    );
    const lossAt = () => {
      engine.forward(images, 2, "frozen");
      return engine.approach(aims, targets, 2, 2) / 2;
    };
    lossAt();
    engine.backward();
    const { gradients, parameters } = engine;
    let checked = 0;
    for (const { offset, node, field } of engine.layout.entries) {
      if (field !== "bias") continue;
      const before = parameters[offset];
      const ends = [0.01, -0.01].map((step) => {
        parameters[offset] = before + step;
        return lossAt();
      });
      parameters[offset] = before;
      const numeric = (ends[0] - ends[1]) / 0.02;
      assert.ok(
        Math.abs(numeric - gradients[offset]) < 2e-3 + 0.02 * Math.abs(numeric),
        `${node}: ${numeric} ${gradients[offset]}`,
      );
      checked++;
    }
    assert.ok(checked > 1);
  });
}

test("an output without an aim has no gradient", () => {
  const network = ENDINGS["classes and boxes"];
  const engine = createEngine(network, { batch: 1 });
  engine.forward(randomImages(network, 1), 1, "eval");
  const [softmax, boxes] = network.outputs;
  const target = engine.tensor(boxes).slice();
  assert.equal(engine.approach([aim({ output: boxes, target: boxes, variance: 1 })], [target], 1, 2), 0);
  engine.backward();
  assert.ok(
    engine.gradients.every((value) => value === 0),
    softmax,
  );
});
