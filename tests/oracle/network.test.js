// network.test.js: the float64 oracle's gradients against central differences, layer by layer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KNOWN } from "../ops/steps.js";
import { disturb, randomImages, small } from "../training/helpers.js";
import { lossOf } from "./loss.js";
import { backward, forward, parametersOf } from "./network.js";

const shape = [3, 5, 6];
const bodies = {
  dense: (_b, x) => x,
  conv: (b, x) => b.conv(x, 4, { bias: true }),
  "strided conv": (b, x) => b.conv(x, 4, { stride: 2, kernel: 3 }),
  "dilated conv": (b, x) => b.conv(x, 4, { dilation: 2 }),
  "grouped conv": (b, x) => b.conv(b.conv(x, 4), 6, { groups: 2 }),
  "depthwise conv": (b, x) => b.conv(x, 6, { groups: 3, bias: true }),
  "batch norm": (b, x) => b.batchNorm(b.conv(x, 4)),
  relu: (b, x) => b.relu(b.conv(x, 4), 1.2),
  "max pool": (b, x) => b.maxPool(b.conv(x, 4), 3, 2, 1),
  "average pool": (b, x) => b.avgPool(b.conv(x, 4), 2),
  "global average pool": (b, x) => b.globalAvgPool(b.conv(x, 4)),
  "leaky ReLU": (b, x) => b.leakyRelu(b.conv(x, 4), 0.2),
  pad: (b, x) => b.pad(b.conv(x, 4), { channels: [1, 0], rows: [0, 2], columns: [1, 1] }, 0.5),
  slice: (b, x) => b.slice(b.conv(x, 4), [1, 0, 1], [4, 5, 6], [2, 2, 3]),
  activations: (b, x) => {
    const y = b.activation(b.conv(x, 4), "elu", [0.7]);
    const z = b.activation(b.activation(y, "hardSwish"), "clip", [-0.8, 1.1]);
    return b.concat([b.activation(y, "tanh"), b.activation(z, "sigmoid"), b.activation(z, "hardSigmoid", [0.3, 0.5])]);
  },
  "functions in steps": (b, x) => {
    const y = b.conv(x, 4);
    return b.concat(KNOWN.map((steps) => b.elementwise(y, steps)));
  },
  "arithmetic on two operands": (b, x) => {
    const y = b.conv(x, 4);
    const gate = b.activation(b.globalAvgPool(y), "sigmoid");
    const slope = b.constant([4, 1, 1], Float32Array.of(0.1, -0.2, 0.3, 1.5));
    const z = b.binary("div", b.binary("prelu", b.binary("mul", y, gate), slope), b.binary("add", gate, gate));
    const power = b.binary("pow", gate, b.binary("min", y, slope));
    return b.concat([b.binary("sub", z, b.binary("mul", y, y)), b.binary("max", power, gate)]);
  },
  gather: (b, x) =>
    b.gather(b.conv(x, 4), { channels: [0, 3, 3, -1], rows: [4, 0, -1, 1], columns: [5, 0, 0, 2] }, 0.3),
  permute: (b, x) => b.permute(b.conv(x, 4), [2, 2, 5, 6], [1, 3, 0, 2], [12, 2, 5]),
  resample: (b, x) => {
    const rows = { indices: [0, 1, 4, 2, 3, 3], weights: [0.5, 0.25, 1, -1, 0.5, 2] };
    const columns = { indices: [5, 0, 0, 3, 2, 1], weights: [0.75, 0.5, 1, 2, 0, 1] };
    return b.resample(b.conv(x, 4), [4, 3, 2], rows, columns);
  },
  softmax: (b, x) => b.softmax(b.conv(x, 4), 1),
  "products of matrices": (b, x) => {
    const y = b.conv(x, 4);
    const turned = b.permute(y, [4, 5, 6], [0, 2, 1], [4, 6, 5]);
    return b.matmul(b.slice(y, [1, 0, 0], [2, 5, 6], [1, 1, 1]), b.matmul(turned, y));
  },
  dropout: (b, x) => b.dropout(b.conv(x, 4), 0.3),
  add: (b, x) => {
    const y = b.conv(x, 4);
    return b.add(y, b.conv(y, 4));
  },
  concat: (b, x) => {
    const y = b.conv(x, 2);
    return b.concat([y, b.conv(y, 3), y]);
  },
};

for (const [name, body] of Object.entries(bodies)) {
  for (const mode of name === "batch norm" ? ["train", "frozen"] : ["train"]) {
    test(`gradient of ${name}, ${mode}, equals the slope of the loss`, () => {
      const network = disturb(small(shape, body));
      const images = Float64Array.from(randomImages(network, 3));
      const labels = [0, 3, 1];
      const parameters = parametersOf(network);
      const [output] = network.outputs;
      const lossAt = () => lossOf(forward(network, parameters, images, 3, mode).get(output), labels, 0.1).loss;
      const tensors = forward(network, parameters, images, 3, mode);
      const gradients = new Map([[output, lossOf(tensors.get(output), labels, 0.1).gradient]]);
      backward(network, parameters, tensors, 3, mode, gradients);

      const step = 1e-5;
      const slope = (values, i) => {
        const before = values[i];
        values[i] = before + step;
        const high = lossAt();
        values[i] = before - step;
        const low = lossAt();
        values[i] = before;
        return (high - low) / (2 * step);
      };
      const checked = [["input", images], ...parameters].filter(([key]) => gradients.has(key));
      assert.ok(checked.length >= 3);
      for (const [key, values] of checked) {
        const gradient = gradients.get(key);
        for (let i = 0; i < values.length; i += Math.max(1, values.length >> 4)) {
          const expected = slope(values, i);
          assert.ok(
            Math.abs(gradient[i] - expected) < 1e-7 + 1e-5 * Math.abs(expected),
            `${key}[${i}]: ${gradient[i]} against ${expected}`,
          );
        }
      }
    });
  }
}

test("the gradient of distillation equals its slope, and is zero where the network says what its teacher says", () => {
  const labels = [1, 0];
  const teacher = Float64Array.of(2, -1, 0.5, 0, 3, -2);
  const logits = Float64Array.of(1, 0, -0.5, 2, 1, 0);
  const soft = { logits: teacher, temperature: 3, share: 0.6 };
  const { gradient } = lossOf(logits, labels, 0.1, soft);
  for (let i = 0; i < logits.length; i++) {
    const at = (step) => lossOf(logits.with(i, logits[i] + step), labels, 0.1, soft).loss;
    assert.ok(Math.abs(gradient[i] - (at(1e-5) - at(-1e-5)) / 2e-5) < 1e-8);
  }
  const same = lossOf(teacher, labels, 0.1, { ...soft, share: 1 });
  assert.equal(same.loss, 0);
  assert.ok(same.gradient.every((slope) => slope === 0));
});

test("straight-through gradient of a quantize node passes inside its range only", () => {
  const encoding = { kind: "linear", scale: 0.5, zero: 1, max: 3 };
  const network = small([1, 1, 4], (b, x) => b.quantize(x, encoding));
  const parameters = parametersOf(network);
  const images = [-0.6, -0.25, 0.74, 1.1];
  const tensors = forward(network, parameters, images, 1, "train");
  // -0.25 is half way between -0.5 and 0, whose integers are 0 and 1: ties go to the even one
  assert.deepEqual([...tensors.get("quantize1")], [-0.5, -0.5, 0.5, 1]);
  const gradients = new Map([["quantize1", Float64Array.of(1, 2, 3, 4)]]);
  backward(network, parameters, tensors, 1, "train", gradients);
  assert.deepEqual([...gradients.get("input")], [0, 2, 3, 0]);
});
