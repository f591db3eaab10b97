// quantize-retrained.test.js: shiftwise quantize --data: recipes, what overrides them, pruning, networks without batch norm.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom } from "../../dist/base/index.js";
import { generate } from "../../dist/data/index.js";
import { buildNetwork, encodeNetwork } from "../../dist/graph/index.js";
import { decodeModel } from "../../dist/model/index.js";
import { freshNetwork } from "../../dist/pipeline/index.js";
import { bmp } from "../data/bmp.js";
import { assertEntries, assertFails, shiftwise, shiftwiseJson, temporaryFolder, writeIdxFolder } from "./helpers.js";

describe("quantize --data", () => {
  const folder = temporaryFolder();
  const other = temporaryFolder();
  const data = join(folder, "data");
  const float = join(folder, "float.safetensors");
  const out = join(folder, "model.safetensors");
  const common = [float, "--data", data, "--out", out, "--batch", 40, "--threads", 1];
  const modelAt = (path) => decodeModel(new Uint8Array(readFileSync(path)));
  const weightsOf = ({ layers }) => layers.flatMap(({ weights }) => weights ?? []);
  const { train } = generate({ seed: 3, train: 200, test: 60 });

  before(() => {
    mkdirSync(data);
    writeIdxFolder(data);
    writeFileSync(float, encodeNetwork(freshNetwork("demo", train, 1, 4)));
  });

  test("few bits get compensated rounding, a scale for every channel and the float network as teacher", async () => {
    const { portions } = await shiftwiseJson(["quantize", ...common, "--bits", 2]);
    assert.deepEqual(
      portions.map(({ portion }) => portion),
      [0.3, 0.6, 0.8, 0.95, 1],
    );
    const { notes } = modelAt(out);
    assert.match(
      notes.weights,
      /^INQ, 2 bits of two-term, .*, a scale for every channel, rounded with compensation on 200 images$/,
    );
    assert.match(
      notes.retraining,
      /^1 1 2 2 1 epochs a portion, rate 0\.02, .*, 100\.00 % of the loss from the float network$/,
    );
  });

  test("each part of a recipe can be told otherwise, each layer its bits, each portion its epochs", async () => {
    const plain = [
      "--scale",
      "layer",
      "--compensate",
      0,
      "--distill",
      0,
      "--anneal",
      "portion",
      "--batch-norm",
      "train",
    ];
    await assertFails(
      ["quantize", "--json", ...common, "--bits", 3, ...plain],
      "BAD_OPTION",
      /--scale: .*found layer, with --levels two-term/,
    );
    const order = [
      "--levels",
      "powers-paper",
      "--ranking",
      "global",
      "--portions",
      ".5,1",
      "--epochs",
      "0,1",
      "--layer",
      "conv1=5",
    ];
    const { portions } = await shiftwiseJson(["quantize", ...common, "--bits", 3, ...plain, ...order]);
    assert.equal(portions[0].trainingAccuracy, null);
    assert.equal(typeof portions[1].trainingAccuracy, "number");
    const model = modelAt(out);
    assert.doesNotMatch(`${model.notes.weights} ${model.notes.retraining}`, /channel|compensation|loss/);
    const [first, ...others] = weightsOf(model);
    assert.equal(first.bits, 5);
    for (const { bits } of others) assert.equal(bits, 3);
  });

  test("--report shows the answers on the test part, --val those on other pictures; folders are put in the network's order of classes", async () => {
    const b = buildNetwork("net", createRandom(2));
    const network = b.finish([b.dense(b.relu(b.conv(b.input([1, 8, 8], { mean: [0.4], std: [1] }), 8, {})), 3)]);
    writeFileSync(join(other, "small.safetensors"), encodeNetwork({ ...network, labels: ["newt", "cat", "dog"] }));
    for (const [i, name] of ["cat", "dog", "newt"].entries()) {
      mkdirSync(join(other, "set", name), { recursive: true });
      for (let n = 0; n < 6; n++) {
        const picture = bmp(8, 8, (column, row) => (i * 70 + 31 * n * column + 17 * (i + 1) * row) % 256);
        writeFileSync(join(other, "set", name, `${n}.bmp`), picture);
      }
    }
    const set = ["--data", join(other, "set"), "--batch", 5, "--threads", 1, "--epochs", 1];
    const options = ["--report", join(other, "report.html"), "--val", join(other, "set")];
    const result = await shiftwiseJson([
      "quantize",
      join(other, "small.safetensors"),
      ...set,
      "--out",
      out,
      ...options,
    ]);
    assert.equal(result.total, 3);
    assert.equal(result.val.total, 18);
    assert.deepEqual(modelAt(out).labels, ["newt", "cat", "dog"]);
    const page = readFileSync(join(other, "report.html"), "utf8");
    for (const part of [/retrained on/, /15 images of/, /On 18 labelled pictures/, /Portions of the weights/])
      assert.match(page, part);
    // the same answers as eval, which goes by names
    const { accuracy } = await shiftwiseJson(["eval", out, "--data", join(other, "set")]);
    assert.equal(accuracy, result.val.model);
    const again = await shiftwiseJson(["quantize", join(other, "small.safetensors"), ...set, "--out", out]);
    assert.deepEqual([again.val, again.accuracy], [undefined, result.accuracy]);
    await assertFails(
      [
        "quantize",
        "--json",
        join(other, "small.safetensors"),
        ...set,
        "--out",
        out,
        "--val",
        join(other, "set", "cat"),
      ],
      "BAD_DATA",
      /nothing to measure accuracy with.*pictures or arrays without labels/,
    );
  });

  test("pruned weights are zero; killed while pruning and while retraining, it resumes to the same file", async () => {
    const pruning = ["quantize", ...common, "--prune", 0.7, "--prune-epochs", 3, "--epochs", 3];
    const { pruned } = await shiftwiseJson(pruning);
    assert.ok(Math.abs(pruned - 0.7) < 1e-3, `${pruned}`);
    const whole = readFileSync(out);
    const codes = weightsOf(modelAt(out)).flatMap((weights) => [...weights.codes]);
    const zeros = codes.filter((code) => code === 0).length;
    assert.ok(zeros >= Math.floor(0.7 * codes.length), `${zeros} of ${codes.length}`);
    assert.match(modelAt(out).notes.weights, /, 70\.\d\d % of them pruned$/);

    const again = join(folder, "again.safetensors");
    const args = pruning.map((arg) => (arg === out ? again : arg));
    const killedAt = (checkpoint, more = []) =>
      shiftwise([...args, ...more], async (child) => {
        while (!existsSync(checkpoint) && child.exitCode === null) await sleep(2);
        child.kill("SIGKILL");
      });
    assert.equal((await killedAt(`${again}.checkpoint.pruning`)).signal, "SIGKILL");
    assert.ok(!existsSync(`${again}.checkpoint`));
    assert.equal((await killedAt(`${again}.checkpoint`, ["--resume"])).signal, "SIGKILL");
    await shiftwiseJson([...args, "--resume"]);
    assert.deepEqual(readFileSync(again), whole);
    assertEntries(folder, ["again.safetensors", "data", "float.safetensors", "model.safetensors"]);
  });

  test("a network without batch norm gets it for retraining, and says so", async () => {
    const b = buildNetwork("folded", createRandom(2));
    const x = b.relu(b.conv(b.input(train.shape), 4, { bias: true, stride: 2 }));
    const network = b.finish([b.dense(b.relu(b.conv(x, 8, { bias: true, stride: 2 })), train.classes)]);
    const { normalization } = train;
    const nodes = network.nodes.map((node) => (node.op === "input" ? { ...node, normalization } : node));
    const folded = join(folder, "folded.safetensors");
    writeFileSync(folded, encodeNetwork({ ...network, nodes }));
    const { stdout, status, stderr } = await shiftwise(["quantize", folded, ...common.slice(1), "--epochs", 1]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^warning: the network has no batch norm/m);
    assert.deepEqual(
      modelAt(out).layers.map(({ op }) => op),
      ["conv", "conv", "dense"],
    );
  });

  describe("what does not fit together is refused", () => {
    const cases = [
      [["--images", 5], /--images: .*expected --calibrate; found --data/],
      [["--two-term", "none"], /--two-term: /],
      [
        ["--levels", "apot", "--bits", 6],
        /--bits: .*expected 2 to 5 with --levels apot, or --levels two-term or .*; found 6/,
      ],
      [["--levels", "magic"], /--levels: .*expected powers or powers-paper or two-term or weq .*found magic/],
      [["--layer", "conv99=4"], /--layer: .*found conv99/],
      [["--layer", "conv1=6"], /--layer conv1: .*expected one of 2, 3, 4, 5; found 6/],
      [["--epochs", "1,2"], /epochs: .*expected 3 numbers; found 2/],
      [["--epochs", "1,x"], /--epochs: .*found x/],
      [["--compensate", 201], /compensate: .*found 201/],
      [["--distill", 1.5], /--distill: .*expected a share in 0\.\.1; found 1\.5/],
      [["--prune", 1], /--prune: .*expected a share from 0 to below 1; found 1/],
      [["--clip", 0], /--clip: .*found 0/],
      [["--batch-norm", "thawed"], /--batch-norm: .*expected train or frozen; found thawed/],
      [["--recipe", "secret"], /--recipe: .*expected tuned or paper; found secret/],
    ];
    for (const [more, pattern] of cases) {
      test(more.join(" "), () => assertFails(["quantize", "--json", ...common, ...more], "BAD_OPTION", pattern));
    }

    test("--calibrate with what only retraining takes", async () => {
      const args = ["quantize", float, "--calibrate", data, "--out", out, "--epochs", 1];
      await assertFails(args, "BAD_OPTION", /--epochs: .*expected --data; found --calibrate/);
    });
  });
});
