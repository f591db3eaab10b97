// frozen.test.js: copies that share nothing that can change with what they were made of.
import assert from "node:assert/strict";
import { test } from "node:test";
import { frozenCopy } from "../../dist/base/index.js";

test("objects and arrays are copied and frozen down to their ends", () => {
  const given = { list: [1, { deep: [2] }], none: null, text: "a", call: () => 3, typed: new Float32Array([4]) };
  const copy = frozenCopy(given);
  assert.deepEqual(copy, given);
  for (const part of [copy, copy.list, copy.list[1], copy.list[1].deep]) assert.ok(Object.isFrozen(part));
  given.list[1].deep[0] = 9;
  assert.equal(copy.list[1].deep[0], 2);
  assert.ok(!Object.isFrozen(given.list));
});

test("typed arrays are the same ones, or copies where that is wanted, also of views that copy nothing themselves", () => {
  const given = { typed: new Float32Array([4]), bytes: Buffer.from([1, 2]), view: new DataView(new ArrayBuffer(1)) };
  assert.equal(frozenCopy(given).typed, given.typed);
  const copy = frozenCopy(given, true);
  given.typed[0] = 9;
  given.bytes[0] = 9;
  assert.deepEqual([[...copy.typed], [...copy.bytes]], [[4], [1, 2]]);
});
