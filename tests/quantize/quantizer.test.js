// quantizer.test.js: every quantizer on every kind of layer, and the integers that stand for real levels.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, lower } from "../../dist/graph/index.js";
import { QUANTIZERS, quantizeWeights, writeFit } from "../../dist/quantize/index.js";
import { realFit } from "../../dist/quantize/quantizer.js";
import { levelsOn } from "./grids.js";

const LAYER = { name: "conv", shape: [2, 4, 3, 3], bits: 3 };

test("real levels become integers within 2 %, all with one scale", () => {
  const real = Float64Array.of(-0.31, -0.17, -0.052, 0.043, 0.12, 0.29);
  const { levels, scale, codes } = realFit(real, Uint8Array.of(0, 1, 2, 3, 4, 5), LAYER);
  assert.equal(scale[0], scale[1]);
  real.forEach((level, k) => {
    const realized = levels[codes[k]] * scale[0];
    assert.ok(Math.abs(realized / level - 1) < 0.021, `${level}: ${realized}`);
  });
});

test("levels that are powers of two but for a factor stay powers of two", () => {
  const real = Float64Array.of(-0.8, -0.4, -0.2, 0.1, 0.2, 0.4, 0.8);
  const { levels } = realFit(real, new Uint8Array(7), LAYER);
  assert.ok(levels.every((level) => Number.isInteger(Math.log2(Math.abs(level)))));
});

test("levels too close to tell apart are merged; zeros alone become 0 and 1", () => {
  const { levels, codes } = realFit(Float64Array.of(-1, 1e-9, 2e-9, 1), Uint8Array.of(0, 1, 2, 3), LAYER);
  assert.equal(levels.length, 3);
  assert.equal(codes[1], codes[2]);
  const zero = realFit(Float64Array.of(0), new Uint8Array(72), LAYER);
  assert.deepEqual([zero.levels, zero.codes[0]], [[0, 1], 0]);
});

test("a layer so deep that no lane could hold its sums is refused by name", () => {
  const deep = { name: "deep", shape: [1, 2 ** 24], bits: 3 };
  assert.throws(() => realFit(Float64Array.of(-1, 1), new Uint8Array(1), deep), { code: "OVERFLOW", where: "deep" });
});

const layers = fc.record({
  seed: fc.nat(),
  kind: fc.constantFrom("normal", "zero", "constant", "few", "positive", "zero channel", "tiny"),
});

function drawWeights(random, kind) {
  const values = Float32Array.from({ length: 72 }, () => random.normal());
  if (kind === "zero") return values.fill(0);
  if (kind === "constant") return values.fill(-0.7);
  if (kind === "few") return values.map((w) => (w < 0 ? -0.25 : 0.5));
  if (kind === "positive") return values.map(Math.abs);
  if (kind === "zero channel") return values.fill(0, 0, 36);
  return kind === "tiny" ? values.map((w) => w * 1e-30) : values;
}

for (const quantizer of QUANTIZERS) {
  test(`${quantizer.name} gives a grid that lowers and holds every weight, whatever the layer`, () => {
    fc.assert(
      fc.property(layers, fc.constantFrom(...quantizer.bits), ({ seed, kind }, bits) => {
        const b = buildNetwork("one", createRandom(seed));
        const encoding = { kind: "linear", scale: 1, zero: 0, max: 255 };
        const network = b.finish([b.conv(b.quantize(b.input([4, 5, 5]), encoding), 2, { kernel: 3 })]);
        const node = network.nodes.find(({ op }) => op === "conv");
        node.weight.data.set(drawWeights(createRandom(seed), kind));
        if (kind === "tiny" && quantizer.name === "deepshift") {
          assert.throws(() => quantizeWeights(network, quantizer, bits), { code: "BAD_DATA", where: "conv1" });
          return;
        }
        const grids = quantizeWeights(network, quantizer, bits);
        const grid = grids.get(node.name);
        for (const levels of levelsOn(grid, 2).levels) {
          assert.ok(levels.every((level, k) => k === 0 || level > levels[k - 1]));
          assert.ok(quantizer.exponents || levels.every(Number.isInteger));
        }
        assert.ok(grid.kind === (quantizer.exponents ? "powers" : "codebook"));
        const [layer] = lower(network, { grids }).layers.filter(({ op }) => op === "conv");
        assert.equal(layer.weights.codes.length, 72);
        if (kind === "zero" && !["deepshift"].includes(quantizer.name)) {
          assert.ok(node.weight.data.every((w) => w === 0));
        }
      }),
      { seed: 8, numRuns: 60 },
    );
  });

  test(`${quantizer.name} refuses bits it does not have and weights that are none`, () => {
    const layer = { ...LAYER, bits: quantizer.bits[0] };
    assert.throws(() => quantizer.fit(new Float32Array(72), { ...layer, bits: 7.5 }), {
      code: "BAD_OPTION",
      where: "conv",
    });
    const weights = new Float32Array(72).fill(0.5);
    weights[70] = Number.POSITIVE_INFINITY;
    assert.throws(() => quantizer.fit(weights, layer), { code: "BAD_DATA", where: "conv[70]" });
    assert.throws(() => quantizer.fit(new Float32Array(0), layer), { code: "BAD_DATA", where: "conv" });
  });
}

test("weights of any size get the codes of weights around 1, or are refused by name", () => {
  const random = createRandom(3);
  const weights = Float32Array.from({ length: 72 }, () => 0.3 * random.normal());
  // levels of their own size have none, and a tanh
  const absolute = ["deepshift", "dorefa"];
  for (const quantizer of QUANTIZERS) {
    for (const bits of quantizer.bits) {
      const fit = (exponent) =>
        quantizer.fit(
          weights.map((w) => w * 2 ** exponent),
          { ...LAYER, bits },
        );
      const expected = fit(0);
      for (const exponent of absolute.includes(quantizer.name) ? [] : [-110, -60, 60, 120]) {
        const { codes, levels, scale } = fit(exponent);
        assert.deepEqual([codes, levels], [expected.codes, expected.levels], `${quantizer.name} ${bits} 2^${exponent}`);
        assert.deepEqual(
          scale,
          expected.scale.map((s) => s * 2 ** exponent),
        );
      }
      assert.throws(() => fit(-125), { code: "BAD_DATA", where: "conv", found: "at most 1.98e-38" });
      assert.throws(() => fit(-146), { code: "BAD_DATA", where: "conv" });
    }
  }
  const deepshift = QUANTIZERS.find(({ name }) => name === "deepshift");
  for (const factor of [1e-10, 1e10]) {
    const outside = weights.map((w) => w * factor);
    assert.throws(() => deepshift.fit(outside, { ...LAYER, bits: 4 }), { code: "BAD_DATA", where: "conv" });
  }
});

test("a channel of next to nothing beside others becomes zeros, or next to nothing", () => {
  const random = createRandom(3);
  const weights = Float32Array.from({ length: 72 }, (_, i) => (i < 36 ? 1e-42 : 0.3) * random.normal());
  const into = new Float32Array(72);
  for (const quantizer of QUANTIZERS) {
    for (const bits of quantizer.bits) {
      const fit = quantizer.fit(weights, { ...LAYER, bits });
      if (new Set(fit.scale).size === 1) continue;
      writeFit(fit, into);
      assert.ok(
        into.subarray(0, 36).every((w) => Math.abs(w) < 1e-35),
        quantizer.name,
      );
    }
  }
});

test("a fit writes its channel's scale times the level, rounded once", () => {
  const into = new Float32Array(4);
  writeFit({ levels: [-3, 7], scale: Float32Array.of(0.1, 0.3), codes: Uint8Array.of(0, 1, 1, 0) }, into);
  const [a, b] = [Math.fround(0.1), Math.fround(0.3)];
  assert.deepEqual([...into], [-3 * a, 7 * a, 7 * b, -3 * b].map(Math.fround));
});
