// refused.js: the error of a load that must fail, checked to be one of ours.
import assert from "node:assert/strict";
import { ShiftwiseError } from "../../dist/base/index.js";
import { Model } from "../../dist/runtime/index.js";

export async function refused(source, options) {
  const error = await Model.load(source, options).then(
    () => assert.fail("it loaded"),
    (reason) => reason,
  );
  assert.ok(error instanceof ShiftwiseError, String(error.stack));
  return error;
}
