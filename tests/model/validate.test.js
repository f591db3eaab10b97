// validate.test.js: each rule of a valid model broken alone, on the model that has everything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { ShiftwiseError } from "../../dist/base/index.js";
import { encodeModel, validateModel } from "../../dist/model/index.js";
import { convOutputShape, validateEncoding } from "../../dist/ops/index.js";
import { everything, LEVELS, LINEAR } from "../models/everything.js";
import { FLOAT32 } from "../models/layers.js";

const layer = (def, name) => def.layers.find((candidate) => candidate.name === name);

/** Breaks the model and expects the code, and the place in the message. */
function breaks(change, place, code = "BAD_GRAPH") {
  const def = everything();
  change(def);
  assert.throws(
    () => validateModel(def, "m.sw"),
    (error) => {
      assert.ok(error instanceof ShiftwiseError, error?.stack);
      assert.equal(error.code, code, error.message);
      assert.match(error.where, /^m\.sw: /);
      assert.match(error.where, place, error.message);
      return true;
    },
    change.toString(),
  );
}

test("the whole model is valid", () => {
  validateModel(everything());
});

test("names", () => {
  breaks((d) => (d.name = ""), /name/, "BAD_FILE");
  breaks((d) => (d.notes["a\nb"] = ""), /notes/, "BAD_FILE");
  breaks((d) => (layer(d, "add").name = "mean"), /layers/);
  breaks((d) => (d.outputs[1].name = "logits"), /outputs/);
  breaks((d) => (layer(d, "add").name = "__proto__"), /layers\[15\]/, "BAD_FILE");
  breaks((d) => (d.outputs = []), /outputs/);
  breaks((d) => (d.inputs = []), /inputs/);
});

test("every tensor is written once, before it is read", () => {
  breaks((d) => d.layers.push(d.layers.shift()), /layer conv\.b: input|layer conv\.b\.input/);
  breaks((d) => (layer(d, "conv.b").output = "a"), /layer conv\.b\.output/);
  breaks((d) => (layer(d, "conv.b").output = "x"), /layer conv\.b\.output/);
  breaks((d) => (layer(d, "conv.b").input = "toString"), /layer conv\.b\.input/);
  breaks((d) => (layer(d, "conv.b").residual.tensor = "y"), /layer conv\.b\.residual/);
  breaks((d) => (d.outputs[0].tensor = "nowhere"), /output logits/);
  breaks((d) => (d.tensors.extra = d.tensors.x), /tensor extra/);
  breaks((d) => d.inputs.push({ name: "again", tensor: "x" }), /input again/);
});

test("shapes", () => {
  breaks((d) => (d.tensors.x.shape = [2, 6]), /tensor x\.shape/);
  breaks((d) => (d.tensors.x.shape = [2, 0, 6]), /tensor x\.shape/);
  breaks((d) => (d.tensors.x.shape = [2, 6, 6.5]), /tensor x\.shape/);
  breaks((d) => (d.tensors.x.shape = [2 ** 16, 2 ** 15, 1]), /tensor x/, "OVERFLOW");
  for (const name of "abcpdemyufgthvs")
    breaks((d) => (d.tensors[name].shape = [...d.tensors[name].shape].map((n) => n + 1)), /./);
  breaks((d) => (d.tensors.y.shape = [3, 1, 2]), /dense: output/);
  breaks((d) => (layer(d, "concat").inputs = []), /concat: inputs|concat\.inputs/);
  breaks((d) => (layer(d, "concat").inputs = ["a", "x"]), /concat: output/);
});

test("windows of maximum pooling that lie wholly in padding", () => {
  /** Whether some tap of every window meets the plane, by trying all. */
  const allMeet = (size, { kernel, stride, dilation, padding }, axis, outputs) =>
    Array.from({ length: outputs }, (_, o) => o * stride[axis] - padding[axis]).every((start) =>
      Array.from({ length: kernel[axis] }, (_, tap) => start + tap * dilation[axis]).some((at) => at >= 0 && at < size),
    );
  let refused = 0;
  for (const size of [1, 2, 3, 7]) {
    for (const kernel of [1, 2, 3, 5]) {
      for (const dilation of [1, 2, 3, 4, 9]) {
        for (const stride of [1, 2, 3]) {
          for (let before = 0; before < kernel; before++) {
            for (let behind = 0; behind < kernel; behind++) {
              for (const axis of [0, 1]) {
                const on = (n, other) => (axis === 0 ? [n, other] : [other, n]);
                const window = {
                  kernel: on(kernel, 1),
                  stride: on(stride, 1),
                  dilation: on(dilation, 1),
                  padding: [...on(before, 0), ...on(behind, 0)],
                };
                const shape = [1, ...on(size, 4)];
                const output = convOutputShape(shape, 1, window);
                if (output[1 + axis] < 1) continue;
                const tensors = { x: { shape, encoding: FLOAT32 }, y: { shape: output, encoding: FLOAT32 } };
                const ports = { inputs: [{ name: "x", tensor: "x" }], outputs: [{ name: "y", tensor: "y" }] };
                const pool = { op: "maxPool", name: "pool", input: "x", output: "y", ...window };
                const validate = () => validateModel({ name: "m", ...ports, tensors, layers: [pool] });
                if (allMeet(size, window, axis, output[1 + axis])) validate();
                else {
                  refused++;
                  assert.throws(validate, { code: "BAD_GRAPH", where: "layer pool: padding" });
                }
              }
            }
          }
        }
      }
    }
  }
  assert.ok(refused > 10, `${refused}`);
});

test("windows", () => {
  breaks((d) => (layer(d, "conv.a").stride = [0, 1]), /conv\.a: window/);
  breaks((d) => (layer(d, "conv.a").stride = [1, 1.5]), /conv\.a: window/);
  breaks((d) => (layer(d, "conv.a").dilation = [0, 1]), /conv\.a: window/);
  breaks((d) => (layer(d, "conv.a").padding = [-1, 1, 1, 1]), /conv\.a: window/);
  breaks((d) => (layer(d, "conv.a").kernel = [9, 9]), /conv\.a: kernel/);
  breaks((d) => (layer(d, "conv.a").groups = 3), /conv\.a: groups/);
  breaks((d) => (layer(d, "conv.a").groups = 0), /conv\.a: groups/);
  breaks((d) => (layer(d, "pool").padding = [2, 0, 0, 0]), /pool: padding/);
  breaks((d) => (layer(d, "pool").padding = [0, 0, 0, 2]), /pool: padding/);
  breaks((d) => (layer(d, "pool").kernel = [2 ** 16, 2 ** 16]), /pool: kernel/);
  const huge = { kernel: [2 ** 16, 2 ** 16], padding: [65535, 65535, 65535, 65535] };
  breaks((d) => Object.assign(layer(d, "pool"), huge), /pool: padding/, "OVERFLOW");
  breaks((d) => (layer(d, "conv.f").padding = [30000, 30000, 30000, 30000]), /conv\.f: padding/, "OVERFLOW");
});

test("encodings", () => {
  for (const [encoding, place] of [
    [{ ...LINEAR, scale: 0 }, /scale/],
    [{ ...LINEAR, scale: Infinity }, /scale/],
    [{ ...LINEAR, scale: Number.NaN }, /scale/],
    [{ ...LINEAR, max: 0 }, /max/],
    [{ ...LINEAR, max: 256 }, /max/],
    [{ ...LINEAR, max: 3.5 }, /max/],
    [{ ...LINEAR, zero: -1 }, /zero/],
    [{ ...LINEAR, zero: 256 }, /zero/],
    [{ ...LINEAR, zero: 0.5 }, /zero/],
    [{ ...LEVELS, levels: [0] }, /levels/],
    [{ ...LEVELS, levels: [-0, 1, 2, 4, 8, 16] }, /levels/],
    [{ ...LEVELS, levels: [1, 2, 3, 4, 5, 6] }, /levels/],
    [{ ...LEVELS, levels: [0, 1, 1, 4, 8, 16] }, /levels\[2\]/],
    [{ ...LEVELS, levels: [0, 1, 2, 4, 8, 256] }, /levels\[5\]/],
    [{ ...LEVELS, levels: [0, 1, 2, 4, 8, 16.5] }, /levels\[5\]/],
    [{ ...LEVELS, thresholds: [0.5, 1.5, 3, 6] }, /thresholds/],
    [{ ...LEVELS, thresholds: [0.5, 1.5, 1.5, 6, 12] }, /thresholds\[2\]/],
    [{ ...LEVELS, thresholds: [0.5, 1.5, 3, 6, Infinity] }, /thresholds\[4\]/],
    [{ ...LEVELS, thresholds: [0.1, 1.5, 3, 6, 12] }, /thresholds\[0\]/],
  ]) {
    assert.throws(
      () => validateEncoding(encoding, "e"),
      (error) => error.code === "BAD_GRAPH" && place.test(error.where),
    );
    breaks((d) => (d.tensors.x.encoding = encoding), place);
  }
  breaks((d) => (d.tensors.p.encoding = { ...LINEAR, zero: 8 }), /pool: output/);
  breaks((d) => (d.tensors.p.encoding = LEVELS), /pool: output/);
  breaks((d) => (d.tensors.a.encoding = { ...LINEAR, scale: 1 }), /concat: inputs/);
});

test("weights belong to their input's encoding, fit in number and range, and are finite", () => {
  breaks((d) => (d.tensors.x.encoding = FLOAT32), /conv\.a: weights/);
  breaks((d) => (d.tensors.u.encoding = LINEAR), /conv\.f: weights/);
  breaks((d) => (layer(d, "conv.a").weights.bits = 6), /conv\.a: weights\.bits/);
  breaks((d) => (layer(d, "conv.a").weights.n1 = 0.5), /conv\.a: weights\.n1/);
  breaks((d) => (layer(d, "conv.a").weights.n1 = 200), /conv\.a: weights\.n1/);
  breaks((d) => (layer(d, "conv.a").weights.codes = new Int8Array(71)), /conv\.a: weights/);
  breaks((d) => (layer(d, "conv.a").weights.codes[70] = 9), /conv\.a: weights\[70\]/);
  breaks((d) => (layer(d, "dense").weights.codes[3] = -2), /dense: weights\[3\]/);
  breaks((d) => (layer(d, "wide").weights.codes[9] = 5), /wide: weights\[9\]/);
  breaks((d) => (layer(d, "wide").weights.codes = new Uint8Array(15)), /wide: weights/);
  breaks((d) => (layer(d, "wide").weights.levels = [3]), /wide: weights\.levels/);
  breaks((d) => (layer(d, "wide").weights.levels = Array.from({ length: 129 }, (_, i) => i)), /wide: weights\.levels/);
  breaks((d) => (layer(d, "wide").weights.levels = [0, 1, 2, 2, 3]), /wide: weights\.levels\[3\]/);
  breaks((d) => (layer(d, "wide").weights.levels = [0, 1, 2, 3.5, 4]), /wide: weights\.levels\[3\]/);
  breaks((d) => (layer(d, "wide").weights.levels = [0, 1, 2, 3, 16384]), /wide: weights\.levels\[4\]/);
  breaks((d) => (layer(d, "wide").weights.levels = [-16384, 1, 2, 3, 4]), /wide: weights\.levels\[0\]/);
  breaks((d) => (layer(d, "conv.f").weights.values[5] = Number.NaN), /conv\.f: weights\[5\]/);
  breaks((d) => (layer(d, "conv.f").weights.values = new Float32Array(17)), /conv\.f: weights/);
});

test("values are typed arrays of their kind, of any realm, and all other lists plain arrays", () => {
  for (const [name, holder, field] of [
    ["conv.a", "weights", "codes"],
    ["wide", "weights", "codes"],
    ["conv.f", "weights", "values"],
    ["conv.a", "epilogue", "scale"],
    ["conv.f", "epilogue", "offset"],
  ]) {
    const place = new RegExp(`${name}: (weights|${field})`);
    const change = (make) => (d) => (layer(d, name)[holder][field] = make(layer(d, name)[holder][field]));
    breaks(change(Array.from), place);
    breaks(change(Float64Array.from.bind(Float64Array)), place);
    breaks(change(Int16Array.from.bind(Int16Array)), place);
    const def = everything();
    change((values) => new (runInNewContext(values.constructor.name))(values))(def);
    validateModel(def);
  }
  breaks(
    (d) => (layer(d, "wide").weights.levels = Int16Array.from(layer(d, "wide").weights.levels)),
    /weights\.levels/,
  );
  breaks((d) => (layer(d, "conv.a").kernel = Uint8Array.from(layer(d, "conv.a").kernel)), /conv\.a\.kernel/);
  breaks((d) => (d.tensors.x.shape = Uint16Array.from(d.tensors.x.shape)), /tensor x\.shape/);
});

test("epilogues", () => {
  breaks((d) => (layer(d, "conv.a").epilogue.scale = new Float32Array(3)), /conv\.a: scale/);
  breaks((d) => (layer(d, "conv.a").epilogue.offset[2] = Infinity), /conv\.a: offset\[2\]/);
  breaks((d) => (layer(d, "mean").epilogue.scale = new Float32Array(8)), /mean: scale/);
  breaks((d) => (layer(d, "add").epilogue.offset = new Float32Array(0)), /add: offset/);
  breaks((d) => (layer(d, "conv.a").epilogue.clamp = { low: 7, high: 6 }), /conv\.a: clamp/);
  breaks((d) => (layer(d, "conv.a").epilogue.clamp = { low: Number.NaN }), /conv\.a: clamp/);
  breaks((d) => (layer(d, "conv.a").epilogue.clamp = { high: -0 }), /conv\.a: clamp/);
  breaks((d) => (layer(d, "conv.b").residual.scale = 0.1), /conv\.b: residual\.scale/);
  breaks((d) => (layer(d, "conv.b").residual.scale = Infinity), /conv\.b: residual\.scale/);
  breaks((d) => (layer(d, "conv.b").residual.scale = -0), /conv\.b: residual\.scale/);
  breaks((d) => (layer(d, "conv.b").residual.tensor = "x"), /conv\.b: residual/);
});

test("normalization", () => {
  breaks((d) => (d.inputs[0].normalization = { mean: [0], std: [1] }), /input image/);
  breaks((d) => (d.inputs[0].normalization = { mean: [0, 0], std: [1, 0] }), /input image/);
  breaks((d) => (d.inputs[0].normalization = { mean: [0, Infinity], std: [1, 1] }), /input image/);
});

/** One dense layer of `depth` weights of the largest magnitude on 8-bit inputs. */
function deep(depth, bits, last = 2 ** (bits - 2)) {
  const codes = new Int8Array(depth).fill(-(2 ** (bits - 2)));
  codes[depth - 1] = last;
  const epilogue = { scale: new Float32Array(1), offset: new Float32Array(1), clamp: {} };
  return {
    name: "deep",
    inputs: [{ name: "x", tensor: "x" }],
    outputs: [{ name: "y", tensor: "y" }],
    tensors: { x: { shape: [depth, 1, 1], encoding: LINEAR }, y: { shape: [1, 1, 1], encoding: FLOAT32 } },
    layers: [
      { op: "dense", name: "d", input: "x", output: "y", weights: { kind: "codes", bits, n1: 0, codes }, epilogue },
    ],
  };
}

test("accumulators: the last sum that fits int32 and the first that does not", () => {
  // 255 * (128 n + rest) <= 2^31 - 1, so 128 n + rest <= 8421504 = 128 * 65793.
  validateModel(deep(65793, 5));
  validateModel(deep(65794, 5, 0));
  assert.throws(
    () => validateModel(deep(65794, 5, 1)),
    (error) => error.code === "OVERFLOW" && /8421505 \* 255/.test(error.message),
  );
});

test("nothing invalid is written", () => {
  const def = everything();
  layer(def, "conv.a").epilogue.scale[0] = Number.NaN;
  assert.throws(() => encodeModel(def), { code: "BAD_GRAPH" });
});

test("output sizes of windows", () => {
  const at = (n, kernel, stride, padding = 0, dilation = 1) =>
    convOutputShape([1, n, n + 1], 5, {
      kernel: [kernel, kernel],
      stride: [stride, stride],
      dilation: [dilation, dilation],
      padding: [padding, padding, padding, padding],
    });
  assert.deepEqual(at(28, 3, 1, 1), [5, 28, 29]);
  assert.deepEqual(at(28, 3, 2, 1), [5, 14, 15]);
  assert.deepEqual(at(7, 3, 2, 1), [5, 4, 4]);
  assert.deepEqual(at(7, 3, 1, 0, 3), [5, 1, 2]);
  assert.deepEqual(at(2, 4, 1), [5, -1, 0]);
  assert.deepEqual(convOutputShape([1, 4, 6], 1, { kernel: [2, 3], stride: [2, 3] }), [1, 2, 2]);
});

test("layers that move values or compute real ones", () => {
  breaks((d) => (layer(d, "gather").rows[0] = 6), /gather: rows\[0\]/);
  breaks((d) => (layer(d, "gather").columns = [-2, 0, 0, 0]), /gather: columns\[0\]/);
  breaks((d) => (layer(d, "gather").columns = [0]), /gather: output/);
  breaks((d) => (layer(d, "gather").value = NaN), /gather: value/);
  breaks((d) => (layer(d, "gather").value = -0), /gather: value/);
  breaks((d) => (d.tensors.t.encoding = FLOAT32), /permute: output/);
  breaks((d) => (layer(d, "permute").dims = [2, 5, 3]), /permute: dims/);
  breaks((d) => (layer(d, "permute").dims = [4, 10, 0.5, 2]), /permute: dims/);
  breaks((d) => (layer(d, "permute").order = [0, 1, 1]), /permute: order/);
  breaks((d) => (layer(d, "activation").fn = "toString"), /activation: fn/);
  breaks((d) => (layer(d, "activation").parameters = []), /activation: parameters/);
  breaks((d) => (layer(d, "activation").parameters = [Infinity]), /activation: parameters/);
  breaks((d) => (layer(d, "activation").parameters = [-0]), /activation: parameters/);
  breaks((d) => (layer(d, "binary").fn = "hypot"), /binary: fn/);
  breaks((d) => (layer(d, "binary").other = "a"), /binary: other/);
  breaks((d) => (layer(d, "matmul").other = "v"), /matmul: other/);
  breaks((d) => (layer(d, "matmul").input = "x"), /matmul: input/);
  breaks((d) => (d.tensors.j.encoding = LINEAR), /matmul: output/);
  breaks((d) => (d.tensors.j.shape = [1, 4, 3]), /matmul: output/);
  breaks((d) => (layer(d, "constant").values = new Float32Array(3)), /constant: values/);
  breaks((d) => (layer(d, "constant").values[2] = NaN), /constant: values\[2\]/);
  breaks((d) => (layer(d, "resample").rows.weights = [1]), /resample: rows/);
  breaks((d) => (layer(d, "resample").rows.indices[3] = 4), /resample: rows\.indices/);
  breaks((d) => (layer(d, "resample").columns.weights[3] = NaN), /resample: columns\.weights/);
  breaks((d) => (layer(d, "softmax").axis = 3), /softmax: axis/);
  breaks((d) => (layer(d, "pool").dilation = [1, 0]), /pool/);
});

test("scales that float32 does not hold", () => {
  const linear = (scale, zero = 0) => ({ kind: "linear", scale, zero, max: 255 });
  const levels = (scale) => ({ ...LEVELS, scale });
  for (const make of [linear, levels]) {
    // rounds to 0; has no inverse; rounds to infinity; makes a real value beyond float32
    for (const scale of [1e-300, 1e-46, 2e-39, 1e39, 1e300, 3e37]) {
      assert.throws(() => validateEncoding(make(scale), "e"), { code: "BAD_GRAPH", where: "e: scale" }, `${scale}`);
    }
    for (const scale of [3e-39, 1e-38, 1, 1.3e36]) validateEncoding(make(scale));
  }
  assert.throws(() => validateEncoding(linear(2e36, 30)), { where: "scale" });
  validateEncoding(linear(2e36, 128));
});

test("normalizations whose pixels float32 does not hold", () => {
  const given = (mean, std) => (d) => {
    d.inputs[0].normalization = { mean: [0.5, mean], std: [0.5, std] };
  };
  breaks(given(0.5, 1e-300), /input/);
  breaks(given(0, 1e-46), /input/);
  breaks(given(1e300, 1), /input/);
  breaks(given(1, 1e-39), /input/);
  const def = everything();
  given(-1000, 1e-30)(def);
  validateModel(def);
});
