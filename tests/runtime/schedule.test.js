import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { compileSchedule } from "../../dist/runtime/schedule.js";
import { randomCodes, randomIndices } from "../models/random.js";

/** Walks a stream as the kernel does, checking every lane bound; returns the weight of each row and the factors. */
function walk({ stream, starts, partsBytes }, channel, depth, max) {
  const units = [];
  let at = starts[channel] / 2;
  let open = [];
  for (let part = 0; ; ) {
    const [adds, subs, op] = stream.subarray(at, at + 3);
    at += 3;
    for (let j = 0; j < adds + subs; j++) open.push({ row: stream[at++], unit: j < adds ? 1 : -1, part });
    const sum = (sign) => open.reduce((total, { unit }) => total + Math.max(0, sign * unit), 0);
    assert.ok(sum(1) * max <= 32767 && sum(-1) * max <= 32767, "a lane could overflow");
    if (op === 0) {
      for (const entry of open) entry.unit *= 2;
      continue;
    }
    units.push(...open);
    open = [];
    part++;
    if (op === 1) continue;
    assert.equal(op, 2);
    const count = stream[at];
    const factors = [...stream.subarray(at + 1, at + 1 + count + (count % 2))].map((word) => (word << 16) >> 16);
    assert.ok(part === count || (part === count - 1 && factors[part] === 0), "a factor for each part");
    if (count === 1) assert.ok(Number.isInteger(Math.log2(factors[0])), "a lone part has a power of two");
    assert.ok(factors.length * 128 <= partsBytes, "parts are left where they were not expected");
    const weights = new Array(depth).fill(0);
    for (const { row, unit, part } of units) weights[row] += unit * factors[part];
    return { weights, factors: factors.slice(0, part) };
  }
}

test("a schedule holds exactly the weights and never overflows a lane", () => {
  const drawn = fc.record({
    bits: fc.constantFrom(2, 3, 4, 5),
    channels: fc.integer({ min: 1, max: 5 }),
    depth: fc.integer({ min: 1, max: 700 }),
    max: fc.constantFrom(1, 15, 31, 127, 128, 255),
    zeros: fc.constantFrom(0, 0.3, 0.9, 1),
    oneSigned: fc.boolean(),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(drawn, ({ bits, channels, depth, max, zeros, oneSigned, seed }) => {
      const drawnCodes = randomCodes(createRandom(seed), channels * depth, bits, zeros);
      const codes = oneSigned ? drawnCodes.map(Math.abs) : drawnCodes;
      const schedule = compileSchedule({ kind: "codes", bits, n1: 0, codes }, channels, max);
      for (let c = 0; c < channels; c++) {
        const row = Array.from(
          codes.subarray(c * depth, (c + 1) * depth),
          (m) => Math.sign(m) * Math.floor(2 ** (Math.abs(m) - 1)),
        );
        assert.deepEqual(
          walk(schedule, c, depth, max).weights.map((w) => w + 0),
          row.map((w) => w + 0),
        );
      }
    }),
    { seed: 11, numRuns: 200 },
  );
});

/** Walks a stream of complements with rows 0..max as the kernels do, mod 2^16; returns the channel's sum. */
function sumOf({ stream, starts }, channel, rows, max) {
  const both = [...rows, ...rows.map((x) => max - x)];
  const parts = [];
  let at = starts[channel] / 2;
  let lane = 0;
  for (let op = 0; !(op & 2); ) {
    const [adds, subs, ending] = stream.subarray(at, at + 3);
    assert.equal(subs, 0, "one list a segment");
    at += 3;
    for (let i = 0; i < adds; i++) lane += both[stream[at++]];
    op = ending;
    if (op === 0) {
      lane *= 2;
      continue;
    }
    if (op & 4) lane += stream[at++];
    parts.push(lane);
    lane = 0;
  }
  const head = stream[at];
  const signed = (word) => (word << 16) >> 16;
  if (head < 0x8000) return parts.reduce((sum, part, p) => sum + signed(part) * signed(stream[at + 1 + p]), 0);
  const [bias, bias1, , factor, other, low, high] = stream.subarray(at + 1, at + 8);
  const back = low + (signed(high) << 16);
  if (head === 0x8001) return signed(factor) * (signed(parts[0] + bias) - back);
  return signed(factor) * signed(parts[0] + bias) + signed(other) * signed((parts[1] ?? 0) + bias1) - back;
}

test("a schedule of complements has one list a segment, and its parts are exact mod 2^16", () => {
  const ending = { scale: Float32Array.of(1), offset: Float32Array.of(0) };
  const drawn = fc.record({
    levels: fc.constantFrom(
      [-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12],
      [-128, -64, -32, -16, -8, -4, -2, -1],
      [-1, 0],
      [-63, -31, 0, 7, 48],
      [-16383, 0, 1, 16383],
    ),
    depth: fc.constantFrom(1, 2, 16, 27, 127, 128, 129, 257, 258, 384),
    max: fc.constantFrom(1, 15, 127, 128, 255),
    values: fc.constantFrom("low", "high", "worst", "best", "any"),
    isShort: fc.boolean(),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(drawn, ({ levels, depth, max, values, isShort, seed }) => {
      const random = createRandom(seed);
      const codes = randomIndices(random, 2 * depth, levels);
      const weights = { kind: "codebook", levels, codes };
      const form = { complements: true, ending: isShort ? ending : undefined };
      const schedule = compileSchedule(weights, 2, max, "", form);
      for (const channel of [0, 1]) {
        const own = Array.from(codes.subarray(channel * depth, (channel + 1) * depth), (code) => levels[code]);
        const rows = own.map((level) => {
          if (values === "any") return random.below(max + 1);
          if (values === "low" || values === "high") return values === "high" ? max : 0;
          return level > 0 === (values === "best") ? max : 0;
        });
        const expected = own.reduce((sum, level, k) => sum + level * rows[k], 0);
        assert.equal(sumOf(schedule, channel, rows, max), expected);
      }
    }),
    { seed: 13, numRuns: 500 },
  );
});

test("a schedule of a codebook holds exactly its levels and never overflows a lane", () => {
  const drawn = fc.record({
    levels: fc.oneof(
      fc.uniqueArray(fc.integer({ min: -16383, max: 16383 }), { minLength: 2, maxLength: 128 }),
      fc.uniqueArray(fc.integer({ min: -12, max: 12 }), { minLength: 2, maxLength: 16 }),
    ),
    channels: fc.integer({ min: 1, max: 4 }),
    depth: fc.integer({ min: 1, max: 600 }),
    max: fc.constantFrom(1, 15, 31, 127, 128, 255),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(drawn, ({ levels: unsorted, channels, depth, max, seed }) => {
      const levels = unsorted.sort((a, b) => a - b);
      const weights = { kind: "codebook", levels, codes: randomIndices(createRandom(seed), channels * depth, levels) };
      const schedule = compileSchedule(weights, channels, max);
      for (let c = 0; c < channels; c++) {
        const row = Array.from(weights.codes.subarray(c * depth, (c + 1) * depth), (code) => levels[code]);
        assert.deepEqual(
          walk(schedule, c, depth, max).weights.map((w) => w + 0),
          row.map((w) => w + 0),
        );
      }
    }),
    { seed: 12, numRuns: 300 },
  );
});

test("a codebook of 128 magnitudes keeps every level, the smallest negative one, too", () => {
  for (const sign of [1, -1]) {
    const levels = Array.from({ length: 128 }, (_, i) => sign * (i + 1) * 3 * (i % 2 ? 1 : -1)).sort((a, b) => a - b);
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i % 128);
    const schedule = compileSchedule({ kind: "codebook", levels, codes }, 2, 255);
    for (const channel of [0, 1]) assert.deepEqual(walk(schedule, channel, 128, 255).weights, levels);
  }
});

test("powers of two as a codebook cost what codes cost", () => {
  const codes = randomCodes(createRandom(5), 8 * 576, 5, 0.1);
  const levels = [-128, -64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64, 128];
  const book = { kind: "codebook", levels, codes: Uint8Array.from(codes, (digit) => digit + 8) };
  for (const max of [15, 255]) {
    const expected = compileSchedule({ kind: "codes", bits: 5, n1: 0, codes }, 8, max);
    assert.deepEqual(compileSchedule(book, 8, max), expected);
  }
});

test("levels that are no doublings of each other are parts of their own, with the level for a factor", () => {
  const levels = [-7, -5, -3, -1, 1, 3, 5, 7];
  const codes = Uint8Array.from({ length: 256 }, (_, i) => i % 8);
  assert.deepEqual(walk(compileSchedule({ kind: "codebook", levels, codes }, 1, 15), 0, 256, 15).factors, [7, 5, 3, 1]);
  const doublings = Uint8Array.of(7, 6, 1, 0);
  const book = { kind: "codebook", levels: [-12, -6, -3, 0, 1, 3, 6, 12], codes: doublings };
  assert.deepEqual(walk(compileSchedule(book, 1, 255), 0, 4, 255).factors, [6]);
});

test("schedules take at most 3 bytes a non-zero weight from depth 64 on", () => {
  for (const bits of [2, 3, 4, 5]) {
    for (const depth of [64, 576, 4608]) {
      const codes = randomCodes(createRandom(1), 16 * depth, bits, 0.1);
      const { stream } = compileSchedule({ kind: "codes", bits, n1: 0, codes }, 16, 255);
      const nonZero = codes.reduce((n, m) => n + (m === 0 ? 0 : 1), 0);
      assert.ok(stream.byteLength <= 3 * nonZero, `${bits} bits, depth ${depth}: ${stream.byteLength / nonZero}`);
    }
  }
});

test("a channel with more than 65,536 inputs is refused with its number", () => {
  assert.throws(
    () => compileSchedule({ kind: "codes", bits: 5, n1: 0, codes: new Int8Array(65537) }, 1, 255, "layer c"),
    { name: "ShiftwiseError", code: "OVERFLOW", where: "layer c", found: 65537 },
  );
});
