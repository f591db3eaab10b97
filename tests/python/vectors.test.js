// vectors.test.js: the vectors that the tests of the Python package read are what this side rounds, to the bit.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FILE, vectors } from "./vectors.js";

test("python/tests/vectors.txt is what node tests/python/vectors.js writes", () => {
  assert.equal(readFileSync(FILE, "utf8"), vectors());
});
