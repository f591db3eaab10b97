// reason.test.js: what other errors say, without what a message names already.
import assert from "node:assert/strict";
import { readdir, readFile, rename } from "node:fs/promises";
import { test } from "node:test";
import { reason } from "../../dist/base/system.js";

test("a system's words without its code, call and paths", async () => {
  const found = async (work) => reason(await work().then(assert.fail, (cause) => cause));
  assert.equal(await found(() => readFile("/no, such 'file'")), "no such file or directory");
  assert.equal(await found(() => readdir("/dev/null")), "not a directory");
  assert.equal(await found(() => rename("/nothing", "/other")), "no such file or directory");
});

test("others as they are", () => {
  assert.equal(reason(new Error("ENOENT: said by hand, in 'quotes'")), "ENOENT: said by hand, in 'quotes'");
  assert.equal(reason("a text"), "a text");
  assert.equal(reason(new Error("first: line \n  second: line\n")), "first: line, second: line");
});
