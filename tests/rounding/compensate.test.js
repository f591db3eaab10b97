// compensate.test.js: whole networks rounded with compensation: on the grid, nearer to float, portion by portion.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { samplesOf } from "../../dist/data/index.js";
import { buildNetwork, lower } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import {
  advancePortion,
  calibrate,
  collectHistograms,
  insertQuantizers,
  planPortion,
  QUANTIZERS,
  quantizationPoints,
  quantizerLevels,
  quantizerNamed,
  quantizeWeights,
} from "../../dist/quantize/index.js";
import { compensate } from "../../dist/rounding/index.js";
import { activations } from "../../dist/training/index.js";
import { bitsOf, disturb, squares } from "../training/helpers.js";

const DATA = squares(96);
const SAMPLES = samplesOf(DATA);
const powers =
  (bits, scale = "channel") =>
  () => ({ kind: "powers", bits, scale });

/** Convolution, depthwise, grouped, residual, dense; batch norm behind some, biases in others. */
function mixed(seed = 1) {
  const b = buildNetwork("mixed", createRandom(seed));
  const x = b.relu(b.batchNorm(b.conv(b.input([1, 8, 8]), 8)));
  const y = b.relu(b.conv(x, 8, { groups: 8, bias: true }));
  const z = b.relu(b.add(b.batchNorm(b.conv(y, 8, { groups: 2 })), x));
  return disturb(b.finish([b.dense(b.maxPool(b.relu(b.conv(z, 12, { kernel: 1, stride: 2 })), 2), 3)]));
}

async function withQuantizers(network, bits = 8) {
  const points = quantizationPoints(network);
  const histograms = await collectHistograms(points, activations(network, DATA, points));
  return insertQuantizers(network, calibrate(network, histograms, { activations: { kind: "linear", bits } }));
}

/** Mean squared difference of logits, over all images, from those of the float network. */
function distanceFrom(float, network) {
  const [output] = float.outputs;
  const expected = [...activations(float, DATA, [output])].map((batch) => batch.get(output))[0];
  const found = [...activations(network, DATA, [output])].map((batch) => batch.get(output))[0];
  return expected.reduce((sum, value, i) => sum + (value - found[i]) ** 2, 0) / expected.length;
}

const dense = (network) => network.nodes.find((node) => node.op === "dense");

describe("compensate", () => {
  test("a network that was trained with its quantize nodes is followed with them", async () => {
    const network = await withQuantizers(mixed(), 3);
    const step = { bits: 5, portion: 1 };
    advancePortion(network, null, step);
    const levels = planPortion(network, null, step);
    const kept = await compensate(network, SAMPLES, { levels, adapted: true });
    assert.deepEqual(bitsOf(kept.network), bitsOf(network), "on the grid already, nothing to make up for");
    const moved = await compensate(network, SAMPLES, { levels });
    assert.notDeepEqual(bitsOf(moved.network), bitsOf(network), "3-bit activations are an error to be made up for");
  });

  test("needs nothing that browsers lack", async () => {
    const { setImmediate: kept } = globalThis;
    const expected = await compensate(mixed(), SAMPLES, { levels: powers(4) });
    globalThis.setImmediate = undefined;
    try {
      const { network } = await compensate(mixed(), SAMPLES, { levels: powers(4) });
      assert.deepEqual(bitsOf(network), bitsOf(expected.network));
    } finally {
      globalThis.setImmediate = kept;
    }
  });

  for (const quantizer of QUANTIZERS) {
    test(`rounds to the levels of ${quantizer.name}, and nearer than it does by itself`, async () => {
      const bits = quantizer.bits.at(-1);
      const kind = quantizer.exponents ? "codes" : "codebook";
      const float = mixed();
      const simulated = await withQuantizers(float);
      const { network, grids } = await compensate(simulated, SAMPLES, { levels: quantizerLevels(quantizer, bits) });
      assert.ok(lower(network, { grids }).layers.every(({ weights }) => !weights || weights.kind === kind));
      const alone = structuredClone(simulated);
      quantizeWeights(alone, quantizer, bits);
      assert.ok(distanceFrom(float, network) < distanceFrom(float, alone));
    });
  }

  test("gives a network that lowers, and whose logits are nearer than plain rounding's", async () => {
    const float = mixed();
    const before = bitsOf(float);
    const simulated = await withQuantizers(float);
    const { network, grids, layers } = await compensate(simulated, SAMPLES, { levels: powers(4) });
    assert.deepEqual(bitsOf(float), before, "the network given is not changed");
    assert.equal(layers.length, 5);
    const model = lower(network, { grids });
    const image = SAMPLES.read(3, 1);
    const { outputs } = runReference(model, { input: image });
    const [logits] = [
      ...activations(
        network,
        { ...DATA, images: DATA.images.subarray(192, 256), labels: DATA.labels.subarray(3, 4) },
        network.outputs,
      ),
    ];
    const expected = logits.get(network.outputs[0]);
    for (const [i, value] of outputs[network.outputs[0]].entries())
      assert.ok(Math.abs(value - expected[i]) < 0.02 * Math.max(...expected.map(Math.abs)));

    const plain = structuredClone(simulated);
    advancePortion(plain, null, { bits: 4, portion: 1 });
    const [ours, theirs] = [distanceFrom(float, network), distanceFrom(float, plain)];
    assert.ok(ours < theirs / 3, `${ours} against ${theirs}`);
    for (const { outputSnr, ownSnr, weightSnr, name } of layers) {
      assert.ok(ownSnr > weightSnr - 3 && outputSnr > 5, `${name}: ${weightSnr} ${ownSnr} ${outputSnr}`);
    }
  });

  test("takes codebooks and layer-wide exponents, a choice for every layer", async () => {
    const simulated = await withQuantizers(mixed());
    const { levels } = quantizerNamed("linear").fit(new Float32Array([1]), { name: "l", shape: [1, 1], bits: 6 });
    const { network, grids } = await compensate(simulated, SAMPLES, {
      levels: (node) => (node.groups > 1 ? { kind: "codebook", levels } : { kind: "powers", bits: 5, scale: "layer" }),
    });
    assert.deepEqual(
      [...grids.values()].map((grid) => grid.kind),
      ["powers", "codebook", "codebook", "powers", "powers"],
    );
    assert.equal(grids.get("conv1").scale, null);
    lower(network, { grids });
  });

  test("keeps every channel's mean output", async () => {
    const float = mixed(3);
    const { network } = await compensate(float, SAMPLES, { levels: powers(3) });
    const names = ["bn1", "conv2", "bn2", float.outputs[0]];
    const means = (of) => {
      const [batch] = [...activations(of, DATA, names)];
      return names.flatMap((name) => {
        const values = batch.get(name);
        const channels = name === float.outputs[0] ? 3 : 8;
        const plane = values.length / DATA.labels.length / channels;
        const sums = new Float64Array(channels);
        for (const [i, value] of values.entries()) sums[Math.floor(i / plane) % channels] += value;
        return [...sums].map((sum) => sum / (DATA.labels.length * plane));
      });
    };
    const expected = means(float);
    for (const [i, mean] of means(network).entries()) assert.ok(Math.abs(mean - expected[i]) < 1e-4, `${i}`);
  });

  test("rounds portion by portion: what is frozen stays, the rest makes up for it", async () => {
    const simulated = await withQuantizers(mixed());
    const step = { bits: 3, scale: "channel" };
    const half = await compensate(simulated, SAMPLES, {
      levels: planPortion(simulated, null, { ...step, portion: 0.5 }),
    });
    const { frozen } = half.grids.get("dense1");
    assert.equal(
      frozen.reduce((sum, flag) => sum + flag, 0),
      frozen.length / 2,
    );
    const free = dense(half.network).weight.data.filter((_, i) => frozen[i] === 0);
    const were = dense(simulated).weight.data.filter((_, i) => frozen[i] === 0);
    assert.ok(free.some((value, i) => value !== were[i]));
    assert.throws(() => lower(half.network, { grids: half.grids }), { code: "BAD_GRAPH" });

    const rest = planPortion(half.network, half.grids, { ...step, portion: 1 });
    const whole = await compensate(half.network, SAMPLES, { levels: rest });
    const [early, late] = [half, whole].map(({ network }) => dense(network).weight.data);
    for (const [i, flag] of frozen.entries()) if (flag === 1) assert.equal(late[i], early[i]);
    assert.deepEqual(whole.grids.get("dense1").scale, half.grids.get("dense1").scale);
    lower(whole.network, { grids: whole.grids });
  });

  test("is the same to the bit every time", async () => {
    const run = async () => bitsOf((await compensate(mixed(), SAMPLES, { levels: powers(4) })).network);
    assert.deepEqual(await run(), await run());
  });

  test("refuses what it cannot take", async () => {
    const network = mixed();
    const levels = powers(4);
    await assert.rejects(compensate(network, { ...SAMPLES, count: 0 }, { levels }), { code: "BAD_DATA" });
    await assert.rejects(compensate(network, { ...SAMPLES, shape: [1, 8, 9] }, { levels }), { code: "BAD_DATA" });
    await assert.rejects(compensate(network, SAMPLES, { levels: powers(6) }), { code: "BAD_OPTION" });
    const huge = { ...SAMPLES, read: (...range) => SAMPLES.read(...range).map((value) => 3e38 * value) };
    await assert.rejects(compensate(network, huge, { levels }), {
      code: "BAD_DATA",
      where: network.nodes.find(({ op }) => op === "conv").name,
    });
    const signal = AbortSignal.abort();
    await assert.rejects(compensate(network, SAMPLES, { levels }, { signal }), { code: "ABORTED" });
  });
});
