// ready.test.js: weights that lie on a grid are found to lie on one, to the bit, and no others.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { gridCodes, validateGrid } from "../../dist/ops/grid.js";
import { QUANTIZERS, readyGrids } from "../../dist/quantize/index.js";
import { gridOf } from "../../dist/quantize/ready.js";

const TWO_TERM = [0, 1, 2, 3, 4, 6, 8, 12].flatMap((level) => [level, -level]);
const POWERS = (count) => Array.from({ length: count }, (_, i) => 2 ** i).flatMap((level) => [0, level, -level]);
const RANGE = (low, high) => Array.from({ length: high - low + 1 }, (_, i) => low + i);

/** Levels, with the kind of grid that their weights are on. */
const LEVELS = {
  binary: [[-1, 1], "powers"],
  ternary: [[-1, 0, 1], "powers"],
  "powers of 3 bits": [POWERS(2), "powers"],
  "powers of 5 bits": [POWERS(8), "powers"],
  "DeepShift's powers": [POWERS(14), "codebook"],
  "two-term": [TWO_TERM, "codebook"],
  int4: [RANGE(-8, 7), "codebook"],
  "7 bits": [RANGE(-63, 64), "codebook"],
  "a table of odd levels": [[-511, -200, -77, -9, 0, 13, 90, 317, 480], "codebook"],
};

/** Weights of 6 channels of 50, with a scale for each channel or one for all. */
function weightsOn(levels, seed, scaled) {
  const random = createRandom(seed);
  const common = Math.fround(Math.exp(random.normal()) * 0.05);
  const weights = new Float32Array(300);
  for (let c = 0; c < 6; c++) {
    const scale = scaled ? Math.fround(Math.exp(random.normal()) * 0.05) : common;
    for (let i = 0; i < 50; i++) weights[50 * c + i] = Math.fround(scale * levels[random.below(levels.length)]);
  }
  return weights;
}

for (const [name, [levels, kind]] of Object.entries(LEVELS)) {
  test(`${name}: random scales, one for all and one a channel`, () => {
    const property = fc.property(fc.nat(), fc.boolean(), (seed, scaled) => {
      const weights = weightsOn(levels, seed, scaled);
      const grid = gridOf(weights, 6);
      assert.equal(grid?.kind, kind);
      assert.ok(grid.frozen.every((flag) => flag === 1));
      // throws for a weight that is not the scale times a level, to the bit
      validateGrid(weights, 6, grid, "grid");
      assert.deepEqual([...gridCodes(weights, 6, grid, "weights")].length, 300);
    });
    fc.assert(property, { seed: 24, numRuns: 100 });
  });
}

test("what a quantizer of ours makes lies on a grid, whichever it is", () => {
  const random = createRandom(7);
  const weights = Float32Array.from({ length: 8 * 36 }, () => 0.1 * random.normal());
  for (const quantizer of QUANTIZERS) {
    for (const bits of quantizer.bits) {
      const { levels, scale, codes } = quantizer.fit(weights, { name: "layer", shape: [8, 4, 3, 3], bits });
      if (levels.length > 128) continue;
      const made = Float32Array.from(codes, (code, i) => Math.fround(scale[Math.floor(i / 36)] * levels[code]));
      const grid = gridOf(made, 8);
      assert.ok(grid, `${quantizer.name} ${bits}`);
      validateGrid(made, 8, grid, quantizer.name);
    }
  }
});

test("weights of no grid, and one that is the least bit off", () => {
  const random = createRandom(3);
  assert.equal(
    gridOf(
      Float32Array.from({ length: 300 }, () => random.normal()),
      6,
    ),
    null,
  );
  assert.equal(gridOf(Float32Array.of(1, Number.NaN, 2, 3), 1), null);
  assert.equal(gridOf(Float32Array.of(1, Infinity, 2, 3), 1), null);
  for (const [levels] of Object.values(LEVELS)) {
    const weights = weightsOn(
      [...levels].filter((level) => level !== 0),
      5,
      true,
    );
    new Uint32Array(weights.buffer)[17]++;
    assert.equal(gridOf(weights, 6), null);
  }
  // 255 levels are too many for a codebook
  const bytes = Float32Array.from({ length: 255 }, (_, i) => Math.fround(0.013 * (i - 127)));
  assert.equal(gridOf(bytes, 1), null);
});

test("few bits where few levels are used, plain powers without a scale, zeros on any grid", () => {
  const { frozen, ...plain } = gridOf(Float32Array.of(0.25, -0.5, 0, 0.125), 2);
  assert.deepEqual(plain, { kind: "powers", bits: 4, n1: -1, scale: null });
  assert.deepEqual([...frozen], [1, 1, 1, 1]);
  const scaled = gridOf(Float32Array.of(0.3, -0.6, 0, 0), 2);
  assert.deepEqual([scaled.bits, scaled.n1, [...scaled.scale]], [3, 0, [Math.fround(0.6), 1]]);
  assert.deepEqual(
    { ...gridOf(new Float32Array(4), 2), frozen: 0 },
    { kind: "powers", bits: 2, n1: 0, scale: null, frozen: 0 },
  );
  // too small for the levels below to be normal numbers
  assert.equal(gridOf(Float32Array.of(2 ** -120, 2 ** -130), 1), null);
});

test("the layers of a network that are ready, by name", () => {
  const random = createRandom(1);
  const b = buildNetwork("mixed", random);
  const network = b.finish([b.conv(b.relu(b.conv(b.input([3, 8, 8]), 4)), 4)]);
  const [first, second] = network.nodes.filter(({ op }) => op === "conv");
  assert.deepEqual([...readyGrids(network).keys()], []);
  first.weight.data.forEach((w, i, all) => {
    all[i] = Math.sign(w) * 0.25;
  });
  assert.deepEqual([...readyGrids(network).keys()], [first.name]);
  second.weight.data.fill(0);
  assert.deepEqual([...readyGrids(network).keys()], [first.name, second.name]);
  assert.throws(() => readyGrids({}), { code: "BAD_OPTION" });
});
