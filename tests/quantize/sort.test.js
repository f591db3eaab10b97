// sort.test.js: magnitudes sorted by radix against the comparing sort.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sortMagnitudes } from "../../dist/quantize/sort.js";

test("magnitudes rise, the values given stay as they are", () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, maxLength: 300 }), (values) => {
      const before = values.slice();
      assert.deepEqual(sortMagnitudes(values), values.map(Math.abs).sort());
      assert.deepEqual(values, before);
    }),
    { seed: 5, numRuns: 300 },
  );
});
