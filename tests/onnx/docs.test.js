// docs.test.js: the operator tables of docs/onnx.md are the catalog, and the catalog is what is there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CONVERTERS } from "../../dist/onnx/convert/index.js";
import { CATALOG } from "../../dist/onnx/index.js";
import { OPERATORS } from "../../dist/onnx/operators/index.js";

const doc = readFileSync(new URL("../../docs/onnx.md", import.meta.url), "utf8");

/** The rows that the catalog makes for one use. */
function rows(use) {
  const names = Object.keys(CATALOG).filter((op) => CATALOG[op].use === use);
  return names.map((op) => {
    const attributes = Object.entries(CATALOG[op].attributes).map(([name, { only }]) => {
      return only ? `${name} (${only.join(", ")})` : name;
    });
    return `| ${op} | ${attributes.join(", ")} |`.replace("|  |", "| |");
  });
}

test("the tables of operators", () => {
  const tables = doc.split("| operator | attributes |\n|---|---|\n").slice(1);
  assert.equal(tables.length, 2);
  for (const [i, use] of ["network", "constants"].entries()) {
    const found = tables[i].split("\n\n")[0].split("\n").filter(Boolean);
    assert.deepEqual(found, rows(use));
  }
});

test("every operator of the catalog can be evaluated, and converted where a network may have it", () => {
  assert.deepEqual(Object.keys(CATALOG), Object.keys(CATALOG).toSorted());
  assert.deepEqual(Object.keys(OPERATORS).sort(), Object.keys(CATALOG));
  const converted = Object.keys(CATALOG).filter((op) => CATALOG[op].use === "network");
  assert.deepEqual(Object.keys(CONVERTERS).sort(), converted);
});
