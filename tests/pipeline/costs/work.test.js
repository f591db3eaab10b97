import assert from "node:assert/strict";
import { test } from "node:test";
import { channelWork, levelWork } from "../../../dist/pipeline/index.js";
import { compileSchedule } from "../../../dist/runtime/inside.js";

const codebook = (levels, codes) => ({ kind: "codebook", levels, codes: Uint8Array.from(codes) });

test("a channel of zeros is one segment of nothing, and one part", () => {
  assert.deepEqual(levelWork([0, 0, 0, 0], 1, 255), {
    ...{ terms: 0, segments: 1, lists: 0, runs: 0, parks: 0, pairs: 0, lone: 1 },
    passes: 1,
  });
});

test("one weight is one term in one list", () => {
  const { terms, segments, lists, lone } = levelWork([0, 0, -4, 0], 1, 255);
  assert.deepEqual({ terms, segments, lists, lone }, { terms: 1, segments: 1, lists: 1, lone: 1 });
});

test("a channel deeper than a lane holds leaves parts, which are joined in pairs", () => {
  // 128 ones of 255 fit a lane
  const { terms, segments, parks, pairs, lone } = levelWork(new Int32Array(300).fill(1), 1, 255);
  assert.deepEqual({ terms, segments, parks, pairs, lone }, { terms: 300, segments: 3, parks: 2, pairs: 2, lone: 0 });
});

test("doublings between powers are segments, and other levels end parts", () => {
  const powers = levelWork([4, 1], 1, 255);
  assert.deepEqual([powers.segments, powers.parks, powers.lone], [3, 0, 1]);
  const others = levelWork([5, 3], 1, 255);
  assert.deepEqual([others.segments, others.parks, others.pairs], [2, 1, 1]);
});

test("runs are cut where activations of few bits outgrow 8 bits", () => {
  assert.equal(levelWork(new Int32Array(40).fill(1), 1, 15).runs, Math.ceil(40 / 17));
  assert.equal(levelWork(new Int32Array(40).fill(1), 1, 255).runs, 0);
});

test("walks of a dense layer: one a table of 16 levels, two where products are large", () => {
  const levels = (count, top) => Int32Array.from({ length: count }, (_, i) => (i === 0 ? top : i));
  assert.equal(levelWork(levels(17, 17), 1, 255).passes, 2);
  assert.equal(levelWork(levels(16, 16), 1, 255).passes, 1);
  assert.equal(levelWork(levels(16, 200), 1, 255).passes, 2);
  assert.equal(channelWork({ kind: "codes", bits: 5, n1: 0, codes: new Int8Array(8) }, 1, 255).passes, 1);
});

test("counts are a mean over channels, and add up to the words of the schedule", () => {
  const levels = [-6, -3, -1, 0, 1, 2, 4, 8];
  const codes = Array.from({ length: 24 * 300 }, (_, i) => (i * i + (i >> 3)) % 8);
  for (const max of [1, 15, 31, 127, 128, 255]) {
    const weights = codebook(levels, codes);
    const work = channelWork(weights, 24, max);
    const { stream } = compileSchedule(weights, 24, max);
    const factors = 1 + work.lone + 2 * work.pairs;
    assert.equal(stream.length, Math.round(24 * (work.terms + 3 * work.segments + factors)));
    assert.equal(24 * work.terms, codes.filter((code) => levels[code] !== 0).length);
  }
});

test("a sample of channels says the same as those channels in the whole", () => {
  const random = (i) => ((i * 7919) % 13) - 6;
  const all = Int32Array.from({ length: 10 * 50 }, (_, i) => random(i));
  const halves = [all.subarray(0, 250), all.subarray(250)].map((part) => levelWork(part, 5, 255));
  const whole = levelWork(all, 10, 255);
  for (const name of ["terms", "segments", "lists", "parks", "pairs", "lone"]) {
    assert.ok(Math.abs((halves[0][name] + halves[1][name]) / 2 - whole[name]) < 1e-9, name);
  }
});

test("more levels than codes are refused", () => {
  const levels = Int32Array.from({ length: 257 }, (_, i) => i);
  assert.throws(() => levelWork(levels, 1, 255), { code: "BAD_OPTION" });
});
