// inq.test.js: portions over small networks: counts, frozen weights, grids, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { decodeNetwork, encodeNetwork } from "../../dist/graph/index.js";
import {
  advancePortion,
  chooseExponent,
  frozenCount,
  portionsFor,
  powersOfTwo,
  QUANTIZERS,
  quantizeToLevel,
} from "../../dist/quantize/index.js";
import { levelsOn } from "./grids.js";

const tensor = (shape, values) => ({ shape, data: Float32Array.from(values) });

/** Input, conv (2, 1, 2, 2) with bias, relu, dense (3, 2). */
function smallNetwork(convWeights, denseWeights) {
  return {
    name: "small",
    nodes: [
      { op: "input", name: "input", shape: [1, 2, 2] },
      {
        op: "conv",
        name: "conv",
        input: "input",
        weight: tensor([2, 1, 2, 2], convWeights),
        bias: tensor([2], [0.3, -0.7]),
        stride: [1, 1],
        dilation: [1, 1],
        padding: [0, 0, 0, 0],
        groups: 1,
      },
      { op: "relu", name: "relu", input: "conv" },
      { op: "dense", name: "dense", input: "relu", weight: tensor([3, 2], denseWeights), bias: null },
    ],
    outputs: ["dense"],
  };
}

function randomNetwork(seed, scale = 1) {
  const random = createRandom(seed);
  const draw = (n) => Array.from({ length: n }, () => random.normal() * scale);
  return smallNetwork(draw(8), draw(6));
}

const weightsOf = (network) =>
  new Map(network.nodes.filter((node) => "weight" in node).map((node) => [node.name, node.weight.data]));

test("a layer by hand: b = 3, s = 3.3, half of the weights", () => {
  const network = smallNetwork([3.3, -2.9, 0.9, 1, -0.5, 2.99, 0.1, -3.2], [1, 0.2, 0.1, -0.75, 0.3, 0.05]);
  const grids = advancePortion(network, null, { bits: 3, portion: 0.5, rule: "max" });
  const { conv, dense } = Object.fromEntries(weightsOf(network));
  const f = Math.fround;
  assert.deepEqual([...conv], [4, -2, f(0.9), 1, -0.5, 2, f(0.1), -4]);
  assert.deepEqual([...grids.get("conv").frozen], [1, 1, 0, 0, 0, 1, 0, 1]);
  assert.deepEqual([grids.get("conv").n1, grids.get("conv").bits], [2, 3]);
  // s = 1: levels 0.5 and 1, midpoint 0.75 goes up.
  assert.deepEqual([...dense], [1, f(0.2), f(0.1), -1, 0.5, f(0.05)]);
  assert.equal(grids.get("dense").n1, 0);
  advancePortion(network, grids, { bits: 3, portion: 1, rule: "max" });
  assert.deepEqual([...conv], [4, -2, 0, 2, 0, 2, 0, -4]);
  assert.deepEqual([...dense], [1, 0, 0, -1, 0.5, 0]);
});

test("over all portions: counts exact, frozen weights never change, all on the grid at 1", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(2, 3, 4, 5),
      fc.constantFrom("magnitude", "random"),
      fc.constantFrom("max", "mse"),
      fc.integer({ min: 1, max: 1e6 }),
      (bits, partition, rule, seed) => {
        const network = randomNetwork(seed);
        const random = createRandom(seed + 1);
        const expected = new Map(
          [...weightsOf(network)].map(([name, values]) => [name, chooseExponent(values, bits, rule, name)]),
        );
        let grids = null;
        for (const portion of portionsFor(bits)) {
          const before = new Map([...weightsOf(network)].map(([name, values]) => [name, values.slice()]));
          const previous = grids;
          const kept = previous && new Map([...previous].map(([name, grid]) => [name, grid.frozen.slice()]));
          grids = advancePortion(network, grids, { bits, portion, partition, rule, seed });
          for (const [name, values] of weightsOf(network)) {
            const { frozen, n1 } = grids.get(name);
            const book = powersOfTwo(bits, n1);
            assert.equal(n1, expected.get(name));
            assert.equal(
              frozen.reduce((sum, flag) => sum + flag, 0),
              frozenCount(values.length, portion),
            );
            for (let i = 0; i < values.length; i++) {
              if (frozen[i]) assert.equal(values[i], quantizeToLevel(values[i], book));
              else assert.equal(values[i], before.get(name)[i]);
              if (previous?.get(name).frozen[i]) {
                assert.equal(frozen[i], 1);
                assert.equal(values[i], before.get(name)[i]);
              }
              // Retraining: what is free moves, sometimes far beyond the largest level.
              if (!frozen[i]) values[i] += random.normal() * (random.below(4) === 0 ? 10 : 0.1);
            }
            if (previous) assert.deepEqual(previous.get(name).frozen, kept.get(name));
          }
        }
        for (const [name, values] of weightsOf(network)) {
          const allowed = new Set([0, ...powersOfTwo(bits, grids.get(name).n1).magnitudes]);
          for (const value of values) assert.ok(allowed.has(Math.abs(value)));
        }
        assert.deepEqual([...network.nodes[1].bias.data], [Math.fround(0.3), Math.fround(-0.7)]);
      },
    ),
    { seed: 20263, numRuns: 120 },
  );
});

for (const quantizer of QUANTIZERS) {
  for (const bits of new Set([quantizer.bits[0], quantizer.bits.at(-1)])) {
    test(`portions on the levels of ${quantizer.name} at ${bits} bits`, () => {
      const network = randomNetwork(bits);
      const random = createRandom(3);
      let grids = null;
      for (const portion of [0.3, 0.5, 1]) {
        const before = new Map([...weightsOf(network)].map(([name, values]) => [name, values.slice()]));
        const previous = grids;
        grids = advancePortion(network, previous, { bits, portion, quantizer });
        assert.deepEqual(decodeNetwork(encodeNetwork(network, { grids })).grids, grids);
        for (const [name, values] of weightsOf(network)) {
          const { frozen } = grids.get(name);
          const { shape } = network.nodes.find((node) => node.name === name).weight;
          const { levels, scale } = levelsOn(grids.get(name), shape[0]);
          const old = previous?.get(name);
          if (old) assert.deepEqual(levelsOn(old, shape[0]), { levels, scale });
          assert.equal(
            frozen.reduce((sum, flag) => sum + flag, 0),
            frozenCount(values.length, portion),
          );
          const depth = values.length / scale.length;
          for (let i = 0; i < values.length; i++) {
            const channel = Math.floor(i / depth);
            const on = (level) => Math.fround(scale[channel] * level);
            const given = before.get(name)[i];
            if (!frozen[i] || old?.frozen[i]) assert.equal(values[i], given);
            else {
              const distance = Math.min(...levels[channel].map((level) => Math.abs(on(level) - given)));
              assert.ok(levels[channel].some((level) => on(level) === values[i]));
              assert.ok(Math.abs(values[i] - given) <= distance * (1 + 1e-5) + 1e-12, `${given} to ${values[i]}`);
            }
            if (!frozen[i]) values[i] += random.normal() * 0.1;
          }
        }
      }
    });
  }
}

test("what a quantizer has no levels for is refused, and no weight changes", () => {
  const network = smallNetwork([1.4, 0, 1.2, 1.1, 0, 0, 0, 3], [1, 1, 1, 1, 1, 1]);
  const [bwn, apot] = ["bwn", "apot"].map((name) => QUANTIZERS.find((quantizer) => quantizer.name === name));
  const before = [...weightsOf(network)].map(([, values]) => values.slice());
  const pruned = new Map([["conv", Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0)]]);
  const refuse = (options, expected, grids = null) =>
    assert.throws(() => advancePortion(network, grids, { portion: 0.5, ...options }), expected);
  refuse({ quantizer: bwn, bits: 1, pruned }, { code: "BAD_OPTION", where: "pruned.conv" });
  refuse({ quantizer: apot, bits: 6 }, { code: "BAD_OPTION", where: "conv" });
  const copied = () => structuredClone(network);
  refuse(
    { quantizer: apot, bits: 4, portion: 1 },
    { code: "BAD_OPTION" },
    advancePortion(copied(), null, { bits: 4, portion: 0.5 }),
  );
  const begun = advancePortion(copied(), null, { quantizer: apot, bits: 4, portion: 0.5 });
  refuse({ bits: 4, portion: 1 }, { code: "BAD_OPTION", where: "grid of conv" }, begun);
  assert.deepEqual(
    [...weightsOf(network)].map(([, values]) => values),
    before,
  );
});

test("a weight that rounding made smaller than a free one stays frozen", () => {
  const network = smallNetwork([1.4, 1.3, 1.2, 1.1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]);
  const grids = advancePortion(network, null, { bits: 5, portion: 0.25 });
  const { data } = network.nodes[1].weight;
  assert.deepEqual([data[0], data[1]], [1, 1]);
  data[2] = 1.25;
  const next = advancePortion(network, grids, { bits: 5, portion: 0.5 });
  assert.deepEqual([...next.get("conv").frozen], [1, 1, 1, 1, 0, 0, 0, 0]);
});

test("a weight that grew beyond the codebook clamps to its largest level", () => {
  const network = smallNetwork([1, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1], [1, 1, 1, 1, 1, 1]);
  const grids = advancePortion(network, null, { bits: 4, portion: 0.125 });
  network.nodes[1].weight.data[1] = -7;
  advancePortion(network, grids, { bits: 4, portion: 1 });
  assert.equal(network.nodes[1].weight.data[1], -1);
});

test("bits by layer; layers not named stay float", () => {
  const network = randomNetwork(1);
  const before = network.nodes[3].weight.data.slice();
  const grids = advancePortion(network, null, { bits: new Map([["conv", 4]]), portion: 1 });
  assert.deepEqual([...grids.keys()], ["conv"]);
  assert.equal(grids.get("conv").bits, 4);
  assert.deepEqual(network.nodes[3].weight.data, before);
});

test("default rule: max from 4 bits on, mse below", () => {
  for (const bits of [2, 3, 4, 5]) {
    const network = randomNetwork(77);
    const values = network.nodes[1].weight.data.slice();
    const grids = advancePortion(network, null, { bits, portion: 0.5 });
    assert.equal(grids.get("conv").n1, chooseExponent(values, bits, bits >= 4 ? "max" : "mse", "conv"));
  }
});

test("refuses bad options and bad weights and then has changed nothing", () => {
  const network = randomNetwork(3);
  const grids = advancePortion(network, null, { bits: 5, portion: 0.5 });
  const before = network.nodes[1].weight.data.slice();
  const refuse = (options, expected, given = grids) =>
    assert.throws(() => advancePortion(network, given, { bits: 5, portion: 0.75, ...options }), expected);
  for (const portion of [0, -1, 1.1, Number.NaN]) refuse({ portion }, { code: "BAD_OPTION", where: "portion" });
  for (const bits of [1, 6, 3.5]) refuse({ bits }, { code: "BAD_OPTION", where: "bits" });
  refuse({ bits: 4 }, { code: "BAD_OPTION", where: "grid of conv", expected: 5, found: 4 });
  refuse({ portion: 0.25 }, { code: "BAD_OPTION", where: "grid of conv" });
  refuse({ bits: new Map([["relu", 5]]) }, { code: "BAD_OPTION", found: "relu" });
  refuse({ bits: new Map([["conv", 7]]) }, { code: "BAD_OPTION", where: "bits of conv" });
  refuse({}, { code: "BAD_OPTION", where: "grid of dense" }, new Map([["conv", grids.get("conv")]]));
  const short = { ...grids.get("conv"), frozen: new Uint8Array(3) };
  refuse({}, { code: "BAD_OPTION", where: "grid of conv", found: 3 }, new Map([...grids, ["conv", short]]));
  network.nodes[3].weight.data[4] = Number.NaN;
  refuse({}, { code: "BAD_DATA", where: "dense.weight[4]" });
  assert.deepEqual(network.nodes[1].weight.data, before);
});

test("with a scale a channel every weight is its channel's scale times a power of two, fixed at the first portion", () => {
  for (const bits of [2, 3, 4, 5]) {
    const network = randomNetwork(bits);
    // channels of very different sizes: one n1 would zero the smaller
    const small = network.nodes[1].weight.data.subarray(4);
    small.set(small.map((w) => w / 1000));
    const first = advancePortion(network, null, { bits, portion: 0.5, scale: "channel" });
    const grids = advancePortion(network, first, { bits, portion: 1, scale: "channel" });
    for (const [name, values] of weightsOf(network)) {
      const { scale, n1, kind } = grids.get(name);
      assert.deepEqual([kind, n1], ["powers", 0]);
      assert.deepEqual(scale, first.get(name).scale);
      const depth = values.length / scale.length;
      const { magnitudes } = powersOfTwo(bits, 0);
      values.forEach((w, i) => {
        const s = scale[Math.floor(i / depth)];
        assert.ok(w === 0 || magnitudes.some((m) => Math.fround(s * m) === Math.abs(w)), `${w} with scale ${s}`);
      });
      assert.ok(values.some((w) => w !== 0 && Math.abs(w) < 0.01) || name === "dense");
    }
    assert.throws(() => advancePortion(network, grids, { bits, portion: 1 }), { code: "BAD_OPTION" });
  }
});

test("ranked globally, a portion is a share of all weights, relative to their layers", () => {
  // the dense layer's weights are 100 times larger, and all alike; the conv layer has two that stand out
  const network = smallNetwork([9, 0.1, 0.1, 0.1, 9, 0.1, 0.1, 0.1], [100, 100, 100, 100, 100, 100]);
  const grids = advancePortion(network, null, { bits: 5, portion: 0.5, ranking: "global" });
  const counts = [...grids.values()].map(({ frozen }) => frozen.reduce((sum, flag) => sum + flag, 0));
  assert.deepEqual(counts, [2, 5]);
  const all = advancePortion(network, grids, { bits: 5, portion: 1, ranking: "global" });
  assert.ok([...all.values()].every(({ frozen }) => frozen.every((flag) => flag === 1)));
  const random = { bits: 5, ranking: "global", partition: "random", seed: 3 };
  const drawn = advancePortion(randomNetwork(1), null, { ...random, portion: 0.5 });
  assert.equal(
    [...drawn.values()].reduce((sum, { frozen }) => sum + frozen.filter((flag) => flag).length, 0),
    7,
  );
  assert.throws(() => advancePortion(network, all, { bits: 5, portion: 0.9, ranking: "global" }), {
    code: "BAD_OPTION",
  });
});

test("pruned weights stay zero, and portions are shares of the others", () => {
  const network = smallNetwork([3.3, 0, 0.9, 0, 0, 2.99, 0, -3.2], [1, 0.2, 0.1, -0.75, 0.3, 0.05]);
  const pruned = new Map([["conv", Uint8Array.of(0, 1, 0, 1, 1, 0, 1, 0)]]);
  const grids = advancePortion(network, null, { bits: 3, portion: 0.5, rule: "max", pruned });
  assert.deepEqual([...grids.get("conv").frozen], [1, 1, 0, 1, 1, 0, 1, 1]);
  assert.deepEqual([...grids.get("dense").frozen], [1, 0, 0, 1, 1, 0]);
  const all = advancePortion(network, grids, { bits: 3, portion: 1, rule: "max", pruned });
  assert.ok(all.get("conv").frozen.every((flag) => flag === 1));
  const { conv } = Object.fromEntries(weightsOf(network));
  assert.deepEqual([...conv], [4, 0, 0, 0, 0, 2, 0, -4]);
  for (const mask of [Uint8Array.of(1), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)]) {
    const options = { bits: 3, portion: 0.5, pruned: new Map([["conv", mask]]) };
    assert.throws(() => advancePortion(network, null, options), { code: "BAD_OPTION", where: /^pruned.conv/ });
  }
  const unknown = { bits: 3, portion: 0.5, pruned: new Map([["relu", Uint8Array.of(1)]]) };
  assert.throws(() => advancePortion(network, null, unknown), { code: "BAD_OPTION", where: "pruned.relu" });
});
