// samples.test.js: quantize and eval on a network of several inputs, each with samples and preprocessing of its own.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { zipSync } from "fflate";
import { decodeModel } from "../../dist/model/index.js";
import { build, floats, ints } from "../onnx/build.js";
import { assertFails, shiftwise, shiftwiseJson, temporaryFolder } from "./helpers.js";

/** An .npy file; values are counted up. */
function npy(descr, shape, type) {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`.padEnd(117);
  const length = shape.reduce((a, b) => a * b, 1);
  const data = type.from({ length }, (_, i) => (37 * i) % 101);
  const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
  return Buffer.concat([head, Buffer.from(`${header}\n`), Buffer.from(data.buffer)]);
}

const folder = temporaryFolder();
const [network, samples, how, out] = ["net.onnx", "in.npz", "how.json", "model.safetensors"].map((name) =>
  join(folder, name),
);
writeFileSync(
  network,
  build({
    nodes: [
      ["Conv", "x w1", "a"],
      ["Conv", "depth w2", "b"],
      ["Add", "a b", "c"],
      ["Relu", "c", "d"],
      ["Flatten", "d", "f"],
      ["Gemm", "angle w3", "g"],
      ["Concat", "f g", "j", { axis: 1 }],
      ["Gemm", "j w4", "m"],
      ["Mul", "m gain", "y"],
    ],
    constants: {
      w1: floats([4, 3, 3, 3]),
      w2: floats([4, 1, 3, 3]),
      w3: floats([5, 6]),
      w4: floats([70, 4]),
      unused: ints(1),
    },
    x: [1, 3, 6, 6],
    inputs: [
      ["depth", [1, 1, 6, 6]],
      ["angle", [1, 5]],
      ["gain", [1]],
      ["nobody", [1, 9]],
    ],
  }),
);
writeFileSync(
  samples,
  zipSync({
    "x.npy": npy("|u1", [16, 3, 6, 6], Uint8Array),
    "depth.npy": npy("|u1", [16, 6, 6], Uint8Array),
    "angle.npy": npy("<f4", [16, 5], Float32Array),
  }),
);
writeFileSync(how, JSON.stringify({ x: { mean: [0.1, 0.2, 0.3] }, depth: { mean: [0.5] }, angle: {} }));
const common = ["--constant", "gain=2", "--calibrate", samples, "--preprocess", how];

test("quantize --calibrate, eval --against and export on one .npz with an array for each input", async () => {
  const { quality, images, assumedPreprocessing } = await shiftwiseJson(["quantize", network, ...common, "--out", out]);
  assert.equal(images, 16);
  assert.deepEqual(assumedPreprocessing, {});
  assert.ok(quality.outputs[0].snr > 10);
  const model = decodeModel(new Uint8Array(readFileSync(out)));
  assert.deepEqual(
    model.inputs.map(({ name, normalization }) => [name, normalization?.mean]),
    [
      ["x", [0.1, 0.2, 0.3]],
      ["depth", [0.5]],
      ["angle", undefined],
    ],
  );
  const found = await shiftwiseJson(["eval", out, "--against", network, ...common]);
  assert.equal(found.samples, 16);
  assert.ok(Math.abs(found.outputs[0].snr - quality.outputs[0].snr) < 6);
  for (const form of ["float32", "qdq"]) {
    await shiftwiseJson(["export", out, "--onnx", join(folder, `${form}.onnx`), "--form", form]);
  }
});

test("what is assumed of each input is said, and what is missing is refused by name", async () => {
  const some = ["--constant", "gain=2", "--calibrate", samples, "--out", out];
  const { status, stdout, stderr } = await shiftwise(["quantize", network, ...some]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /assumed.*pixels of x \/ 255 with mean 0\.485, 0\.456, 0\.406/);
  assert.match(stdout, /assumed.*pixels of depth \/ 255 with mean 0 /);
  assert.doesNotMatch(stdout, /of angle/);
  await assertFails(["quantize", network, "--calibrate", samples, "--out", out], "BAD_DATA", /gain/);
  const flipped = ["--minutes", 0.1, "--augment", "flip"];
  await assertFails(
    ["quantize", network, ...common, "--out", out, ...flipped],
    "BAD_OPTION",
    /--augment.*several inputs/,
  );
});

test("inputs that take no pixels need no entry in a file of preprocessing", async () => {
  const few = join(folder, "few.json");
  const args = ["quantize", network, "--constant", "gain=2", "--calibrate", samples, "--preprocess", few, "--out", out];
  const put = (value) => writeFileSync(few, JSON.stringify(value));
  put({ x: { mean: [0.1, 0.2, 0.3] }, depth: { range: 255 } });
  const { status, stdout, stderr } = await shiftwise(args);
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stdout, /of angle|0\.00392156/);
  const model = decodeModel(new Uint8Array(readFileSync(out)));
  assert.equal(model.inputs[2].normalization, undefined);
  // the model says it afterwards: pixels as they are
  const said = await shiftwise(["eval", out, "--against", network, "--constant", "gain=2", "--calibrate", samples]);
  assert.match(said.stdout, /pixels of depth as they are, 0\.\.255/);
  put({ x: { mean: [0.1, 0.2, 0.3] } });
  await assertFails(
    args,
    "BAD_FILE",
    /few\.json: preprocessing of other inputs; expected an entry for the input depth; found x/,
  );
});

test("quantize --minutes learns on an array for each input", async () => {
  const training = ["--minutes", 0.02, "--batch", 8, "--bits", 3];
  const { distillation } = await shiftwiseJson(["quantize", network, ...common, "--out", out, ...training]);
  assert.ok(distillation.after.distance <= distillation.before.distance);
  assert.ok(distillation.epochs[0] >= 1);
});
