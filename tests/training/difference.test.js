// difference.test.js: whether samples differ, for values of any number, kind and order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { createDifference } from "../../dist/training/difference.js";

const SIZES = [1, 2, 5, 4096, 4097, 20_000];

function valuesOf(size, random) {
  return Float32Array.from({ length: size }, () => random.normal());
}

/** Whether samples differ, given one by one or all at once. */
function differ(samples, size, atOnce) {
  const { add, isSeen } = createDifference(size);
  if (!atOnce) for (const sample of samples) add(sample);
  else {
    const all = new Float32Array(samples.length * size);
    for (const [i, sample] of samples.entries()) all.set(sample, i * size);
    add(all);
  }
  return isSeen();
}

for (const size of SIZES) {
  test(`of ${size} values, equal samples do not differ, and one value in a hundred more or two that change places do`, () => {
    const random = createRandom(size);
    for (let round = 0; round < 20; round++) {
      const first = valuesOf(size, random);
      const same = Array.from({ length: 3 }, () => first);
      const other = first.slice();
      const at = random.below(size);
      other[at] = first[at] * 1.01 + 0.01;
      const moved = first.slice();
      const to = (at + 1 + random.below(Math.max(size - 1, 1))) % size;
      [moved[at], moved[to]] = [moved[to], moved[at]];
      for (const atOnce of [false, true]) {
        assert.equal(differ(same, size, atOnce), false);
        assert.equal(differ([first], size, atOnce), false);
        assert.equal(differ([...same, other], size, atOnce), true, `${at}`);
        if (size > 1) assert.equal(differ([first, moved], size, atOnce), true, `${at} and ${to}`);
      }
    }
  });
}

test("what differs by rounding alone is the same, and zeros are", () => {
  const random = createRandom(7);
  const first = valuesOf(300, random);
  const near = first.map((value) => value * (1 + 2 ** -22));
  assert.notDeepEqual(near, first);
  assert.equal(differ([first, near], 300, false), false);
  const zeros = new Float32Array(300);
  assert.equal(differ([zeros, zeros], 300, false), false);
  assert.equal(differ([zeros, near], 300, false), true);
  assert.equal(differ([zeros, zeros.map((_, i) => (i === 299 ? 1e-30 : 0))], 300, false), true);
});

test("rounding that grew over a deep network is the same, and ten times as much differs", () => {
  const random = createRandom(9);
  for (const size of [1, 10, 1000, 20_000]) {
    for (let round = 0; round < 10; round++) {
      const first = valuesOf(size, random);
      const largest = first.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const by = (share) => first.map((value) => value + share * largest * (1 - 2 * random.below(2)));
      assert.equal(differ([first, by(3e-6), by(3e-6)], size, false), false);
      assert.equal(differ([first, first.map((value) => value + 3e-5 * largest)], size, true), true);
    }
  }
});

test("the share of the variance between samples is that of all values, of many nearly", () => {
  const random = createRandom(8);
  for (const size of [1, 7, 4096, 30_000]) {
    for (const scale of [1, 0.1, 0.001]) {
      const shared = valuesOf(size, random);
      const samples = Array.from({ length: 30 }, () => shared.map((value) => 5 + value + scale * random.normal()));
      const { add, share } = createDifference(size);
      for (const sample of samples) add(sample);
      const expected = size === 1 ? 1 : scale ** 2 / (1 + scale ** 2);
      const found = share();
      if (size === 1) assert.equal(found, 1);
      // thirty samples of few values have less or more by chance
      else assert.ok(found > expected / 3 && found < Math.min(3 * expected, 1), `${size}, ${scale}: ${found}`);
    }
  }
  const { add, share } = createDifference(3);
  assert.equal(share(), null);
  add(Float32Array.of(2, 2, 2));
  assert.equal(share(), null);
  add(Float32Array.of(4, 4, 4));
  assert.equal(share(), 1);
});
