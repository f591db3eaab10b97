// quantize-ready.test.js: shiftwise quantize of a network that is quantized already, without images.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { decodeModel } from "../../dist/model/index.js";
import { build, bytes, floats, scalar } from "../onnx/build.js";
import { assertFails, shiftwise, shiftwiseJson, temporaryFolder } from "./helpers.js";

const nodes = [
  ["QuantizeLinear", "x s z", "q"],
  ["DequantizeLinear", "q s z", "d"],
  ["Conv", "d w", "y"],
];
const constants = { s: scalar(0.03), z: bytes([], [100], 2) };
const ternary = Array.from({ length: 12 }, (_, i) => Math.fround(0.07 * ((i % 3) - 1)));

describe("quantize without images", () => {
  const folder = temporaryFolder();
  const [ready, open] = ["ready.onnx", "open.onnx"].map((name) => join(folder, name));
  const out = join(folder, "model.safetensors");
  writeFileSync(ready, build({ nodes, constants: { ...constants, w: floats([3, 4, 1, 1], ternary) } }));
  writeFileSync(open, build({ nodes, constants: { ...constants, w: floats([3, 4, 1, 1]) } }));

  test("writes the model of the file's own weights, and says which layers came ready", async () => {
    const result = await shiftwiseJson(["quantize", ready, "--out", out]);
    assert.deepEqual(result.ready, [{ name: "y", weights: 12, bits: 2 }]);
    const [layer] = decodeModel(readFileSync(out)).layers.filter(({ op }) => op === "conv");
    assert.deepEqual([...layer.weights.codes], ternary.map(Math.sign));
    const { stdout } = await shiftwise(["quantize", ready, "--out", out]);
    assert.match(stdout, /1 layer came ready, the weights stay as they are: y \(2 bits\)/);
  });

  test("an exported model comes back, to the bit", async () => {
    const [exported, back] = ["exported.onnx", "back.safetensors"].map((name) => join(folder, name));
    await shiftwiseJson(["export", out, "--onnx", exported, "--form", "qdq"]);
    const { stdout } = await shiftwise(["quantize", exported, "--out", back]);
    assert.match(stdout, /the model that .*exported\.onnx was exported from/);
    assert.deepEqual(readFileSync(back), readFileSync(out));
  });

  test("asks for images where weights are on no grid, and where options need some", async () => {
    const other = join(folder, "other.safetensors");
    await assertFails(
      ["quantize", open, "--out", other],
      "BAD_OPTION",
      /--calibrate/,
      /neither, and weights that are on no grid in y/,
    );
    await assertFails(["quantize", ready, "--out", other, "--minutes", 1], "BAD_OPTION", /--calibrate/, /neither/);
    await assertFails(["quantize", ready, "--out", other, "--bits", 4], "BAD_OPTION", /--bits/, /neither/);
    assert.ok(!existsSync(other));
  });
});
