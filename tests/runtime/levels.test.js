import assert from "node:assert/strict";
import { test } from "node:test";
import { largestSums } from "../../dist/runtime/levels.js";

test("the largest sum of every channel bounds what it can reach", () => {
  const codes = Int8Array.of(5, -3, 1, -5, -5, 2, 0, 0, 0);
  const largest = largestSums({ kind: "codes", bits: 5, n1: 0, codes }, 3, 100);
  assert.deepEqual([...largest], [1700, 3200, 0]);
});
