// naming.test.js: names of models and classes on the command line, up to the file and inspect.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, encodeNetwork } from "../../dist/graph/index.js";
import { decodeModel } from "../../dist/model/index.js";
import { bmp } from "../data/bmp.js";
import { assertFails, shiftwise, shiftwiseJson, temporaryFolder } from "./helpers.js";

describe("names", () => {
  const folder = temporaryFolder();
  const at = (name) => join(folder, name);
  const quantize = ["quantize", at("net.safetensors"), "--calibrate", at("a.bmp"), "--out", at("model.safetensors")];
  const fast = ["--bits", 4, "--range", 1];

  before(() => {
    const b = buildNetwork("main_graph", createRandom(2));
    const x = b.relu(b.conv(b.input([1, 8, 8]), 4, { bias: true }));
    writeFileSync(at("net.safetensors"), encodeNetwork(b.finish([b.dense(x, 3)])));
    writeFileSync(
      at("a.bmp"),
      bmp(8, 8, (x, y) => (37 * x + 91 * y) % 256),
    );
    writeFileSync(at("names.txt"), "cat\ndog\nnewt\n");
    writeFileSync(at("few.json"), '["cat", "dog"]');
    writeFileSync(at("names.bin"), Uint8Array.of(1, 255, 254, 7));
  });

  test("a grey network takes --range and --mean without a word on channels, and the model carries its names", async () => {
    for (const values of [
      ["--range", 1],
      ["--mean", 0.5, "--std", 0.5],
      ["--range", 255, "--std", 255],
    ]) {
      await shiftwiseJson([...quantize, "--bits", 4, ...values, "--labels", at("names.txt"), "--name", "pets"]);
      const { name, labels } = decodeModel(new Uint8Array(readFileSync(at("model.safetensors"))));
      assert.deepEqual([name, labels], ["pets", ["cat", "dog", "newt"]]);
    }
    await assertFails([...quantize, ...fast, "--channels", "bgr"], "BAD_OPTION", /expected grey; found bgr/);
    await assertFails(
      [...quantize, "--mean", ".1,.2,.3"],
      "BAD_OPTION",
      /--mean|mean/,
      /expected 1 number; found 0.1, 0.2, 0.3/,
    );
  });

  test("inspect shows names and preprocessing", async () => {
    await shiftwiseJson([...quantize, ...fast, "--channels", "grey", "--labels", at("names.txt")]);
    const facts = await shiftwiseJson(["inspect", at("model.safetensors")]);
    assert.deepEqual(facts.labels, ["cat", "dog", "newt"]);
    assert.deepEqual(facts.inputs[0].normalization, { mean: [0], std: [1] });
    const { stdout } = await shiftwise(["inspect", at("model.safetensors")]);
    assert.match(stdout, /^labels {2}cat, dog, newt$/m);
    assert.match(stdout, /^pixels {2}\/ 255 with mean 0 and deviation 1$/m);
  });

  test("wrong names are refused in words", async () => {
    const wrong = (path) => [...quantize, ...fast, "--labels", path];
    await assertFails(wrong(at("few.json")), "BAD_DATA", /few\.json/, /3 names/, /background/, /found 2 names/);
    await assertFails(wrong(at("names.bin")), "BAD_FILE", /a text in UTF-8/);
    await assertFails(wrong(at("none.txt")), "IO", /none\.txt/);
    await assertFails(
      [...quantize, ...fast, "--name", "a\tb"],
      "BAD_OPTION",
      /--name: bad value; expected 1 to 200 printable/,
    );
  });
});
