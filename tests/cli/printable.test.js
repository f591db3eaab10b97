// printable.test.js: what files hold does not steer a terminal, in any output of the command.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { jsonLine, oneLine, printable } from "../../dist/cli/printable.js";
import { encodeModel } from "../../dist/model/index.js";
import { everything } from "../models/everything.js";
import { shiftwise, shiftwiseJson, temporaryFolder } from "./helpers.js";

const EVIL = "\u001b]0;title\u0007\u001b[31mred\nerror IO: none\u009b2J\u202e";
const STEERING = /[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u;
const folder = temporaryFolder();

test("control characters are written as their codes", () => {
  assert.equal(oneLine("a\n\u001b[31mb"), "a\\u{a}\\u{1b}[31mb");
  assert.equal(printable("a\n\t\u001bb é ─ 日"), "a\n\t\\u{1b}b é ─ 日");
  assert.doesNotMatch(jsonLine({ [EVIL]: EVIL }), STEERING);
  assert.deepEqual(JSON.parse(jsonLine({ [EVIL]: EVIL })), { [EVIL]: EVIL });
});

test("labels, notes and paths do not steer the terminal", async () => {
  const path = join(folder, "evil.safetensors");
  const def = everything();
  writeFileSync(path, encodeModel({ ...def, labels: [EVIL, "b", "c"], notes: { evil: EVIL } }));
  const { status, stdout } = await shiftwise(["inspect", path]);
  assert.equal(status, 0);
  assert.doesNotMatch(stdout, STEERING);
  assert.doesNotMatch(stdout, /^error/m);
  assert.match(stdout, /^labels {2}\\u\{1b\}/m);
  assert.equal((await shiftwiseJson(["inspect", path])).labels[0], EVIL);
  const missing = await shiftwise(["inspect", `${folder}/${EVIL}`, "--verbose"]);
  assert.equal(missing.status, 1);
  assert.doesNotMatch(missing.stderr, STEERING);
});
