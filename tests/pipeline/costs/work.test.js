import assert from "node:assert/strict";
import { test } from "node:test";
import { channelWork, levelWork } from "../../../dist/pipeline/index.js";
import { compileSchedule } from "../../../dist/runtime/inside.js";

const codebook = (levels, codes) => ({ kind: "codebook", levels, codes: Uint8Array.from(codes) });

test("a channel of zeros is one segment of nothing, and one part", () => {
  assert.deepEqual(levelWork([0, 0, 0, 0], 1, 255), {
    ...{ terms: 0, segments: 1, lists: 0, runs: 0, parks: 0, pairs: 0, lone: 0, short: 1, twin: 0 },
    passes: 0,
  });
});

test("one weight is one term in one list", () => {
  for (const isShort of [true, false]) {
    const { terms, segments, lists, lone, short } = levelWork([0, 0, -4, 0], 1, 255, { isShort });
    const ending = { lone: isShort ? 0 : 1, short: isShort ? 1 : 0 };
    assert.deepEqual({ terms, segments, lists, lone, short }, { terms: 1, segments: 1, lists: 1, ...ending });
  }
});

test("a channel deeper than a lane holds leaves parts: one or two end the short way, more are joined in pairs", () => {
  // 128 ones of 255 fit a signed lane, 257 a lane whose range is moved
  const of = (depth, isShort) => {
    const { terms, segments, parks, pairs, lone, short, twin } = levelWork(new Int32Array(depth).fill(1), 1, 255, {
      isShort,
    });
    return { terms, segments, parks, pairs, lone, short, twin };
  };
  const none = { parks: 0, pairs: 0, lone: 0, short: 0, twin: 0 };
  assert.deepEqual(of(300, false), { ...none, terms: 300, segments: 3, parks: 2, pairs: 2 });
  assert.deepEqual(of(128, false), { ...none, terms: 128, segments: 1, lone: 1 });
  assert.deepEqual(of(257, true), { ...none, terms: 257, segments: 1, short: 1 });
  assert.deepEqual(of(300, true), { ...none, terms: 300, segments: 2, parks: 1, twin: 1 });
  assert.deepEqual(of(600, true), { ...none, terms: 600, segments: 5, parks: 4, pairs: 3 });
});

test("doublings between powers are segments, and other levels are powers or parts, whichever is quicker", () => {
  const powers = levelWork([4, 1], 1, 255);
  assert.deepEqual([powers.segments, powers.parks, powers.short], [3, 0, 1]);
  // 3 = 4 - 1, 5 = 4 + 1
  const few = levelWork([7, 5, 3, 1], 1, 255);
  assert.deepEqual([few.terms, few.parks], [7, 0]);
  const many = levelWork(
    Int32Array.from({ length: 200 }, (_, i) => (i % 2 ? 3 : -3)),
    1,
    15,
    { isShort: false },
  );
  assert.deepEqual([many.terms, many.parks], [200, 0]);
});

test("shifted rows need no segments but parts", () => {
  const { terms, segments, lists, short } = levelWork([4, 1, -2, 7], 1, 255, { shifted: true });
  assert.deepEqual([terms, segments, lists, short], [5, 1, 2, 1]);
});

test("complements leave one list a segment", () => {
  for (const isShort of [true, false]) {
    const form = { isShort, complements: true };
    const { terms, segments, lists } = levelWork([4, 1, -2, -4, -1], 1, 255, form);
    assert.deepEqual([terms, segments, lists], [5, 3, 3]);
    const parts = levelWork(new Int32Array(600).fill(-1), 1, 255, form);
    assert.deepEqual([parts.terms, parts.lists, parts.parks], [600, 5, 4]);
  }
});

test("runs are cut where activations of few bits outgrow 8 bits", () => {
  assert.equal(levelWork(new Int32Array(40).fill(1), 1, 15).runs, Math.ceil(40 / 17));
  assert.equal(levelWork(new Int32Array(40).fill(1), 1, 255).runs, 0);
});

test("a dense layer may have more inputs than a stream has rows", () => {
  const levels = Int16Array.from({ length: 2 * 70_000 }, (_, i) => (i % 3) - 1);
  assert.throws(() => levelWork(levels, 2, 255), { code: "OVERFLOW" });
  const { passes, ...others } = levelWork(levels, 2, 255, { dense: true });
  assert.equal(passes, 1);
  assert.deepEqual([...new Set(Object.values(others))], [0]);
});

test("walks of a dense layer: one for two planes of the bits that its levels take above the least", () => {
  const between = (least, largest) => Int32Array.of(least, 0, largest);
  for (const [least, largest, passes] of [
    [0, 3, 1],
    [-1, 2, 1],
    [-1, 3, 2],
    [-7, 8, 2],
    [-8, 8, 3],
    [-28, 28, 3],
    [-64, 64, 4],
  ]) {
    assert.equal(levelWork(between(least, largest), 1, 255).passes, passes, `${least} to ${largest}`);
  }
  assert.equal(channelWork({ kind: "codes", bits: 5, n1: 0, codes: new Int8Array(8) }, 1, 255).passes, 0);
});

test("counts are a mean over channels, and add up to the words of the schedule", () => {
  const levels = [-6, -3, -1, 0, 1, 2, 4, 8];
  const codes = Array.from({ length: 24 * 300 }, (_, i) => (i * i + (i >> 3)) % 8);
  for (const max of [1, 15, 31, 127, 128, 255]) {
    const weights = codebook(levels, codes);
    const work = channelWork(weights, 24, max, { isShort: false });
    const { stream } = compileSchedule(weights, 24, max);
    const factors = 1 + work.lone + 2 * work.pairs;
    assert.equal(stream.length, Math.round(24 * (work.terms + 3 * work.segments + factors)));
    assert.ok(24 * work.terms >= codes.filter((code) => levels[code] !== 0).length);
  }
});

test("a sample of channels says the same as those channels in the whole", () => {
  const random = (i) => ((i * 7919) % 13) - 6;
  const all = Int32Array.from({ length: 10 * 50 }, (_, i) => random(i));
  const halves = [all.subarray(0, 250), all.subarray(250)].map((part) => levelWork(part, 5, 255));
  const whole = levelWork(all, 10, 255);
  for (const name of ["terms", "segments", "lists", "parks", "pairs", "lone", "short", "twin"]) {
    assert.ok(Math.abs((halves[0][name] + halves[1][name]) / 2 - whole[name]) < 1e-9, name);
  }
});

test("more levels than codes are refused", () => {
  const levels = Int32Array.from({ length: 257 }, (_, i) => i);
  assert.throws(() => levelWork(levels, 1, 255), { code: "BAD_OPTION" });
});
