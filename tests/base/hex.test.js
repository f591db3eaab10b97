import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOfHex } from "../../dist/base/index.js";

test("every byte, and none", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(bytesOfHex(Buffer.from(bytes).toString("hex")), bytes);
  assert.deepEqual(bytesOfHex(""), new Uint8Array(0));
});
