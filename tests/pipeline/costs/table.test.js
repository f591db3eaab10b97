import assert from "node:assert/strict";
import { test } from "node:test";
import { FEATURE_NAMES } from "../../../dist/pipeline/costs/features.js";
import { COSTS, parseCosts } from "../../../dist/pipeline/index.js";

const parse = (table) => parseCosts(JSON.stringify(table), "costs.json");

test("the shipped table has a price for every unit, and is read back", () => {
  assert.deepEqual(Object.keys(COSTS.nanoseconds), [...FEATURE_NAMES]);
  assert.deepEqual(parse(COSTS), COSTS);
});

test("what is no table is refused, with what is wrong in it", () => {
  const { nanoseconds } = COSTS;
  const refused = [
    [null, /machine/],
    [[], /machine/],
    [{ machine: "x" }, /nanoseconds/],
    [{ machine: "x", nanoseconds: {} }, /nanoseconds\.step/],
    [{ machine: "x", nanoseconds: { ...nanoseconds, tile: -1 } }, /nanoseconds\.tile/],
    [{ machine: "x", nanoseconds: { ...nanoseconds, tile: null } }, /nanoseconds\.tile/],
    [{ machine: 7, nanoseconds }, /machine/],
  ];
  for (const [table, message] of refused) assert.throws(() => parse(table), { code: "BAD_FILE", message });
  assert.throws(() => parseCosts("{", "costs.json"), { code: "BAD_FILE", message: /costs\.json/ });
});
