// gains.test.js: factors for channels that share one encoding, by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseGains, errorOf } from "../../dist/quantize/gains.js";

const shared = (low, high, weight = low.map(() => 1), headroom = 1) => ({
  low: Float64Array.from(low),
  high: Float64Array.from(high),
  weight: Float64Array.from(weight),
  headroom,
});
const each = (count, flips = false) => Array.from({ length: count }, (_, c) => ({ channels: [c], flips }));

test("every channel fills the range of the largest", () => {
  const gains = chooseGains(shared([0, 0, 0], [8, 1, 0.5]), each(3));
  assert.deepEqual([...gains], [1, 8, 16]);
});

test("a unit has one gain, what is in none keeps its values and the rest comes to it", () => {
  const units = [{ channels: [1, 2], flips: false }];
  assert.deepEqual([...chooseGains(shared([0, 0, 0], [8, 1, 2]), units)], [1, 4, 4]);
  assert.deepEqual([...chooseGains(shared([0, 0], [1, 100]), [{ channels: [1], flips: false }])][0], 1);
  const [, shrunk] = chooseGains(shared([0, 0], [1, 100], [1, 0.01]), [{ channels: [1], flips: false }]);
  assert.ok(shrunk < 0.1, `${shrunk}`);
});

test("a gain may turn a channel's sign where that saves range", () => {
  const channels = shared([0, -2], [8, 0.1]);
  assert.deepEqual([...chooseGains(channels, each(2, true))], [1, -4]);
  const upright = chooseGains(channels, each(2));
  assert.ok(upright[1] > 0);
  assert.ok(errorOf(channels, upright) > errorOf(channels, Float64Array.of(1, -4)));
});

test("small negative values get a part of the range that is worth it", () => {
  // 0.25 of 1 is negative: with the gain 8 the range reaches from -2 to 8
  const [, light] = chooseGains(shared([0, -0.25], [8, 1]), each(2));
  const [, heavy] = chooseGains(shared([0, -0.25], [8, 1], [1, 100]), each(2));
  assert.ok(light > 2 && light < 4, `${light}`);
  assert.equal(heavy, 8);
});

test("room is left for values that were not seen", () => {
  assert.deepEqual([...chooseGains(shared([0, 0, 0], [8, 1, 6], [1, 1, 1], 2), each(3))], [1, 4, 1]);
});

test("channels that nothing reads, that are 0 or that lie far apart", () => {
  assert.deepEqual([...chooseGains(shared([0, 0, 0, 0], [8, 1, 0, 1e-9], [1, 0, 1, 1]), each(4))], [1, 1, 1, 256]);
  assert.deepEqual([...chooseGains(shared([0], [0]), each(1))], [1]);
});
