// engine.test.js: the wasm engine against the float64 reference, for every layer and many geometries.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { createEngine, imagesWithin } from "../../dist/engine/index.js";
import { buildNetwork, demoNetwork, resnet20 } from "../../dist/graph/index.js";
import { disturb, engineAgainstReference, randomImages, small } from "../training/helpers.js";

/** Float32 rounding over a few hundred additions; a wrong index or sign is off by 1e-2 or more. */
const TOLERANCE = 2e-5;

function assertClose(distances, context = "") {
  for (const [name, distance] of Object.entries(distances)) {
    assert.ok(distance < TOLERANCE, `${context} ${name} is off by ${distance}`);
  }
}

const bodies = {
  "batch norm": (b, x) => b.batchNorm(b.conv(x, 5)),
  "batch norm and ReLU": (b, x) => b.relu(b.batchNorm(b.conv(x, 5))),
  "batch norm and ReLU6": (b, x) => b.relu(b.batchNorm(b.conv(x, 5)), 0.9),
  "batch norm on the input": (b, x) => b.batchNorm(x),
  "batch norm read twice": (b, x) => {
    const y = b.batchNorm(b.conv(x, 5));
    return b.add(y, b.relu(y));
  },
  "batch norm of a tensor that others read": (b, x) => {
    const y = b.conv(x, 5);
    return b.add(b.relu(b.batchNorm(y)), b.conv(b.relu(b.batchNorm(y)), 5));
  },
  "residual block": (b, x) => {
    const y = b.relu(b.conv(x, 5));
    return b.relu(b.add(b.batchNorm(b.conv(y, 5)), y));
  },
  "residual block without ReLU": (b, x) => {
    const y = b.conv(x, 5);
    return b.add(y, b.batchNorm(b.conv(y, 5)));
  },
  "residual block with a projection": (b, x) => {
    const y = b.relu(b.conv(x, 4));
    const main = b.batchNorm(b.conv(y, 6, { stride: 2 }));
    return b.relu(b.add(main, b.batchNorm(b.conv(y, 6, { kernel: 1, stride: 2 }))));
  },
  "addition and ReLU": (b, x) => b.relu(b.add(b.conv(x, 5), b.conv(x, 5)), 1),
  "addition of a tensor to itself": (b, x) => {
    const y = b.conv(x, 5);
    return b.add(y, y);
  },
  "addition to the input": (b, x) => b.add(x, b.conv(x, 3)),
  concatenation: (b, x) => {
    const y = b.relu(b.conv(x, 3));
    return b.concat([y, b.conv(y, 2), x, y]);
  },
  "max pooling with padding": (b, x) => b.maxPool(b.conv(x, 5), 3, 2, 1),
  "overlapping max pooling of a shared tensor": (b, x) => {
    const y = b.conv(x, 5);
    return b.concat([b.maxPool(y, 3, 1, 1), y]);
  },
  "average pooling": (b, x) => b.avgPool(b.conv(x, 5), 3, 2),
  "average pooling of a shared tensor": (b, x) => {
    const y = b.conv(x, 5);
    return b.concat([b.globalAvgPool(y), b.globalAvgPool(b.relu(y))]);
  },
  "dense after dense": (b, x) => b.batchNorm(b.relu(b.dense(x, 11))),
  "activation functions, shared": (b, x) => {
    const y = b.conv(x, 5);
    return b.concat([y, b.activation(y, "hardSwish"), b.activation(y, "sigmoid"), b.activation(y, "elu", [0.5])]);
  },
  "a gate and a constant": (b, x) => {
    const y = b.conv(x, 5);
    const slope = b.constant([5, 1, 1], Float32Array.of(0.1, -0.2, 0.3, 1.5, 0));
    return b.binary("prelu", b.binary("mul", y, b.activation(b.globalAvgPool(y), "sigmoid")), slope);
  },
  "a tensor times itself": (b, x) => {
    const y = b.conv(x, 5);
    return b.binary("mul", y, y);
  },
  "products of matrices": (b, x) => {
    const y = b.conv(x, 5);
    return b.matmul(
      b.matmul(y, b.permute(y, [5, 7, 9], [0, 2, 1], [5, 9, 7])),
      b.slice(y, [1, 0, 0], [2, 7, 9], [1, 1, 1]),
    );
  },
  "one matrix times many": (b, x) => {
    const y = b.conv(x, 5);
    return b.matmul(b.slice(y, [4, 0, 0], [5, 4, 7], [1, 1, 1]), y);
  },
  "moved elements": (b, x) => {
    const y = b.gather(b.conv(x, 5), { channels: [0, 4, -1], rows: [6, 0, 0], columns: [8, -1, 3] }, 0.5);
    return b.permute(y, [3, 3, 3], [2, 0, 1], [9, 3, 1]);
  },
  "softmax along rows": (b, x) => b.softmax(b.conv(x, 5), 2),
  "leaky ReLU": (b, x) => b.leakyRelu(b.conv(x, 5), 0.1),
  "leaky ReLU of a shared tensor": (b, x) => {
    const y = b.conv(x, 5);
    return b.add(b.leakyRelu(y, 0.3), y);
  },
  padding: (b, x) => b.pad(b.conv(x, 5), { channels: [1, 2], rows: [2, 0], columns: [0, 3] }, 0.7),
  "padding of a shared tensor": (b, x) => {
    const y = b.conv(x, 5);
    return b.concat([b.pad(y, { channels: [2, 0], rows: [0, 0], columns: [0, 0] }), y]);
  },
  slicing: (b, x) => b.slice(b.conv(x, 5), [1, 2, 0], [5, 7, 9], [2, 3, 4]),
  "slicing of a shared tensor": (b, x) => {
    const y = b.conv(x, 5);
    const part = b.slice(y, [0, 0, 0], [5, 7, 5]);
    return b.concat([b.globalAvgPool(part), b.globalAvgPool(y)]);
  },
  "a shortcut that drops pixels and adds channels": (b, x) => {
    const y = b.relu(b.conv(x, 4));
    const part = b.slice(y, [0, 0, 0], [4, 7, 9], [1, 2, 2]);
    const shortcut = b.pad(part, { channels: [1, 1], rows: [0, 0], columns: [0, 0] });
    return b.relu(b.add(b.batchNorm(b.conv(y, 6, { stride: 2 })), shortcut));
  },
  dropout: (b, x) => b.conv(b.dropout(b.relu(b.conv(x, 5)), 0.4), 3),
  "two dropouts of a shared tensor": (b, x) => {
    const y = b.conv(x, 5);
    return b.concat([b.dropout(y, 0.5), b.dropout(y, 0.5), y]);
  },
  "linear rounding": (b, x) => b.quantize(b.relu(b.conv(x, 5)), { kind: "linear", scale: 0.31, zero: 0, max: 3 }),
  "level rounding": (b, x) =>
    b.quantize(b.relu(b.conv(x, 5)), {
      kind: "levels",
      scale: 0.27,
      levels: [0, 1, 2, 5],
      thresholds: [0.5, 1.5, 3.25],
    }),
};

for (const [name, body] of Object.entries(bodies)) {
  for (const mode of ["train", "frozen"]) {
    test(`${name}, ${mode}: outputs and gradients are the reference's`, () => {
      assertClose(engineAgainstReference(disturb(small([3, 7, 9], body)), 3, { mode, seed: 123456789 }));
    });
  }
}

test("distillation: loss and gradients are the reference's", () => {
  const network = disturb(small([3, 7, 9], bodies["batch norm and ReLU"]));
  const logits = randomImages(
    small([4, 1, 1], (_b, x) => x),
    3,
  ).map((value) => 4 * value);
  for (const [temperature, share] of [
    [1, 1],
    [4, 0.7],
    [0.5, 0.2],
  ]) {
    assertClose(engineAgainstReference(network, 3, { soft: { logits, temperature, share } }), `T ${temperature}`);
  }
});

test("dropout drops its share of the values, others at every seed, and none in evaluation", () => {
  const network = small([1, 40, 40], (b, x) => b.dropout(x, 0.3));
  const images = new Float32Array(1600).fill(1);
  const engine = createEngine(network, { batch: 1, keep: ["dropout1"] });
  const dropped = (mode, seed) => {
    engine.forward(images, 1, mode, seed);
    return engine.tensor("dropout1").slice();
  };
  const first = dropped("train", 1);
  const zeros = first.filter((value) => value === 0).length;
  assert.ok(zeros > 400 && zeros < 560, `${zeros} of 1600 dropped`);
  assert.ok(first.every((value) => value === 0 || value === Math.fround(1 / 0.7)));
  assert.notDeepEqual(dropped("train", 2), first);
  assert.deepEqual(dropped("train", 1), first);
  assert.deepEqual(dropped("eval", 1), images);
});

test("every convolution geometry agrees with the reference", () => {
  const geometry = fc.record({
    height: fc.integer({ min: 1, max: 12 }),
    width: fc.integer({ min: 1, max: 12 }),
    kernel: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    padding: fc.integer({ min: 0, max: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    inputs: fc.integer({ min: 1, max: 5 }),
    outputs: fc.integer({ min: 1, max: 6 }),
    bias: fc.boolean(),
    count: fc.integer({ min: 1, max: 5 }),
    spare: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(geometry, (g) => {
      const reach = (g.kernel - 1) * g.dilation + 1;
      fc.pre(Math.min(g.height, g.width) + 2 * g.padding >= reach);
      const network = small([2, g.height, g.width], (b, x) => {
        const first = b.conv(x, g.inputs * g.groups, { kernel: 1, bias: true });
        return b.conv(first, g.outputs * g.groups, g);
      });
      assertClose(engineAgainstReference(network, g.count, { batch: g.count + g.spare }), JSON.stringify(g));
    }),
    { numRuns: 150, seed: 20 },
  );
});

for (const channels of [7, 8, 9, 15, 16, 17]) {
  test(`tiles of ${channels} channels and pixels around 8 agree with the reference`, () => {
    for (const width of [7, 8, 9]) {
      const network = small([channels, 3, width], (b, x) => b.conv(b.relu(b.conv(x, channels)), channels + 1));
      assertClose(engineAgainstReference(network, 2), `width ${width}`);
    }
  });
}

test("whole networks agree with the reference", () => {
  assertClose(engineAgainstReference(disturb(demoNetwork([1, 28, 28], 10, 1, 8)), 3, { batch: 4 }));
  const distances = engineAgainstReference(resnet20([3, 8, 8], 10, 1), 4);
  // twenty layers of batch statistics over few values amplify rounding
  for (const [name, distance] of Object.entries(distances)) assert.ok(distance < 1e-3, `${name} ${distance}`);
});

test("eval mode equals frozen mode and does not depend on the batch around an image", () => {
  const network = disturb(demoNetwork([1, 28, 28], 10, 1, 8));
  const engine = createEngine(network, { batch: 5, gradients: false });
  const images = randomImages(network, 5);
  const all = engine.forward(images, 5, "eval").slice();
  assert.deepEqual(engine.forward(images, 5, "frozen"), all);
  const one = createEngine(network, { batch: 1 });
  for (let n = 0; n < 5; n++) {
    const alone = one.forward(images.slice(n * 784, (n + 1) * 784), 1, "eval");
    assert.deepEqual(alone, all.subarray(n * 10, (n + 1) * 10));
  }
});

test("tensors inside a fused group exist when they are kept", () => {
  const network = disturb(small([3, 7, 9], bodies["batch norm and ReLU"]));
  const images = randomImages(network, 2);
  const plain = createEngine(network, { batch: 2 });
  const kept = createEngine(network, { batch: 2, keep: ["bn1"] });
  const logits = plain.forward(images, 2, "train").slice();
  assert.deepEqual(kept.forward(images, 2, "train"), logits);
  assert.throws(() => plain.tensor("bn1"), { code: "BAD_OPTION" });
  const relu = kept.tensor("bn1").map((value) => Math.max(value, 0));
  assert.deepEqual(relu, plain.tensor("relu1"));
});

test("without a backward pass tensors share room, and those that are kept do not", () => {
  for (const body of [...Object.values(bodies), null]) {
    const network = disturb(body ? small([3, 7, 9], body) : resnet20([3, 32, 32], 10, 1));
    const images = randomImages(network, 3);
    const tensors = createEngine(network, { batch: 3 });
    const expected = tensors.forward(images, 3, "eval").slice();
    assert.deepEqual(tensors.forward(images, 3, "frozen").slice(), expected);
    const shared = createEngine(network, { batch: 3, gradients: false });
    // a second time on what the first has left
    for (let i = 0; i < 2; i++) assert.deepEqual(shared.forward(images, 3, "eval"), expected);
    const names = network.nodes.filter(({ op }) => op === "conv").map(({ name }) => name);
    const kept = createEngine(network, { batch: 3, gradients: false, keep: names });
    kept.forward(images, 3, "eval");
    for (const name of names) assert.deepEqual(kept.tensor(name), tensors.tensor(name));
    if (!body) assert.ok(shared.bytes < tensors.bytes / 2, `${shared.bytes} of ${tensors.bytes}`);
    assert.throws(() => shared.tensor(names[0]), { code: "BAD_OPTION" });
  }
});

test("maxima alone are those whose places are kept, also of NaN and of windows in the padding", () => {
  for (const [size, stride, padding] of [
    [3, 2, 1],
    [2, 3, 0],
    [3, 1, 1],
    [7, 2, 3],
    [5, 4, 2],
  ]) {
    const b = buildNetwork("pool", createRandom(1));
    const network = b.finish([b.maxPool(b.input([2, 9, 11]), size, stride, padding)]);
    const images = randomImages(network, 2);
    for (const [i, value] of [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY].entries()) {
      images[40 + 90 * i] = value;
    }
    const engine = createEngine(network, { batch: 2, gradients: false });
    const expected = engine.forward(images, 2, "frozen").slice();
    assert.ok(expected.some(Number.isNaN));
    assert.deepEqual([...engine.forward(images, 2, "eval")], [...expected], `${size}, ${stride}, ${padding}`);
  }
});

test("the first layer with a NaN is named", () => {
  const network = small([3, 7, 9], bodies["batch norm and ReLU"]);
  const engine = createEngine(network, { batch: 2 });
  const images = randomImages(network, 2);
  engine.forward(images, 2, "train");
  assert.equal(engine.firstNonFinite(), null);
  const { offset } = engine.layout.entries.find((entry) => entry.node === "bn1" && entry.field === "beta");
  engine.parameters[offset + 2] = Number.NaN;
  engine.forward(images, 2, "train");
  assert.equal(engine.firstNonFinite(), "relu1");
  assert.ok(Number.isNaN(engine.loss(Uint8Array.of(0, 1), 2, 0).loss));
});

test("wrong batches and networks are refused", () => {
  const network = small([3, 7, 9], bodies.concatenation);
  assert.throws(() => createEngine(network, { batch: 0 }), { code: "BAD_OPTION" });
  const maps = createEngine({ ...network, outputs: ["conv1"] }, { batch: 1 });
  maps.forward(randomImages(network, 1), 1, "eval");
  assert.throws(() => maps.loss(Uint8Array.of(0), 1, 0), { code: "UNSUPPORTED" });
  assert.throws(() => createEngine(network, { batch: 2 ** 24 }), { code: "OVERFLOW" });
  const engine = createEngine(network, { batch: 2 });
  assert.throws(() => engine.forward(randomImages(network, 3), 3, "train"), { code: "BAD_DATA" });
  assert.throws(() => engine.forward(randomImages(network, 1), 2, "train"), { code: "BAD_DATA" });
});

test("large tensors are run a few images at a time", () => {
  assert.equal(imagesWithin([[3, 224, 224]], 16), 16);
  const shapes = [
    [64, 512, 512],
    [21, 512, 512],
  ];
  assert.equal(imagesWithin(shapes, 100), 1);
  assert.equal(imagesWithin(shapes.slice(1), 100), 6);
  assert.equal(imagesWithin([[1024, 1024, 1024]], 16), 1);
});
