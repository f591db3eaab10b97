// models.test.js: the models that rows have left in examples/models are what the results say: size, accuracy, golden hash.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openDataset } from "../../dist/data/index.js";
import { goldenHash } from "../../dist/format/index.js";
import { decodeModel, packModel } from "../../dist/model/index.js";
import { image, measure } from "../../dist/pipeline/index.js";
import { bytes, percent } from "../../dist/report/index.js";
import { Model } from "../../dist/runtime/index.js";
import { shared, skip } from "../onnx/shared.js";

const folder = new URL("../../examples/models/fashion/", import.meta.url);
const results = readFileSync(new URL("../../docs/results.md", import.meta.url), "utf8");
const rows = readdirSync(fileURLToPath(folder))
  .filter((name) => name.startsWith("fashion-"))
  .map((name) => basename(name, ".safetensors"));

/** Cells of a row's line of the results, its name left out. */
function cellsOf(row) {
  const line = results.split("\n").find((text) => text.startsWith(`| \`${row}\` `));
  assert.ok(line, row);
  return line.split("|").slice(2, -1);
}

const bytesOf = (row) => readFileSync(new URL(`${row}.safetensors`, folder));

test("the models of the rows have the sizes that the results state", () => {
  assert.deepEqual(rows.sort(), ["fashion-w2a8", "fashion-w3a8", "fashion-w4a8", "fashion-w5a8"]);
  for (const row of rows) {
    // the files are those of before models were packed
    const stated = bytes(packModel(decodeModel(bytesOf(row))).length);
    const cells = cellsOf(row).map((cell) => cell.trim());
    assert.ok(cells.includes(stated), `${row}: ${stated}`);
  }
});

test("on the test images they have the accuracy and the golden hash that the results state", { skip }, async () => {
  const { test: held } = await openDataset(shared("fashion-mnist"), { classes: 10 });
  for (const row of rows) {
    const model = await Model.load(bytesOf(row));
    const [{ name }] = model.outputs;
    const run = (pixels) => model.runSync(pixels)[name];
    const hash = goldenHash(...Array.from({ length: 64 }, (_, i) => run(image(held, i)).slice()));
    const { correct, total } = await measure({ run }, held);
    model.dispose();
    const cells = cellsOf(row).join("|");
    assert.ok(cells.includes(percent(correct / total)), `${row}: ${correct}`);
    assert.ok(cells.includes(hash), `${row}: ${hash}`);
  }
});
