// resize-taps.test.js: Resize and Upsample of many sizes and scales, in every mode, against onnxruntime.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as ort from "onnxruntime-web/wasm";
import { createRandom } from "../../dist/base/index.js";
import { evaluateModel, readModel } from "../../dist/onnx/index.js";
import { build, floats, ints } from "./build.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "fatal";

const COORDINATES = [
  "half_pixel",
  "pytorch_half_pixel",
  "asymmetric",
  "align_corners",
  "tf_crop_and_resize",
  "half_pixel_symmetric",
];
const NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];
const POLICIES = [undefined, undefined, "not_larger", "not_smaller"];
const crop = floats(
  [8],
  [0, 0, 0.15, 0.3, 1, 1, 0.8, 1.1].map((v) => Math.fround(v)),
);

async function peer(file, data, dims) {
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 4 });
  const { y } = await session.run({ x: new ort.Tensor("float32", data, dims) });
  await session.release();
  return y;
}

/** A node that resizes planes of these dims, and its constants. */
function drawn(random, opset, mode, [, , height, width]) {
  const pick = (list) => list[random.below(list.length)];
  const scale = () =>
    pick([
      () => (1 + random.below(40)) / 10,
      () => (1 + random.below(12)) / (1 + random.below(12)),
      () => pick([1, 2]),
    ])();
  const floor = opset < 10 ? 1 : 0;
  const scales = [height, width].map((n) => Math.fround(Math.max(scale(), floor, 1.01 / n)));
  const s = floats([4], [1, 1, ...scales]);
  if (opset < 11) return [[opset < 10 ? "Upsample" : "Resize", "x s", "y", { mode }], { s }];
  const coordinates = pick(opset < 19 ? COORDINATES.slice(0, 5) : COORDINATES);
  const sizes = random.below(2) === 1 && ints(1, 1, 1 + random.below(50), 1 + random.below(50));
  const policy = sizes && opset >= 18 && pick(POLICIES);
  const attributes = {
    mode,
    coordinate_transformation_mode: coordinates,
    nearest_mode: pick(NEAREST),
    ...(policy && { keep_aspect_ratio_policy: policy }),
    ...(opset >= 18 && mode !== "nearest" && coordinates !== "tf_crop_and_resize" && { antialias: random.below(2) }),
  };
  const region = coordinates === "tf_crop_and_resize" ? "r" : "_";
  return [
    ["Resize", `x ${region} ${sizes ? "_ n" : "s"}`, "y", attributes],
    sizes ? { n: sizes, r: crop } : { s, r: crop },
  ];
}

for (const [mode, count, bound] of [
  ["nearest", 500, 0],
  ["linear", 120, 1e-4],
  ["cubic", 120, 1e-4],
]) {
  test(`${mode}: ${count} resizings are onnxruntime's`, async () => {
    const random = createRandom(11);
    let compared = 0;
    for (let i = 0; i < count; i++) {
      const opset = [9, 10, 11, 13, 18, 19][mode === "cubic" ? 2 + random.below(4) : random.below(6)];
      const dims = [1, 1, 1 + random.below(30), 1 + random.below(40)];
      const [node, constants] = drawn(random, opset, mode, dims);
      const file = build({ x: dims, nodes: [node], constants, opset });
      const data = Float32Array.from({ length: dims[2] * dims[3] }, (_, k) =>
        mode === "nearest" ? k : Math.sin(k * 78.2),
      );
      let expected;
      try {
        expected = await peer(file, data, dims);
      } catch {
        // a plane that becomes empty under an aspect ratio, scales that onnxruntime's cubic has not
        continue;
      }
      if (expected.data.length === 0) continue;
      const name = `${opset} ${JSON.stringify(node)} ${dims} ${JSON.stringify(constants.s?.floatData ?? constants.n?.int64Data)}`;
      const { y } = Object.fromEntries(
        evaluateModel(readModel(file, null), new Map([["x", { type: "float32", dims, data }]])),
      );
      assert.deepEqual([...y.dims], [...expected.dims], name);
      y.data.forEach((value, k) => {
        assert.ok(Math.abs(value - expected.data[k]) <= bound, `${name} [${k}]: ${value}, but ${expected.data[k]}`);
      });
      compared++;
    }
    assert.ok(compared > count / 2, `${compared} compared`);
  });
}
