// eval.test.js: shiftwise eval on labelled pictures: models, float networks and ONNX, alone and against each other; wrong use.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { exportOnnx, importOnnx } from "../../dist/onnx/index.js";
import { bmp } from "../data/bmp.js";
import { build, floats } from "../onnx/build.js";
import { assertFails, shiftwise, shiftwiseJson, temporaryFolder } from "./helpers.js";

/** A grey network whose answer is the brightest of six rows of pixels. */
function rows(gain = 1) {
  const b = buildNetwork("rows", createRandom(2));
  const network = b.finish([b.dense(b.input([1, 6, 6], { mean: [0], std: [1] }), 6)], [..."abcdef"]);
  const [, dense] = network.nodes;
  const data = Float32Array.from({ length: 216 }, (_, i) =>
    Math.floor(i / 36) === Math.floor((i % 36) / 6) ? gain : 0,
  );
  return { ...network, nodes: [network.nodes[0], { ...dense, weight: { ...dense.weight, data } }] };
}

describe("eval --data", () => {
  const folder = temporaryFolder();
  const at = (...parts) => join(folder, ...parts);
  const pictures = at("pictures");

  before(() => {
    const network = rows();
    writeFileSync(at("net.safetensors"), encodeNetwork(network));
    writeFileSync(at("model.safetensors"), encodeModel(lower(network, { grids: null })));
    writeFileSync(
      at("net.onnx"),
      exportOnnx(lower({ ...network, labels: undefined }, { grids: null }), { form: "float32" }),
    );
    writeFileSync(at("flat.safetensors"), encodeNetwork(rows(0)));
    for (const [i, name] of [..."abcdef"].entries()) {
      mkdirSync(at("pictures", name), { recursive: true });
      // rows of a BMP stand from the bottom up
      for (const seed of [1, 2])
        writeFileSync(
          at("pictures", name, `${seed}.bmp`),
          bmp(6, 6, (_, y) => (y === i ? 200 : seed)),
        );
    }
    writeFileSync(
      at("wrong.csv"),
      [..."abcdef"].map((name, i) => `pictures/${name}/1.bmp,${i === 0 ? 1 : i}`).join("\n"),
    );
    writeFileSync(at("one.csv"), [..."abcdef"].map((name, i) => `pictures/${name}/1.bmp,${(i + 1) % 6}`).join("\n"));
  });

  test("sizes that the float network's file leaves open are those of the model", async () => {
    const nodes = [["Conv", "x w", "y", { strides: [2, 2] }]];
    const file = build({ x: ["n", 1, "h", "w"], nodes, constants: { w: floats([4, 1, 3, 3]) } });
    writeFileSync(at("open.onnx"), file);
    const network = importOnnx(file, { inputShape: [1, 12, 14], normalization: { mean: [0], std: [1] } });
    writeFileSync(at("open.safetensors"), encodeModel(lower(network, { grids: null })));
    for (const args of [
      ["eval", at("open.safetensors"), "--against", at("open.onnx")],
      ["diff", at("open.onnx"), at("open.safetensors")],
    ]) {
      const { stdout, stderr } = await shiftwise([...args, "--calibrate", pictures, "--json"]);
      assert.notEqual(stdout, "", stderr);
      assert.deepEqual(
        JSON.parse(stdout).outputs.map(({ name }) => name),
        ["y"],
      );
    }
  });

  test("a model, a float network and an ONNX file answer alike", async () => {
    for (const file of ["model.safetensors", "net.safetensors", "net.onnx"]) {
      const found = await shiftwiseJson(["eval", at(file), "--data", pictures, "--range", 1]);
      assert.deepEqual([found.accuracy, found.correct, found.total, found.top5], [100, 12, 12, null], file);
      assert.deepEqual(found.classNames, [..."abcdef"]);
      assert.deepEqual(found.worst, []);
    }
  });

  test("says which classes are confused, and what is off by one", async () => {
    const { worst, correct } = await shiftwiseJson(["eval", at("model.safetensors"), "--data", at("wrong.csv")]);
    assert.equal(correct, 5);
    assert.deepEqual(worst, [{ class: 1, images: 2, correct: 1, takenFor: 0, times: 1 }]);
    const { stdout } = await shiftwise(["eval", at("model.safetensors"), "--data", at("wrong.csv")]);
    assert.match(stdout, /83\.33 % of 6 images correct \(5\), [\d.]+ ms an image/);
    assert.match(stdout, /│ b +│ +2 │ +50\.00 % │ a \(1\) /);
    const shifted = await shiftwise(["eval", at("model.safetensors"), "--data", at("one.csv")]);
    assert.match(shifted.stdout, /most answers are the number of the right class minus 1: the labels may count from 1/);
  });

  test("against a float network: both accuracies, dB and the answers that changed", async () => {
    const args = ["eval", at("flat.safetensors"), "--data", pictures, "--against", at("net.safetensors")];
    const found = await shiftwiseJson(args);
    assert.deepEqual([found.float.accuracy, found.changes], [100, 10]);
    assert.ok(Math.abs(found.accuracy - 100 / 6) < 1e-9);
    assert.deepEqual(found.changed[0], { name: join("b", "1.bmp"), label: 1, answers: [1, 0] });
    assert.ok(found.outputs[0].agreement < 0.2);
    const { stdout } = await shiftwise(args);
    assert.match(stdout, /10 of 12 answers changed/);
  });

  test("wrong use is told in words", async () => {
    const model = at("model.safetensors");
    await assertFails(
      ["eval", model, "--data", at("pictures", "a")],
      "BAD_DATA",
      /no labels; expected pictures in a folder/,
    );
    await assertFails(["eval", model, "--data", at("none.csv")], "BAD_DATA", /none\.csv: .*found no folder or file/);
    await assertFails(["eval", model], "BAD_OPTION", /what to measure/);
    mkdirSync(at("two", "x"), { recursive: true });
    mkdirSync(at("two", "y"), { recursive: true });
    for (const name of "xy")
      writeFileSync(
        at("two", name, "a.bmp"),
        bmp(6, 6, () => 1),
      );
    await assertFails(
      ["eval", model, "--data", at("two")],
      "BAD_DATA",
      /names of the model, such as a, b, c/,
      /found x, y/,
    );
  });
});
