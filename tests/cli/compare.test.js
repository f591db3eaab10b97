// compare.test.js: methods side by side on a small data set: rows, page, models kept and taken up again, refusals.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { METHODS, parseMethod } from "../../dist/cli/methods.js";
import { openDataset } from "../../dist/data/index.js";
import { encodeNetwork } from "../../dist/graph/index.js";
import { decodeModel } from "../../dist/model/index.js";
import { freshNetwork } from "../../dist/pipeline/index.js";
import { portionsWithin } from "../../dist/pipeline/methods.js";
import { assertEntries, assertFails, shiftwiseJson, temporaryFolder, writeIdxFolder } from "./helpers.js";

describe("compare", () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const net = join(folder, "float.safetensors");
  const models = join(folder, "models");
  const out = join(folder, "compare.html");
  const common = ["compare", "--data", data, "--net", net, "--threads", 1, "--batch", 40, "--out", out];
  const byHand = "inq:5-4-3-3-3-3-3-3-3-4/8";
  const list = `${byHand},inq:3/8@0,weq:auto3.5/8@0,weq:2/weq4,bwn:1/1,deepcompression:4/8,ttq:2/4`;
  let result;

  before(async () => {
    mkdirSync(data);
    mkdirSync(models);
    writeIdxFolder(data);
    const { train } = await openDataset(data, { classes: 10 });
    writeFileSync(net, encodeNetwork(freshNetwork("demo", train, 1, 4)));
    result = await shiftwiseJson([...common, "--epochs", 1, "--methods", list, "--models", models]);
  });

  test("one row a method after float32, with the fields promised", () => {
    assert.equal(result.network, "demo");
    assert.deepEqual(
      result.rows.map(({ method }) => method),
      ["float32", ...list.split(",")],
    );
    for (const row of result.rows) {
      for (const field of ["weightBits", "activationBits", "accuracy", "delta", "bytes", "msPerImage"]) {
        assert.equal(typeof row[field], "number", field);
      }
      assert.ok(Math.abs(row.delta - (row.accuracy - result.rows[0].accuracy)) < 1e-9);
      assert.ok(row.bytes > 0 && row.bytes <= result.rows[0].bytes);
      assert.equal("huffmanBytes" in row, row.method.startsWith("deepcompression"));
    }
    const [, given, , auto, , xnor] = result.rows;
    const { layers } = decodeModel(new Uint8Array(readFileSync(join(models, "inq_5-4-3-3-3-3-3-3-3-4_8.safetensors"))));
    const bits = layers.flatMap(({ weights }) => (weights ? [weights.bits] : []));
    assert.deepEqual(bits, [5, 4, 3, 3, 3, 3, 3, 3, 3, 4]);
    assert.ok(given.weightBits > 3 && given.weightBits < 3.5);
    assert.ok(auto.weightBits <= 3.5 && auto.weightBits >= 1);
    assert.deepEqual([xnor.weightBits, xnor.activationBits], [1, 1]);
  });

  test("the page carries its charts and every method, and asks nothing of a network", () => {
    const page = readFileSync(out, "utf8");
    for (const name of list.split(",")) assert.ok(page.includes(name), name);
    assert.match(page, /<svg [^>]*aria-label="Accuracy against time"/);
    assert.doesNotMatch(page, /<script src|<link|@import/);
  });

  test("models are whole files, and --resume takes them instead of making them", async () => {
    const names = list.split(",").map((name) => `${name.replaceAll(/[:/@]/g, "_")}.safetensors`);
    assertEntries(models, names);
    for (const name of names) decodeModel(new Uint8Array(readFileSync(join(models, name))));
    const again = await shiftwiseJson([...common, "--epochs", 9999, "--methods", list, "--models", models, "--resume"]);
    const figures = (rows) => rows.map(({ msPerImage, ...row }) => row);
    assert.deepEqual(figures(again.rows), figures(result.rows));
  });

  test("what is wrong is told before anything runs", async () => {
    const fails = (args, ...patterns) => assertFails([...common, ...args], "BAD_OPTION", ...patterns);
    await fails(["--methods", "magic:3/8"], /magic:3\/8/, /weq/);
    await fails(["--methods", "bwn:2/8"], /bwn:2\/8/);
    await fails(["--methods", "inq-magic:3/8"], /inq-magic:3\/8/);
    await fails(["--methods", "weq:3"], /weq:3/);
    await fails(["--methods", "weq:3-3/8"], /weq:3-3\/8/, /10: conv1/);
    await fails(["--methods", "inq:3-1/8"], /inq:3-1\/8/);
  });
});

test("INQ is the retraining in portions of powers, or of any other quantizer by its name", () => {
  const of = (text) => {
    const { quantizer, retraining } = parseMethod(text);
    return [quantizer.name, retraining];
  };
  assert.deepEqual(of("inq:3/8"), ["powers-paper", "portions"]);
  assert.deepEqual(of("inq-log-2:auto3/8"), ["log-2", "portions"]);
  assert.deepEqual(of("powers:3/8"), ["powers", "straight-through"]);
});

test("the default methods are all known", () => {
  for (const name of METHODS) assert.equal(parseMethod(name).name, name);
});

test("INQ's portions have as many epochs as the other methods", () => {
  const paper = [0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1];
  assert.deepEqual(portionsWithin(paper, 2), { portions: [0.7, 0.95, 1], epochs: [1, 1, 0] });
  assert.deepEqual(portionsWithin(paper, 7), { portions: paper, epochs: [1, 1, 1, 1, 1, 1, 1, 0] });
  assert.deepEqual(portionsWithin([0.5, 0.75, 0.875, 1], 8), {
    portions: [0.5, 0.75, 0.875, 1],
    epochs: [3, 3, 2, 0],
  });
});
