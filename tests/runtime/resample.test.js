// resample.test.js: interpolation gives the bits of the reference: any taps, sizes about a vector's, all encodings, threads.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { Model } from "../../dist/runtime/index.js";
import { FLOAT32, linear, modelOf } from "../models/layers.js";
import { inputsFor, LEVELS } from "../models/random.js";
import { assertAgree } from "./agree.js";

/** Linear interpolation of `from` values to `to`, as ONNX has it for half pixels and for corners that stay. */
function linearTaps(from, to, corners) {
  const indices = [];
  const weights = [];
  for (let i = 0; i < to; i++) {
    const place = corners ? (i * (from - 1)) / Math.max(1, to - 1) : ((i + 0.5) * from) / to - 0.5;
    const inside = Math.min(Math.max(place, 0), from - 1);
    const low = Math.floor(inside);
    indices.push(low, Math.min(low + 1, from - 1));
    weights.push(1 - (inside - low), inside - low);
  }
  return { indices, weights };
}

/** Taps anywhere, with weights of both signs and both zeros' neighbours. */
function anyTaps(random, from, to) {
  const count = to * (1 + random.below(4));
  const weight = () => [0, 1, -1, 1e-300, random.normal()][random.below(5)];
  return {
    indices: Array.from({ length: count }, () => random.below(from)),
    weights: Array.from({ length: count }, weight),
  };
}

const encodings = [FLOAT32, linear(255, 100), linear(15), LEVELS];

test("enlarging and shrinking of every size about a vector's and a block's", async () => {
  const random = createRandom(31);
  const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 129, 255, 256, 257];
  const pick = (list) => list[random.below(list.length)];
  for (let i = 0; i < 260; i++) {
    const channels = 1 + random.below(4);
    const [height, width] = [1 + random.below(9), 1 + random.below(12)];
    const [outHeight, outWidth] =
      i % 3 === 0
        ? [2, 4].map((k, axis) => [height, width][axis] * k)
        : [1 + random.below(20), sizes[i % sizes.length]];
    const taps = [
      (from, to) => linearTaps(from, to, true),
      (from, to) => linearTaps(from, to, false),
      (from, to) => anyTaps(random, from, to),
    ][i % 4 === 0 ? 2 : i % 2];
    const rows = taps(height, outHeight);
    const columns = pick([taps, (from, to) => anyTaps(random, from, to)])(width, outWidth);
    const tensors = {
      x: { shape: [channels, height, width], encoding: pick(encodings) },
      y: { shape: [channels, outHeight, outWidth], encoding: pick(encodings) },
    };
    const def = modelOf(tensors, [{ name: "y", op: "resample", input: "x", output: "y", rows, columns }]);
    const inputs = inputsFor(def, i);
    const { outputs } = await assertAgree(def, inputs, `${tensors.x.shape} to ${tensors.y.shape}, ${i}`);
    if (i % 20) continue;
    const two = await Model.from(def, { threads: 2 });
    for (let run = 0; run < 20; run++) assert.deepEqual(two.runSync(inputs).y, outputs.y);
    two.dispose();
  }
});

test("sums of zeros and of numbers at the ends of float32", async () => {
  const x = { shape: [2, 2, 6], encoding: FLOAT32 };
  const values = [0, -0, 1e-45, -1e-45, 3e38, -3e38, 2, -2, 5, -5, 0, -0];
  for (const weight of [0, 0.5, -0.5, 1e-300]) {
    for (const taps of [1, 2, 3]) {
      const list = (count, from) => ({
        indices: Array.from({ length: count * taps }, (_, i) => i % from),
        weights: Array.from({ length: count * taps }, (_, i) => (i % taps === 1 ? 1 - weight : weight)),
      });
      const y = { shape: [2, 3, 13], encoding: FLOAT32 };
      const layer = { name: "y", op: "resample", input: "x", output: "y", rows: list(3, 2), columns: list(13, 6) };
      const input = Float32Array.from({ length: 24 }, (_, i) => values[(i * 5) % 12]);
      await assertAgree(modelOf({ x, y }, [layer]), { x: input }, `${taps} taps of ${weight}`);
    }
  }
});
