import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readCosts } from "../../dist/cli/files.js";
import { COST_UNITS } from "../../dist/pipeline/index.js";
import { assertEntries, assertFails, interrupt, shiftwise, shiftwiseJson, temporaryFolder } from "./helpers.js";

describe("calibrate-costs", () => {
  const folder = temporaryFolder();
  const out = join(folder, "costs.json");

  test("writes a table that is read back, and prints every unit", async () => {
    const { table, error } = await shiftwiseJson(["calibrate-costs", "--models", 10, "--runs", 1, "--out", out]);
    assert.deepEqual(await readCosts(out), table);
    assert.deepEqual(Object.keys(table.nanoseconds), Object.keys(COST_UNITS));
    assert.ok(Object.values(table.nanoseconds).some((price) => price > 0));
    assert.ok(error.steps > 0 && error.median >= 0 && error.ninetieth >= error.median);
    assert.match(readFileSync(out, "utf8"), /\n\}\n$/);
    assertEntries(folder, ["costs.json"]);
  });

  test("Ctrl-C ends it with one line, and nothing is written", async () => {
    const { status, stdout, stderr } = await shiftwise(["calibrate-costs", "--out", join(folder, "no.json")], (child) =>
      interrupt(child, "SIGINT"),
    );
    assert.equal(status, 1, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /^error ABORTED: stopped while calibrating\n$/);
    assertEntries(folder, ["costs.json"]);
  });

  test("what cannot be written, or is no number of models, is refused before anything is timed", async () => {
    await assertFails(["calibrate-costs", "--out", join(folder, "none", "costs.json")], "IO");
    await assertFails(["calibrate-costs", "--models", "0"], "BAD_OPTION", /--models/);
  });

  test("a file that is no table is refused by its name", async () => {
    await assert.rejects(readCosts(join(folder, "none.json")), { code: "IO" });
    await assert.rejects(readCosts(new URL("../../package.json", import.meta.url).pathname), {
      code: "BAD_FILE",
      message: /package\.json/,
    });
  });
});
