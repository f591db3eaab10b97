// interrupt.test.js: Ctrl-C in the middle of training: a checkpoint, a hint, and a resumed run with the same result.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { generate } from "../../dist/data/index.js";
import { encodeNetwork } from "../../dist/graph/index.js";
import { freshNetwork } from "../../dist/pipeline/index.js";
import {
  assertEntries,
  assertFails,
  interrupt,
  shiftwise,
  shiftwiseJson,
  temporaryFolder,
  writeIdxFolder,
} from "./helpers.js";

/** Runs a command until its first epoch's checkpoint is there, then sends the signal. */
function interrupted(args, checkpoint, signal) {
  return shiftwise(args, async (child) => {
    while (!existsSync(checkpoint) && child.exitCode === null) await sleep(5);
    child.kill(signal);
  });
}

describe("interrupted training", () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const float = join(folder, "float.safetensors");
  // remarks go to standard error, which leaves standard output to the result
  const common = ["--json", "--data", data, "--batch", 10, "--threads", 1];

  before(() => {
    mkdirSync(data);
    writeIdxFolder(data);
    const network = freshNetwork("demo", generate({ seed: 3, train: 200, test: 60 }).train, 1, 4);
    writeFileSync(float, encodeNetwork(network));
  });

  const commands = [
    ["train", "SIGINT", ["train", ...common, "--width", 4, "--epochs", 12, "--lr", 0.05]],
    ["quantize", "SIGTERM", ["quantize", float, ...common, "--epochs", 6, "--portions", ".5,.75,1"]],
  ];
  for (const [name, signal, args] of commands) {
    test(`${name}: ${signal} leaves a checkpoint, --resume ends as if nothing had been`, async () => {
      const own = join(folder, name);
      mkdirSync(own);
      const out = join(own, "out.safetensors");
      const checkpoint = `${out}.checkpoint`;
      const { status, stdout, stderr } = await interrupted([...args, "--out", out], checkpoint, signal);
      assert.equal(status, 1, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^error ABORTED: .*out\.safetensors\.checkpoint: .*--resume goes on/m);
      assertEntries(own, ["out.safetensors.checkpoint"]);

      const other = [...args, "--out", out, "--resume", "--seed", 2];
      await assertFails(other, "BAD_OPTION", /out\.safetensors\.checkpoint.*seed: .*another run; expected 2; found 1/);

      const resumed = await shiftwiseJson([...args, "--out", out, "--resume"]);
      assertEntries(own, ["out.safetensors"]);
      const whole = join(own, "whole.safetensors");
      const straight = await shiftwiseJson([...args, "--out", whole]);
      assert.equal(resumed.correct, straight.correct);
      assert.deepEqual(readFileSync(out), readFileSync(whole));
    });
  }

  test("eval: SIGINT ends it with one line", async () => {
    const args = ["eval", float, "--data", "generated", "--executor", "reference"];
    const { status, stdout, stderr } = await shiftwise(args, (child) => interrupt(child, "SIGINT"));
    assert.equal(status, 1, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /^error ABORTED: stopped while measuring\n$/);
  });
});
