// portions.test.js: the paper's schedules and the check of a person's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBits, checkPortions, portionsFor } from "../../dist/quantize/index.js";

test("presets are the paper's and pass their own check", () => {
  assert.deepEqual(portionsFor(5), [0.5, 0.75, 0.875, 1]);
  assert.deepEqual(portionsFor(4), [0.3, 0.5, 0.8, 0.9, 0.95, 1]);
  assert.deepEqual(portionsFor(3), [0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1]);
  assert.deepEqual(portionsFor(2), [0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 1]);
  for (const bits of [2, 3, 4, 5]) assert.deepEqual(checkPortions(portionsFor(bits)), portionsFor(bits));
  assert.deepEqual(checkPortions([1]), [1]);
});

test("refuses portions that do not rise to exactly 1", () => {
  for (const [portions, where] of [
    [[], "portions"],
    [[0.5], "portions"],
    [[0, 1], "portions[0]"],
    [[-0.1, 1], "portions[0]"],
    [[0.5, 0.5, 1], "portions[1]"],
    [[0.7, 0.5, 1], "portions[1]"],
    [[0.5, 1, 1], "portions[2]"],
    [[0.5, 1.01], "portions[1]"],
    [[0.5, Number.NaN], "portions[1]"],
  ]) {
    assert.throws(() => checkPortions(portions), { code: "BAD_OPTION", where });
  }
});

test("refuses other bit widths", () => {
  for (const bits of [0, 1, 6, 8, 4.5, Number.NaN]) {
    assert.throws(() => checkBits(bits), { code: "BAD_OPTION", where: "bits", found: bits });
    assert.throws(() => portionsFor(bits), { code: "BAD_OPTION" });
  }
  for (const bits of [2, 3, 4, 5]) assert.equal(checkBits(bits), bits);
});
