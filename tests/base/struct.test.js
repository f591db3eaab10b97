import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../../dist/base/index.js";

test("every field is written at its place, little-endian", () => {
  const layout = [24, { flag: 0, low: 2, exact: 3, address: 1, step: 1 }];
  const bytes = encode(layout, { step: -2, flag: 1, low: -0.1, exact: 0.1, address: 0xfedcba98 });
  const view = new DataView(bytes.buffer);
  assert.equal(bytes.length, 24);
  assert.equal(view.getUint8(0), 1);
  assert.equal(view.getFloat32(4, true), Math.fround(-0.1));
  assert.equal(view.getFloat64(8, true), 0.1);
  assert.equal(view.getUint32(16, true), 0xfedcba98);
  assert.equal(view.getInt32(20, true), -2);
});
