// docs.test.js: the operator tables of docs/onnx.md are the catalog's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CATALOG } from "../../dist/onnx/index.js";
import { page, withTables } from "./tables.js";

test("the tables of operators: else npm run docs:operators", () => {
  const text = readFileSync(page, "utf8");
  assert.equal(text, withTables(text));
  for (const name of Object.keys(CATALOG)) assert.match(text, new RegExp(`^\\| ${name}[ ,]`, "m"));
});
