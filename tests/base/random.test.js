// random.test.js: the generator against its published sequence, and its derived draws.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";

test("xoshiro128** gives the reference sequence from state 1 2 3 4", () => {
  const random = createRandom([1, 2, 3, 4]);
  assert.deepEqual(
    Array.from({ length: 4 }, () => random.uint32()),
    [11520, 0, 5927040, 70819200],
  );
});

test("equal seeds agree, other seeds differ, and a state continues its sequence", () => {
  const one = createRandom(7);
  const same = createRandom(7);
  const other = createRandom(8);
  const draws = Array.from({ length: 5 }, () => one.uint32());
  assert.deepEqual(
    draws,
    Array.from({ length: 5 }, () => same.uint32()),
  );
  assert.notDeepEqual(
    draws,
    Array.from({ length: 5 }, () => other.uint32()),
  );
  one.normal();
  const continued = createRandom(one.state());
  for (let i = 0; i < 5; i++) assert.equal(continued.normal(), one.normal());
});

test("uniform and normal have the moments they should", () => {
  const random = createRandom(1);
  const n = 20000;
  let sum = 0;
  let squares = 0;
  let uniform = 0;
  for (let i = 0; i < n; i++) {
    const x = random.normal();
    sum += x;
    squares += x * x;
    const u = random.uniform();
    assert.ok(u >= 0 && u < 1);
    uniform += u;
  }
  assert.ok(Math.abs(sum / n) < 0.03);
  assert.ok(Math.abs(squares / n - 1) < 0.05);
  assert.ok(Math.abs(uniform / n - 0.5) < 0.01);
});

test("below stays below and reaches every value", () => {
  const random = createRandom(2);
  const counts = new Array(7).fill(0);
  for (let i = 0; i < 7000; i++) counts[random.below(7)]++;
  assert.equal(counts.length, 7);
  for (const count of counts) assert.ok(count > 850 && count < 1150);
  assert.equal(random.below(1), 0);
});

test("shuffle keeps the elements, in plain and typed arrays", () => {
  const random = createRandom(3);
  const shuffled = random.shuffle(Uint16Array.from({ length: 100 }, (_, i) => i));
  assert.notDeepEqual(
    [...shuffled],
    [...shuffled].sort((a, b) => a - b),
  );
  assert.deepEqual(
    [...shuffled].sort((a, b) => a - b),
    [...Array(100).keys()],
  );
  assert.deepEqual(random.shuffle([]), []);
});
