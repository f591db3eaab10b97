// distill.test.js: self-distillation portion by portion, on images whose labels mean nothing.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { samplesOf, subset, unlabelled } from "../../dist/data/index.js";
import { lower } from "../../dist/graph/index.js";
import { calibrate, collectHistograms, insertQuantizers, quantizationPoints } from "../../dist/quantize/index.js";
import { compensate } from "../../dist/rounding/index.js";
import { activations, distill, evaluate, train } from "../../dist/training/index.js";
import { bitsOf, squares, tinyNetwork } from "./helpers.js";

const DATA = squares(192);

async function trained() {
  const network = tinyNetwork();
  await train(network, DATA, { epochs: 6, batchSize: 32, learningRate: 0.05 });
  const points = quantizationPoints(network);
  const histograms = await collectHistograms(points, activations(network, DATA, points));
  return insertQuantizers(network, calibrate(network, histograms, { activations: { kind: "linear", bits: 8 } }));
}

describe("distill", () => {
  test("ends on the grid, near the float network, whatever the labels", async () => {
    const network = await trained();
    const before = bitsOf(network);
    const float = await evaluate(network, DATA);
    const told = { rounding: new Set(), training: new Set() };
    const result = await distill(
      network,
      unlabelled(DATA, 3),
      {
        levels: () => ({ kind: "powers", bits: 3, scale: "channel" }),
        minutes: 0.02,
        portions: [0.6, 1],
        learningRate: 0.01,
        batchSize: 32,
      },
      {
        onRounding: (portion) => told.rounding.add(portion),
        onTraining: (portion) => told.training.add(portion),
      },
    );
    assert.deepEqual(bitsOf(network), before, "the network given is not changed");
    assert.equal(result.epochs.length, 2);
    assert.ok(result.epochs.every((epochs) => epochs >= 1));
    assert.deepEqual([...told.rounding], [1, 0], "all weights at once before the portions");
    assert.deepEqual([...told.training], [0, 1]);
    assert.equal(result.heldOut, 24);
    assert.ok(result.after.kl <= result.before.kl && result.after.agreement > 0.9);
    lower(result.network, { grids: result.grids });
    const after = await evaluate(result.network, DATA);
    assert.ok(float.accuracy > 0.9 && after.accuracy > float.accuracy - 0.05, `${float.accuracy}, ${after.accuracy}`);
  });

  test("undoes what does not come nearer to the float network, and goes on more slowly", async () => {
    const network = await trained();
    const levels = () => ({ kind: "powers", bits: 3, scale: "channel" });
    const pictures = unlabelled(DATA, 3);
    const result = await distill(network, pictures, { levels, minutes: 0, learningRate: 1e6, batchSize: 32 });
    assert.deepEqual(
      result.attempts.map(({ epochs, learningRate, kept }) => ({ epochs, learningRate, kept })),
      [{ epochs: 1, learningRate: 1e6, kept: false }],
    );
    assert.ok(!(result.attempts[0].kl < result.before.kl));
    assert.deepEqual(result.after, result.before);
    const learned = Array.from({ length: 192 }, (_, i) => i).filter((i) => i % 8 !== 0);
    const rounded = await compensate(network, samplesOf(subset(pictures, learned)), { levels });
    assert.deepEqual(bitsOf(result.network), bitsOf(rounded.network), "what rounding alone gives");
    const longer = await distill(network, pictures, { levels, minutes: 0.03, learningRate: 1e6, batchSize: 32 });
    assert.ok(longer.attempts.length > 1);
    for (const [i, { learningRate }] of longer.attempts.entries()) {
      if (i > 0 && !longer.attempts[i - 1].kept) assert.ok(learningRate < longer.attempts[i - 1].learningRate);
    }
  });

  test("refuses bad options and stops when told", async () => {
    const network = await trained();
    const options = {
      levels: () => ({ kind: "powers", bits: 4, scale: "channel" }),
      minutes: 0,
      learningRate: 0.01,
      batchSize: 32,
    };
    await assert.rejects(distill(network, DATA, { ...options, minutes: -1 }), { code: "BAD_OPTION", where: "minutes" });
    await assert.rejects(distill(network, DATA, { ...options, portions: [0.5] }), { code: "BAD_OPTION" });
    await assert.rejects(distill(network, DATA, { ...options, signal: AbortSignal.abort() }), { code: "ABORTED" });
  });

  test("outputs that are no logits come nearer, too", async () => {
    const whole = await trained();
    const relus = whole.nodes.filter(({ op }) => op === "relu").map(({ name }) => name);
    const network = { ...whole, outputs: [whole.outputs[0], relus.at(-1)] };
    const levels = () => ({ kind: "powers", bits: 2, scale: "channel" });
    const result = await distill(network, unlabelled(DATA, 3), {
      levels,
      minutes: 0.1,
      learningRate: 0.1,
      batchSize: 32,
    });
    assert.ok(
      result.after.distance < 0.98 * result.before.distance,
      `${result.before.distance} ${result.after.distance}`,
    );
    assert.deepEqual([result.after.kl, result.after.outputs.length], [null, 2]);
    const other = { ...network, outputs: [relus.at(-1)] };
    const options = { epochs: 1, batchSize: 32, learningRate: 0.1 };
    await assert.rejects(train(other, DATA, options), { code: "UNSUPPORTED", message: /one vector of logits/ });
    await assert.rejects(train(other, DATA, { ...options, distill: { teacher: network } }), {
      code: "BAD_OPTION",
      where: "distill.teacher",
    });
  });
});
