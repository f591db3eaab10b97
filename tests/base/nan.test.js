// nan.test.js: the first value that is no finite number.
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstNonFinite } from "../../dist/base/index.js";

test("the first NaN or infinity of any array is found, and no other value", () => {
  const finite = [0, -0, 3.4e38, -3.4e38, 1e-45];
  for (const kind of [Float32Array, Float64Array, Array]) {
    assert.equal(firstNonFinite(kind.from(finite)), -1);
    assert.equal(firstNonFinite(kind.from([])), -1);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      assert.equal(firstNonFinite(kind.from([...finite, bad, Number.NaN])), finite.length);
    }
  }
});
