// permute.test.js: where the elements of reordered axes come from, against their definition.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { permutedPlaces } from "../../dist/ops/index.js";

/** Place i of the result has the indices of i along the reordered axes. */
function byDefinition({ dims, order }) {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((a, b) => a * b, 1));
  const sizes = order.map((axis) => dims[axis]);
  return Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => {
    let [rest, place] = [i, 0];
    for (let k = order.length - 1; k >= 0; k--) {
      place += (rest % sizes[k]) * strides[order[k]];
      rest = Math.floor(rest / sizes[k]);
    }
    return place;
  });
}

test("any order of up to eight axes, axes of length 1 among them", () => {
  const cases = fc
    .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 })
    .chain((dims) =>
      fc
        .shuffledSubarray([...dims.keys()], { minLength: dims.length, maxLength: dims.length })
        .map((order) => ({ dims, order })),
    );
  fc.assert(
    fc.property(cases, (given) => assert.deepEqual([...permutedPlaces(given)], byDefinition(given))),
    { numRuns: 60 },
  );
});
