// quantize-calibrated.test.js: shiftwise quantize --calibrate: a network file and an ONNX file, without labels.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, encodeNetwork } from "../../dist/graph/index.js";
import { decodeModel } from "../../dist/model/index.js";
import { build } from "../onnx/build.js";
import { assertEntries, assertFails, shiftwise, shiftwiseJson, temporaryFolder } from "./helpers.js";

const SHARED = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

/** An .npy file of (count, 1, 12, 12) bytes. */
function npy(count) {
  const random = createRandom(1);
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${count}, 1, 12, 12), }`.padEnd(117);
  const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
  const pixels = Uint8Array.from({ length: 144 * count }, () => random.below(256));
  return Buffer.concat([head, Buffer.from(`${header}\n`), pixels]);
}

function network() {
  const b = buildNetwork("small", createRandom(2));
  const x = b.relu(b.conv(b.input([1, 12, 12]), 8, { bias: true }));
  const y = b.relu(b.conv(x, 8, { groups: 8, bias: true, stride: 2 }));
  return b.finish([b.dense(b.relu(b.batchNorm(b.conv(y, 16))), 5)]);
}

describe("quantize --calibrate", () => {
  const folder = temporaryFolder();
  const path = join(folder, "float.safetensors");
  const images = join(folder, "images.npy");
  const out = join(folder, "model.safetensors");
  const common = [path, "--calibrate", images, "--range", 1, "--out", out];

  before(() => {
    writeFileSync(path, encodeNetwork(network()));
    writeFileSync(images, npy(24));
  });

  describe("options that would have no effect, or that nothing could follow, before samples are read", () => {
    const refused = [
      [["--levels", "bwn", "--budget", 3], /levels without bits to choose from; .*found bwn, of 1/],
      [["--levels", "ttq", "--budget", 3], /levels without bits to choose from; .*found ttq, of 2/],
      [["--levels", "twn", "--budget", 3], /levels without bits to choose from; .*found twn, of 2/],
      [["--bits", 6, "--budget", 3], /--bits: option without effect; .*found --budget/],
      [["--two-term", 6, "--budget", 3], /--two-term: option without effect; .*found --budget/],
      [["--lr", 0.1], /--lr: option without effect; .*found no --minutes/],
      [["--portions", "0.5,1"], /--portions: option without effect; .*found no --minutes/],
      [["--batch", 4], /--batch: option without effect; .*found no --minutes/],
      [["--augment", "none", "--minutes", 0], /--augment: option without effect; .*found no --minutes/],
      [["--layer", "conv1=3", "--layer", "conv1=4"], /--layer: .*expected conv1 once; found conv1=3 and conv1=4/],
      [["--layer", "nope=3"], /bits for a layer that has no weights; .*found nope/],
      [["--zeros", -0.1], /--zeros: .*a share in 0\.\.0\.99; found -0\.1/],
      [["--zeros", 1], /--zeros: .*a share in 0\.\.0\.99; found 1/],
      [["--zeros", 0.5, "--price", 1], /zeros: a share of zeros has its own price/],
      [["--zeros", 0.5, "--budget", 3], /zeros: a share of zeros has its own price/],
    ];
    for (const [options, pattern] of refused) {
      test(options.join(" "), async () => {
        const args = ["quantize", path, "--calibrate", join(folder, "no such samples"), "--out", out, ...options];
        await assertFails(args, "BAD_OPTION", pattern);
      });
    }
  });

  test("writes a model, and says layer by layer what was lost", async () => {
    const result = await shiftwiseJson(["quantize", ...common, "--bits", 4]);
    assert.deepEqual(
      result.layers.map(({ name, bits }) => [name, bits]),
      [
        ["conv1", 6],
        ["conv2", 6],
        ["conv3", 4],
        ["dense1", 4],
      ],
    );
    for (const { ownSnr, outputSnr, weightSnr, more, bits, weights } of result.layers) {
      for (const snr of [ownSnr, outputSnr, weightSnr]) assert.ok(snr > 0 && snr < 100);
      if (bits < 6) assert.deepEqual({ ...more, gain: 0 }, { bits: bits + 1, bytes: Math.ceil(weights / 8), gain: 0 });
      else assert.equal(more, null);
    }
    const weights = result.layers.reduce((sum, layer) => sum + layer.weights, 0);
    const bits = result.layers.reduce((sum, layer) => sum + layer.weights * layer.bits, 0);
    assert.ok(Math.abs(result.averageBits - bits / weights) < 1e-9);
    assert.equal(result.images, 24);
    assert.equal(result.bytes, readFileSync(out).length);
    const model = decodeModel(new Uint8Array(readFileSync(out)));
    assert.deepEqual(model.inputs[0].normalization, { mean: [0], std: [1] });
    assert.deepEqual(
      model.layers.map(({ weights: w }) => w?.kind),
      ["codebook", "codebook", "codebook", "codebook"],
    );
    assertEntries(folder, ["float.safetensors", "images.npy", "model.safetensors"]);
  });

  test("takes ONNX files as they are: remarks, chosen outputs, and all problems in one message", async () => {
    const file = (name) => fileURLToPath(new URL(`../onnx/cases/${name}.onnx`, import.meta.url));
    const data = join(folder, "floats.npy");
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 1, 28, 28), }".padEnd(117);
    const values = Float32Array.from({ length: 8 * 784 }, (_, i) => Math.sin(i * 12.9898));
    const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
    writeFileSync(data, Buffer.concat([head, Buffer.from(`${header}\n`), Buffer.from(values.buffer)]));
    const given = ["--calibrate", data, "--out", out];
    const warned = await shiftwise(["quantize", file("bn_neg_var"), ...given]);
    assert.equal(warned.status, 0, warned.stderr);
    assert.match(warned.stdout, /^warning: .*bn_neg_var\.onnx: node .*a variance of .*below zero/m);
    const noted = await shiftwise(["quantize", file("unused_int64_input"), ...given, "--verbose"]);
    assert.match(noted.stdout, /^note: .*input sizes: nothing reads it/m);
    await shiftwiseJson(["quantize", file("tiny_softmax"), ...given]);
    const ended = decodeModel(new Uint8Array(readFileSync(out)));
    assert.equal(ended.layers.at(-1).op, "softmax");
    assert.deepEqual(ended.outputs, [{ name: "output", tensor: "output" }]);
    await shiftwiseJson(["quantize", file("tiny_softmax"), ...given, "--outputs", "/f/Gemm_output_0"]);
    const cut = decodeModel(new Uint8Array(readFileSync(out)));
    assert.ok(cut.layers.every(({ op }) => op !== "softmax"));
    assert.equal(cut.outputs[0].name, "/f/Gemm_output_0");
    rmSync(data);
    const nodes = [
      ["Relu", "x", "a"],
      ["Det", "a", "b"],
      ["NonMaxSuppression", "a b", "y"],
    ];
    const unsupported = join(folder, "unsupported.onnx");
    writeFileSync(unsupported, build({ nodes }));
    const problems = /2 problems.*Det_1: Det.*NonMaxSuppression_2.*with outputs? a/s;
    await assertFails(["quantize", unsupported, ...given], "UNSUPPORTED", problems);
    rmSync(unsupported);
  });

  test("deals out bits, and keeps those of layers that were given some", async () => {
    const result = await shiftwiseJson(["quantize", ...common, "--budget", 3.5, "--layer", "conv3=5", "--images", 16]);
    assert.ok(result.averageBits <= 3.5);
    assert.equal(result.layers[2].bits, 5);
    assert.equal(result.images, 16);
  });

  test("takes sums of two powers for all layers", async () => {
    const told = [...common, "--levels", "two-term"];
    const { layers } = await shiftwiseJson(["quantize", ...told, "--bits", 4]);
    assert.deepEqual(
      layers.map(({ bits }) => bits),
      [6, 6, 4, 4],
    );
    for (const { weights } of decodeModel(new Uint8Array(readFileSync(out))).layers) {
      if (weights) assert.ok(weights.books.tables.length > 1);
    }
    const inspected = await shiftwiseJson(["inspect", out]);
    const weighted = inspected.layers.filter(({ kind }) => kind !== null);
    assert.deepEqual(
      weighted.map(({ bits }) => bits),
      [6, 6, 4, 4],
    );
    for (const { tables, histogram } of weighted) {
      assert.ok(tables > 1);
      assert.ok(Object.keys(histogram).includes("0"));
    }
    assert.doesNotMatch((await shiftwise(["inspect", out])).stdout, /codebooks/);
    const { stdout } = await shiftwise(["inspect", out, "--verbose"]);
    assert.match(stdout, /codebooks, \|level\| +│ +levels │ +tables │ +range/);
    assert.match(stdout, new RegExp(`conv3 +│ +\\d+ │ +${weighted[2].tables} │`));
    await assertFails(["quantize", ...told, "--bits", 7], "BAD_OPTION", /--bits/, /2 to 6 with --levels two-term/);
  });

  test("eval compares every output with the float network's", async () => {
    await shiftwiseJson(["quantize", ...common]);
    const given = ["--against", path, "--calibrate", images, "--range", 1];
    const wasm = await shiftwiseJson(["eval", out, ...given, "--images", 6]);
    const reference = await shiftwiseJson(["eval", out, ...given, "--images", 6, "--executor", "reference"]);
    assert.deepEqual(wasm.outputs, reference.outputs);
    assert.equal(wasm.samples, 6);
    assert.ok(wasm.outputs[0].snr > 10 && wasm.outputs[0].agreement > 0.5);
    const { stdout } = await shiftwise(["eval", out, ...given]);
    assert.match(stdout, /│ output +│ signal to noise │ verdict +│ +equal answers │/);
    assert.match(stdout, /\(\d+ of 24\) │/);
    await assertFails(["eval", out, "--against", path], "BAD_OPTION", /--data, labelled images, or --against/);
    await assertFails(
      ["eval", out, "--data", "generated", ...given],
      "BAD_OPTION",
      /found --data --against --calibrate/,
    );
    const other = fileURLToPath(new URL("../onnx/cases/tiny_softmax.onnx", import.meta.url));
    await assertFails(["eval", out, "--against", other, "--calibrate", images], "BAD_DATA");
  });

  test("lets the float network teach", async () => {
    const result = await shiftwiseJson([
      "quantize",
      ...common,
      "--minutes",
      0.01,
      "--bits",
      3,
      "--threads",
      1,
      "--batch",
      8,
      "--portions",
      ".6,1",
    ]);
    const { epochs, heldOut, before: rounded, after } = result.distillation;
    assert.equal(epochs.length, 2);
    assert.ok(epochs.every((count) => count >= 1));
    assert.equal(heldOut, 6);
    assert.ok(after.kl <= rounded.kl);
    assert.match(decodeModel(new Uint8Array(readFileSync(out))).notes.distillation, /epochs a portion/);
  });

  test("defaults that are given change nothing", async () => {
    const more = "--minutes 0 --images 512 --seed 1 --threads 2";
    for (const [few, all] of [
      ["", "--goal lossless --loss 24"],
      ["--bits 4", "--bits 4 --two-term 6 --levels two-term --price 0 --zeros 0"],
    ]) {
      await shiftwiseJson(["quantize", ...common, ...few.split(" ").filter(Boolean)]);
      const expected = readFileSync(out);
      await shiftwiseJson(["quantize", ...common, ...`${all} ${more}`.split(" ")]);
      assert.deepEqual(readFileSync(out), expected);
    }
  });

  test("reaches for a goal, and shows what it was chosen from", async () => {
    const { status, stdout } = await shiftwise(["quantize", ...common, "--loss", 15]);
    assert.equal(status, 0);
    assert.match(stdout, /what this model was chosen from/);
    assert.match(stdout, /│ this model +│/);
    const { goal, points, missed, bytes } = await shiftwiseJson(["quantize", ...common, "--size", "10KB"]);
    assert.deepEqual(goal, { kind: "small", bytes: 10_000 });
    assert.equal(points.filter(({ chosen }) => chosen).length, 1);
    assert.equal(points.find(({ chosen }) => chosen).bytes, bytes);
    if (missed === null) assert.ok(bytes <= 10_000);
    const fast = await shiftwiseJson(["quantize", ...common, "--time", ".8"]);
    assert.deepEqual(fast.goal, { kind: "fast", time: 0.8 });
    const shown = await shiftwise(["quantize", ...common, "--time", 0.8]);
    assert.match(shown.stdout, /^the lossless model takes [\d.]+ \S+, and 0.8 of that is [\d.]+ \S+, all predicted$/m);
    if (fast.missed === null) {
      assert.ok(fast.points.find(({ chosen }) => chosen).milliseconds <= 0.8 * fast.losslessTime * 1.000001);
    }
    const none = await shiftwise(["quantize", ...common, "--size", 1]);
    assert.match(none.stdout, /the goal is out of reach: no model that was tried is as small/);
    assert.match(none.stdout, /the smallest file of those tried has \d+ bytes/);
    assert.doesNotMatch(none.stdout, /the goal was reached/);
  });

  test("calls no share of equal answers reached that few answers cannot show", async () => {
    const { status, stdout, stderr } = await shiftwise(["quantize", ...common, "--loss", "50%"]);
    assert.equal(status, 0);
    assert.match(stdout + stderr, /answers of the samples held out cannot tell 50 % from all, .*\. Give 400 samples/);
    assert.doesNotMatch(stdout, /the goal was reached/);
    if (!/out of reach/.test(stdout))
      assert.match(stdout, /nothing says that the goal is reached: \d answers held out/);
  });

  test("refuses two goals, a goal without its measure, and a goal beside options by hand", async () => {
    for (const [args, where] of [
      [["--goal", "fast"], "--time"],
      [["--goal", "small"], "--size"],
      [["--goal", "fast", "--time", 0.8, "--size", "1KB"], "--size"],
      [["--goal", "lossless", "--time", 0.8], "--time"],
      [["--loss", 20, "--bits", 4], "--bits"],
      [["--goal", "lossless", "--budget", 4], "--budget"],
      [["--size", "many"], "--size"],
      [["--loss", "101%"], "--loss"],
      [["--loss", "0.98"], "--loss"],
      [["--loss", 20, "--size", "1KB"], "--size"],
      [["--time", "75KB"], "--time"],
      [["--goal", "best"], "--goal"],
    ]) {
      const { status, stderr } = await shiftwise(["quantize", ...common, ...args]);
      assert.equal(status, 1, args.join(" "));
      assert.match(stderr, new RegExp(`^error BAD_OPTION: ${where}: `, "m"), args.join(" "));
    }
  });

  test("shows a table to people", async () => {
    const { status, stdout } = await shiftwise(["quantize", ...common, "--two-term", "none"]);
    assert.equal(status, 0);
    assert.match(stdout, /loses most/);
    assert.match(stdout, /4\.00 bits a weight on average/);
  });

  test("says what it cannot measure in words, and in JSON as null", async () => {
    const still = join(folder, "still.npy");
    const head = npy(4).subarray(0, 128);
    writeFileSync(still, Buffer.concat([head, Buffer.alloc(4 * 144, 7)]));
    const args = ["quantize", path, "--calibrate", still, "--range", 1, "--out", out, "--two-term", "none"];
    const { stdout } = await shiftwise(args);
    assert.doesNotMatch(stdout, /NaN|Infinity/);
    assert.match(stdout, /│ +— │/);
    assert.match(stdout, /^—: the output does not vary in the float network, so there is no signal$/m);
    assert.match(stdout, /^warning: the inputs of "conv1".* do not vary over the samples/m);
    assert.match(stdout, /^outputs .*, on the 4 samples that calibrated it:$/m);
    assert.match(stdout, /│ not judged │/);
    assert.match(stdout, /^not judged: output "dense1" does not differ from sample to sample here/m);
    assert.doesNotMatch(stdout, /flatter/);
    const { layers } = await shiftwiseJson(args);
    assert.equal(layers.at(-1).outputSnr, null);
    const taught = await shiftwise([...args, "--minutes", 0.005, "--threads", 1]);
    assert.match(taught.stdout, /^distance from the float network on the 4 samples that calibrated it/m);
    assert.doesNotMatch(taught.stdout, /held out:/);
    rmSync(still);
  });

  test("does not call a goal reached that nothing can judge", async () => {
    const still = join(folder, "still.npy");
    for (const [pixels, unjudged, text] of [
      [Buffer.alloc(12 * 144, 7), "equal samples", /^warning: the 12 samples are equal/m],
      [npy(1).subarray(128), "one sample", /^warning: one sample cannot tell/m],
    ]) {
      writeFileSync(still, Buffer.concat([npy(pixels.length / 144).subarray(0, 128), pixels]));
      const args = ["quantize", path, "--calibrate", still, "--range", 1, "--out", out];
      for (const goal of [[], ["--size", "20KB"]]) {
        const { status, stdout } = await shiftwise([...args, ...goal]);
        assert.equal(status, 0);
        assert.equal([...stdout.matchAll(/^warning: /gm)].length, 1, stdout);
        assert.match(stdout, text);
        assert.match(stdout, /^nothing could judge the goal: see the warning above$/m);
        assert.doesNotMatch(stdout, /goal was reached|close|held out, so|flatter|so few samples/);
      }
      const result = await shiftwiseJson(args);
      assert.equal(result.unjudged, unjudged);
      assert.equal(result.quality.outputs[0].differs, false);
    }
    rmSync(still);
    assert.equal((await shiftwiseJson(["quantize", ...common])).unjudged, null);
  });

  test("says how many samples figures want, once", async () => {
    const few = join(folder, "few.npy");
    writeFileSync(few, npy(5));
    const args = ["quantize", path, "--calibrate", few, "--range", 1, "--out", out];
    for (const [options, text] of [
      [
        ["--bits", 4],
        /^figures on the samples that calibrated flatter the model: give 32 or more, of which 8 or more/m,
      ],
      [[], /^so few samples do not tell much: give 32 or more, of which 8 or more are held out$/m],
    ]) {
      const { stdout } = await shiftwise([...args, ...options]);
      assert.match(stdout, text);
      assert.equal(stdout.match(/give 32 or more/g).length, 1);
    }
    rmSync(few);
  });

  test("calls a file that is larger so, and names outputs that end in a softmax", async () => {
    const b = buildNetwork("tiny", createRandom(5));
    const tiny = join(folder, "tiny.safetensors");
    writeFileSync(tiny, encodeNetwork(b.finish([b.softmax(b.dense(b.globalAvgPool(b.input([1, 12, 12])), 3))])));
    const args = ["quantize", tiny, "--calibrate", images, "--range", 1, "--out", out, "--bits", 4];
    const { stdout } = await shiftwise(args);
    assert.match(stdout, /│ model +│ +\d+ B │ .*\d\.\d+x larger, /);
    assert.doesNotMatch(stdout, /smaller/);
    assert.match(stdout, /^output "softmax1" ends in the network's own softmax, which the model keeps/m);
    assert.deepEqual((await shiftwiseJson(args)).softmax, ["softmax1"]);
    const plain = await shiftwise(["quantize", ...common, "--bits", 4]);
    assert.match(plain.stdout, /x smaller, /);
    assert.doesNotMatch(plain.stdout, /softmax/);
    rmSync(tiny);
  });

  test("lists the layers that lose most, and all on demand", async () => {
    const b = buildNetwork("deep", createRandom(3));
    let x = b.input([1, 12, 12]);
    for (let i = 0; i < 13; i++) x = b.relu(b.batchNorm(b.conv(x, 4)));
    const deep = join(folder, "deep.safetensors");
    writeFileSync(deep, encodeNetwork(b.finish([b.dense(x, 3)])));
    const args = ["quantize", deep, "--calibrate", images, "--range", 1, "--out", out];
    const rowsOf = (text) => [...text.split("└")[0].matchAll(/^│ ((?:conv|dense)\d+)/gm)].map(([, name]) => name);
    const { stdout } = await shiftwise(args);
    assert.match(stdout, /^2 layers that lose less not shown: --verbose lists all, and --json$/m);
    const { layers } = await shiftwiseJson(args);
    const most = layers.toSorted((a, b) => a.ownSnr - b.ownSnr).slice(0, 12);
    assert.deepEqual(
      rowsOf(stdout),
      layers.filter((layer) => most.includes(layer)).map(({ name }) => name),
    );
    assert.equal(rowsOf((await shiftwise([...args, "--verbose"])).stdout).length, 14);
    rmSync(deep);
  });

  test("takes pixels the usual way where nothing says how, and tells", async () => {
    const { stdout, stderr, status } = await shiftwise([
      "quantize",
      ...common.filter((x) => x !== "--range" && x !== 1),
      "--json",
    ]);
    assert.equal(status, 0);
    const { assumedPreprocessing } = JSON.parse(stdout);
    assert.equal(assumedPreprocessing.mean.length, assumedPreprocessing.std.length);
    assert.match(stderr, /assumed, since the file does not say it/);
  });

  test("takes vectors as naturally as pictures, from an archive by the array's name", async () => {
    const b = buildNetwork("vectors", createRandom(3));
    const vectors = join(folder, "vectors.safetensors");
    writeFileSync(vectors, encodeNetwork(b.finish([b.dense(b.relu(b.dense(b.input([20, 1, 1]), 30)), 4)])));
    const random = createRandom(4);
    const values = Float64Array.from({ length: 20 * 40 }, () => random.normal());
    const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (40, 20), }".padEnd(117);
    const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
    const x = Buffer.concat([head, Buffer.from(`${header}\n`), Buffer.from(values.buffer)]);
    const archive = join(folder, "données 猫.npz");
    writeFileSync(archive, zipSync({ "y.npy": npy(1), "x.npy": x }));
    const args = ["quantize", vectors, "--out", out];
    const { status, stdout, stderr } = await shiftwise([...args, "--calibrate", archive]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^reading samples: 40 to calibrate with/m);
    assert.match(
      stdout,
      /^took the array x of y \(1, 1, 12, 12\) uint8; x \(40, 20\) float64: .*#name takes another$/m,
    );
    assert.doesNotMatch(stdout, /pixel|picture|image/);
    const named = await shiftwiseJson([...args, "--calibrate", `${archive}#x`, "--images", 8]);
    assert.deepEqual([named.images, named.remarks, named.assumedPreprocessing], [8, [], null]);
    await assertFails(
      [...args, "--calibrate", `${archive}#y`],
      "BAD_DATA",
      /猫\.npz: y: .*\(count, 20\).*found \(1, 1, 12, 12\)/,
    );
    await assertFails([...args, "--calibrate", `${archive}#z`], "BAD_DATA", /no array of that name.*found y .*x /);
    for (const file of [vectors, archive]) rmSync(file);
  });

  test("names an empty or a broken picture", async () => {
    const pictures = join(folder, "pictures");
    mkdirSync(pictures);
    writeFileSync(join(pictures, "nothing.png"), "");
    const args = ["quantize", path, "--out", join(folder, "other.safetensors"), "--range", 1, "--calibrate"];
    await assertFails([...args, pictures], "BAD_DATA", /nothing\.png: an empty file/);
    await assertFails([...args, join(pictures, "nothing.png")], "BAD_FILE", /nothing\.png: .*found an empty file/);
    writeFileSync(join(pictures, "text.jpg"), "no picture");
    await assertFails([...args, pictures], "BAD_DATA", /nothing\.png: too many broken pictures; .*found 2 of 2/);
    rmSync(pictures, { recursive: true });
  });

  test("refuses what it cannot take, and leaves no file", async () => {
    const other = join(folder, "other.safetensors");
    const run = (...args) => ["quantize", path, "--out", other, ...args];
    await assertFails(run(), "BAD_OPTION", /--data/, /neither/);
    await assertFails(run("--data", "generated", "--calibrate", images), "BAD_OPTION", /both/);
    await assertFails(run("--calibrate", images, "--range", 2), "BAD_OPTION", /--range/);
    await assertFails(run("--calibrate", images, "--range", 1, "--layer", "nothing=5"), "BAD_OPTION", /nothing/);
    await assertFails(run("--calibrate", images, "--range", 1, "--budget", 1), "BAD_OPTION", /budget/);
    await assertFails(run("--calibrate", join(folder, "none"), "--range", 1), "BAD_DATA", /none/);
    await assertFails(
      ["quantize", images, "--calibrate", images, "--out", other, "--range", 1],
      "BAD_FILE",
      /images.npy/,
    );
    assertEntries(folder, ["float.safetensors", "images.npy", "model.safetensors"]);
  });

  const onnx = join(SHARED, "models/resnet8_cifar10.onnx");
  test("takes an ONNX file", { skip: existsSync(onnx) ? false : "no ../shared/data/models" }, async () => {
    const data = join(SHARED, "cifar10/lossless");
    const args = ["quantize", onnx, "--calibrate", data, "--range", 255, "--images", 32, "--out", out];
    const result = await shiftwiseJson(args);
    assert.equal(result.layers.length, 10);
    const { accuracy, total } = await shiftwiseJson(["eval", out, "--data", data]);
    assert.equal(total, 1017);
    // 88.0 % in float32
    assert.ok(accuracy > 80, String(accuracy));
  });
});
