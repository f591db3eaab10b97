// alternatives.test.js: numbers of which one is wanted, in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { alternatives } from "../../dist/base/index.js";

test("numbers that follow one another are told by the first and the last", () => {
  for (const [numbers, text] of [
    [[3], "3"],
    [[2, 3], "2 or 3"],
    [[2, 3, 4, 5, 6], "2 to 6"],
    [[1, 2, 4], "1, 2 or 4"],
    [[1, 4, 5, 6], "1 or 4 to 6"],
  ]) {
    assert.equal(alternatives(numbers), text);
  }
});
