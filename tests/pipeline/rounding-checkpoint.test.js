// rounding-checkpoint.test.js: a conversion that was stopped or killed goes on, and ends as one that ran through.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { quantizeFromImages } from "../../dist/pipeline/index.js";
import { disturb } from "../training/helpers.js";

const SHAPE = [3, 10, 10];

function network() {
  const b = buildNetwork("small", createRandom(2));
  const x = b.relu(b.conv(b.input(SHAPE), 8, { bias: true }));
  const y = b.relu(b.conv(x, 8, { groups: 8, bias: true }));
  return disturb(b.finish([b.dense(b.globalAvgPool(b.relu(b.batchNorm(b.conv(y, 12)))), 5)]));
}

function pictures(seed = 1) {
  const random = createRandom(seed);
  const images = Uint8Array.from({ length: 24 * 300 }, () => random.below(256));
  return { images, shape: SHAPE, normalization: { mean: [0.4, 0.4, 0.4], std: [0.3, 0.3, 0.3] } };
}

const folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
after(() => rmSync(folder, { recursive: true }));

const convert = (path, settings, control = {}, resume = true, images = pictures()) =>
  quantizeFromImages(network(), images, settings, { checkpoint: { path, everySeconds: 0, resume }, ...control });

const refused = (where) => (error) => error.code === "BAD_OPTION" && error.where.includes(where);

const told = ({ model, layers, quality, points }) => ({ file: encodeModel(model), layers, quality, points });

describe("a conversion with a checkpoint", () => {
  for (const [name, settings] of [
    ["a goal", {}],
    ["bits", { bits: 3 }],
    ["a budget", { budget: 4 }],
  ]) {
    test(`${name}: stopped after any layer, or killed there, it ends in the same`, async () => {
      const path = join(folder, name.replace(" ", "-"));
      const whole = told(await quantizeFromImages(network(), pictures(), settings));
      const states = [];
      const noted = await convert(
        path,
        settings,
        { onProgress: () => existsSync(path) && states.push(readFileSync(path)) },
        false,
      );
      assert.deepEqual(told(noted), whole);
      assert.ok(states.length >= 4);
      // killed: what the file was then; in the last state all layers are known
      for (const state of [states[0], states[Math.floor(states.length / 2)], readFileSync(path)]) {
        writeFileSync(path, state);
        assert.deepEqual(told(await convert(path, settings)), whole);
      }
      for (const layer of [1, 3, states.length - 2]) {
        rmSync(path);
        const { signal, abort } = stopAfter(layer);
        const stopped = convert(path, settings, { signal, onProgress: abort });
        await assert.rejects(stopped, ({ code }) => code === "ABORTED");
        assert.ok(existsSync(path));
        assert.deepEqual(told(await convert(path, settings)), whole);
      }
    });
  }

  for (const settings of [
    { minutes: 1e-4, bits: 3 },
    { minutes: 1e-4, bits: 3, portions: [0.5, 1] },
    { minutes: 1e-4 },
  ]) {
    test(`stopped while it learns, it keeps its rounding: ${JSON.stringify(settings)}`, async () => {
      const path = join(folder, `taught-${Object.keys(settings).join("-")}`);
      const whole = await convert(path, settings, {}, false);
      const all = readFileSync(path);
      rmSync(path);
      const stopper = new AbortController();
      const onProgress = (_, detail) => /epoch/.test(detail) && stopper.abort();
      const longer = { ...settings, minutes: 1 };
      const stopped = convert(path, longer, { signal: stopper.signal, onProgress, checkpoint: { path } });
      await assert.rejects(stopped, ({ code }) => code === "ABORTED");
      const left = readFileSync(path);
      assert.deepEqual(left, all);
      // another length of the training is no other rounding; none at all is
      const again = await convert(path, settings);
      assert.deepEqual(again.distillation.before, whole.distillation.before);
      assert.deepEqual(again.points, whole.points);
      assert.deepEqual(readFileSync(path), left);
      await assert.rejects(convert(path, { ...settings, minutes: 0, portions: undefined }), refused("minutes"));
    });
  }

  test("known layers are not rounded again", async () => {
    const path = join(folder, "known");
    await convert(path, { bits: 4 });
    const before = readFileSync(path);
    const details = [];
    await convert(path, { bits: 4 }, { onProgress: (_, detail) => details.push(detail) });
    assert.deepEqual(readFileSync(path), before);
    assert.ok(details.length > 0);
  });

  test("other settings, images or networks are refused, and so is a damaged file", async () => {
    const path = join(folder, "other");
    await convert(path, { bits: 4 });
    await assert.rejects(convert(path, { bits: 3 }), refused("bits"));
    await assert.rejects(convert(path, { bits: 4 }, {}, true, pictures(2)), refused("samples"));
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
    await assert.rejects(convert(path, { bits: 4 }), ({ code }) => code === "CHECKSUM");
    // without resume the file is another's to overwrite
    await convert(path, { bits: 3 }, {}, false);
    await convert(path, { bits: 3 });
  });
});

/** A signal, and a callback that raises it when it has been called so many times more. */
function stopAfter(calls) {
  const controller = new AbortController();
  let left = calls;
  return { signal: controller.signal, abort: () => left-- === 0 && controller.abort() };
}
