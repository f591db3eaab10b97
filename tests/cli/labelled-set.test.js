// labelled-set.test.js: what quantize --data, compare and train say of a small set before they train.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
import { decodeModel } from "../../dist/model/index.js";
import { exportOnnx } from "../../dist/onnx/index.js";
import { bmp } from "../data/bmp.js";
import { build, floats, scalar } from "../onnx/build.js";
import { shiftwise, temporaryFolder } from "./helpers.js";

const NAMES = ["bar", "beam", "coin"];

describe("a labelled folder of 60 pictures", () => {
  const folder = temporaryFolder();
  const at = (...parts) => join(folder, ...parts);
  const data = at("shapes");
  const out = at("model.safetensors");
  const HELD_OUT = /^48 pictures to train on, 12 held out to test: every fifth of each class$/m;
  const NUMBERED = /^numbered the classes in the order of their names: 0 is bar, 1 is beam$/m;
  const DOUBTED =
    /^the float network has 33\.33 % of 60 pictures right: this is hardly better than guessing among 3 classes/m;

  before(() => {
    for (const [i, name] of NAMES.entries()) {
      mkdirSync(join(data, name), { recursive: true });
      for (let n = 0; n < 20; n++) {
        writeFileSync(
          join(data, name, `${n}.bmp`),
          bmp(12, 12, (x, y) => (i * 70 + 31 * n * x + 17 * (i + 1) * y) % 256),
        );
      }
    }
    const b = buildNetwork("cls", createRandom(2));
    const made = b.finish([b.dense(b.relu(b.conv(b.input([1, 12, 12], { mean: [0], std: [1] }), 4)), 3)]);
    // answers 0 to everything
    const nodes = made.nodes.map((node) =>
      node.op === "dense" ? { ...node, weight: { ...node.weight, data: node.weight.data.map(() => 0) } } : node,
    );
    const network = { ...made, nodes };
    writeFileSync(at("cls.safetensors"), encodeNetwork(network));
    writeFileSync(at("named.safetensors"), encodeNetwork({ ...network, labels: [...NAMES].reverse() }));
    writeFileSync(at("cls.onnx"), exportOnnx(bare(lower(network, { grids: null })), { form: "float32" }));
  });

  /** Without a word on pixels. */
  const bare = (def) => ({ ...def, inputs: def.inputs.map(({ normalization: _, ...input }) => input) });

  test("quantize says before it trains how many are held out, how classes are numbered, and what looks like guessing", async () => {
    const args = ["quantize", at("cls.onnx"), "--data", data, "--out", out, "--epochs", 0, "--portions", 1];
    const { status, stdout, stderr } = await shiftwise([...args, "--range", 1, "--threads", 1]);
    assert.equal(status, 0, stderr);
    for (const line of [HELD_OUT, NUMBERED, DOUBTED]) assert.match(stdout, line);
    assert.match(stdout, /^model: +\d/m);
    const named = await shiftwise(["quantize", at("named.safetensors"), ...args.slice(2), "--threads", 1]);
    assert.equal(named.status, 0, named.stderr);
    assert.match(named.stdout, HELD_OUT);
    assert.doesNotMatch(named.stdout, /numbered the classes/);
  });

  test("compare says the same, train how many are held out", async () => {
    const args = ["compare", "--net", at("cls.safetensors"), "--data", data, "--out", at("compare.html")];
    const compared = await shiftwise([...args, "--methods", "inq:5/8@0", "--threads", 1]);
    assert.equal(compared.status, 0, compared.stderr);
    for (const line of [HELD_OUT, NUMBERED, DOUBTED]) assert.match(compared.stdout, line);
    const small = ["--epochs", 1, "--width", 2, "--threads", 1];
    const trained = await shiftwise(["train", "--data", data, "--out", at("trained.safetensors"), ...small]);
    assert.equal(trained.status, 0, trained.stderr);
    assert.match(trained.stdout, HELD_OUT);
  });

  test("a --batch of more images than there are is refused before the work", async () => {
    for (const args of [
      ["quantize", at("cls.safetensors"), "--out", out],
      ["train", "--out", out],
      ["compare", "--net", at("cls.safetensors"), "--out", at("compare.html")],
    ]) {
      const { status, stderr } = await shiftwise([...args, "--data", data, "--batch", 49]);
      assert.equal(status, 1);
      assert.match(stderr, /^error BAD_OPTION: --batch: .*; expected 48 or fewer; found 49$/m);
      assert.doesNotMatch(stderr, /testing|training|calibrating/);
    }
  });

  test("a network whose own first nodes scale pixels takes them as they are", async () => {
    const nodes = [
      ["Div", "x all", "p"],
      ["Conv", "p w", "a"],
      ["GlobalAveragePool", "a", "g"],
      ["Flatten", "g", "y"],
    ];
    const constants = { all: scalar(255), w: floats([3, 1, 3, 3]) };
    writeFileSync(at("scales.onnx"), build({ nodes, constants, x: [1, 1, 12, 12] }));
    const common = ["--data", data, "--threads", 1];
    for (const args of [
      ["quantize", at("scales.onnx"), ...common, "--out", out, "--epochs", 1, "--portions", 1],
      ["compare", "--net", at("scales.onnx"), ...common, "--out", at("compare.html"), "--methods", "inq:5/8@0"],
    ]) {
      const { status, stdout, stderr } = await shiftwise(args);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^the network's own first nodes, up to "p", make 0\.\.1 of pixels 0\.\.255/m);
      assert.doesNotMatch(stdout, /assumed/);
    }
    const { normalization } = decodeModel(new Uint8Array(readFileSync(out))).inputs[0];
    assert.deepEqual(normalization, { mean: [0], std: [1 / 255] });
  });

  test("a network that says nothing of pixels names the options that do", async () => {
    const { stderr } = await shiftwise(["quantize", at("cls.onnx"), "--data", data, "--out", out]);
    assert.match(stderr, /cls\.onnx: nothing says how pixels become values; expected --range, or --mean and --std/);
  });
});
