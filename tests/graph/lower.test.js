// lower.test.js: lowered models compute what their networks compute, with the layers fused as they should be.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, demoNetwork, inferShapes, lower } from "../../dist/graph/index.js";
import { decodeModel, encodeModel } from "../../dist/model/index.js";
import { KNOWN } from "../ops/steps.js";
import { toReal } from "../oracle/encodings.js";
import { runModel } from "../oracle/model.js";
import { evaluate } from "../oracle/network.js";
import { randomNetwork } from "./random_networks.js";

const FLOAT32 = { kind: "float32" };
const INPUT = { kind: "linear", scale: 0.0213, zero: 100, max: 255 };
const RELU = { kind: "linear", scale: 0.0371, zero: 0, max: 255 };
const SIGNED = { kind: "linear", scale: 0.0517, zero: 128, max: 255 };
const LEVELS = { kind: "levels", scale: 0.131, levels: [0, 1, 2, 4, 8, 16], thresholds: [0.75, 1.5, 3, 6, 12] };

/** Compares all tensors of the model that are named after nodes with the network's, and the outputs. */
function assertSame({ network, shapes, grids, image, values }) {
  const def = lower(network, { grids });
  const raw = runModel(def, image);
  for (const [name, found] of raw) {
    const expected = values.get(name);
    if (!expected) continue;
    const { shape, encoding } = def.tensors[name];
    assert.deepEqual(shape, shapes.get(name));
    if (def.inputs.some((port) => port.tensor === name) && encoding.kind === "float32") continue;
    const span = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    found.forEach((value, i) => {
      const difference = Math.abs(toReal(value, encoding) - expected[i]);
      assert.ok(difference <= 2e-6 * span, `${name}[${i}]: ${toReal(value, encoding)} for ${expected[i]}`);
    });
  }
  for (const { name, tensor } of def.outputs) {
    assert.deepEqual(def.tensors[tensor].encoding, FLOAT32);
    const expected = values.get(name);
    const span = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    raw.get(tensor).forEach((value, i) => {
      assert.ok(Math.abs(value - expected[i]) <= 2e-6 * span, `output ${name}[${i}]`);
    });
  }
  assert.deepEqual(
    def.outputs.map((port) => port.name),
    network.outputs,
  );
  assert.deepEqual(decodeModel(encodeModel(def)), def);
  return def;
}

test("random quantized networks: the same integers and the same outputs", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      assertSame(randomNetwork(seed, true));
    }),
    { seed: 11, numRuns: 300 },
  );
});

test("random float networks", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const def = assertSame(randomNetwork(seed, false));
      for (const { encoding } of Object.values(def.tensors)) assert.equal(encoding.kind, "float32");
    }),
    { seed: 12, numRuns: 200 },
  );
});

/** A network whose weights get random codes, written by `make`. */
function written(make, outputs = (last) => [last]) {
  const random = createRandom(5);
  const b = buildNetwork("written", random);
  const last = make(b, b.quantize(b.input([4, 6, 6]), INPUT));
  const network = b.finish(outputs(last));
  const grids = new Map();
  for (const node of network.nodes) {
    if (node.op === "batchNorm") {
      node.mean.data.forEach((_, c) => {
        node.gamma.data[c] = random.normal();
        node.beta.data[c] = random.normal();
        node.mean.data[c] = random.normal();
        node.variance.data[c] = 0.5 + random.uniform();
      });
    }
    if (!node.weight) continue;
    node.weight.data.forEach((_, i) => {
      node.weight.data[i] = random.below(5) === 0 ? 0 : (random.below(2) ? -1 : 1) * 2 ** -random.below(4);
    });
    grids.set(node.name, {
      kind: "powers",
      bits: 4,
      n1: 0,
      scale: null,
      frozen: new Uint8Array(node.weight.data.length).fill(1),
    });
  }
  const shapes = inferShapes(network);
  const image = Float64Array.from({ length: 144 }, () => Math.fround(random.normal()));
  return { network, shapes, grids, image, values: evaluate(network, image) };
}

/** "op name: input [+ residual] -> output" for each layer. */
const summary = (def) =>
  def.layers.map(({ op, name, input, inputs, output, residual }) => {
    return `${op} ${name}: ${inputs ?? input}${residual ? ` + ${residual.tensor}` : ""} -> ${output}`;
  });

test("conv, batch norm, ReLU and quantize are one layer; the input is encoded by the host", () => {
  const def = assertSame(written((b, x) => b.quantize(b.relu(b.batchNorm(b.conv(x, 3))), RELU)));
  assert.deepEqual(summary(def), [
    "conv conv1: quantize1 -> quantize2",
    "avgPool quantize2.float32: quantize2 -> quantize2.float32",
  ]);
  assert.deepEqual(def.inputs, [{ name: "input", tensor: "quantize1" }]);
  assert.deepEqual(def.tensors.quantize1.encoding, INPUT);
  assert.deepEqual(def.layers[0].epilogue.clamp, { low: 0 });
});

test("an add joins the later of two convolutions, whichever operand it is", () => {
  for (const order of [(a, b) => [a, b], (a, b) => [b, a]]) {
    const def = assertSame(
      written((b, x) =>
        b.quantize(b.relu(b.add(...order(b.batchNorm(b.conv(x, 3)), b.batchNorm(b.conv(x, 3))))), RELU),
      ),
    );
    assert.deepEqual(summary(def).slice(0, 2), [
      "conv conv1: quantize1 -> bn1",
      "conv conv2: quantize1 + bn1 -> quantize2",
    ]);
  }
});

test("an add joins the one convolution, with the other operand's zero point folded", () => {
  for (const order of [(a, b) => [a, b], (a, b) => [b, a]]) {
    const def = assertSame(written((b, x) => b.quantize(b.add(...order(x, b.conv(x, 4))), SIGNED)));
    assert.deepEqual(summary(def)[0], "conv conv1: quantize1 + quantize1 -> quantize2");
    assert.equal(def.layers[0].residual.scale, Math.fround(INPUT.scale / SIGNED.scale));
  }
});

test("a convolution that is rounded or clamped before the add does not take it in", () => {
  const relu = assertSame(written((b, x) => b.quantize(b.add(b.relu(b.conv(x, 4)), x), SIGNED)));
  assert.deepEqual(summary(relu).slice(0, 2), [
    "conv conv1: quantize1 -> relu1",
    "add add1: relu1 + quantize1 -> quantize2",
  ]);
  const rounded = assertSame(written((b, x) => b.relu(b.add(x, b.quantize(b.conv(x, 4), SIGNED)))));
  assert.deepEqual(summary(rounded), [
    "conv conv1: quantize1 -> quantize2",
    "add add1: quantize1 + quantize2 -> relu1",
  ]);
});

test("a tensor with a second reader, or that is an output, ends its layer", () => {
  const shared = assertSame(
    written((b, x) => {
      const y = b.conv(x, 4);
      return b.add(b.relu(y), y);
    }),
  );
  assert.deepEqual(summary(shared), [
    "conv conv1: quantize1 -> conv1",
    "avgPool relu1: conv1 -> relu1",
    "add add1: relu1 + conv1 -> add1",
  ]);
  const twice = assertSame(
    written((b, x) => {
      const y = b.conv(x, 4);
      return b.add(y, y);
    }),
  );
  assert.deepEqual(summary(twice), ["conv conv1: quantize1 -> conv1", "add add1: conv1 + conv1 -> add1"]);
  const output = assertSame(
    written(
      (b, x) => b.relu(b.conv(x, 4)),
      (last) => ["conv1", last],
    ),
  );
  assert.deepEqual(summary(output), ["conv conv1: quantize1 -> conv1", "avgPool relu1: conv1 -> relu1"]);
});

test("max pool and concat hand integers on; mixed encodings meet as float32", () => {
  const same = assertSame(written((b, x) => b.conv(b.concat([x, b.maxPool(x, 3, 1, 1)]), 2)));
  assert.deepEqual(same.tensors.concat1.encoding, INPUT);
  const mixed = assertSame(written((b, x) => b.concat([x, b.quantize(b.relu(b.conv(x, 2)), LEVELS)])));
  assert.deepEqual(summary(mixed).slice(1), [
    "avgPool quantize1.float32: quantize1 -> quantize1.float32",
    "avgPool quantize2.float32: quantize2 -> quantize2.float32",
    "concat concat1: quantize1.float32,quantize2.float32 -> concat1",
  ]);
});

test("dense layers fold batch norm but take no add; a batch norm alone is a depthwise convolution that takes one", () => {
  const dense = assertSame(
    written((b, x) => {
      const y = b.batchNorm(b.dense(x, 3));
      return b.add(y, b.dense(x, 3));
    }),
  );
  assert.deepEqual(summary(dense).at(-1), "add add1: bn1 + dense2 -> add1");
  const norm = assertSame(written((b, x) => b.add(x, b.batchNorm(b.maxPool(x, 3, 1, 1)))));
  assert.deepEqual(summary(norm).at(-1), "conv bn1: maxPool1 + quantize1 -> add1");
  assert.equal(norm.layers.at(-1).groups, 4);
});

test("quantizing to the encoding a tensor has adds no layer, and nodes nobody needs are left out", () => {
  const again = assertSame(written((b, x) => b.conv(b.quantize(b.maxPool(x, 2), INPUT), 2)));
  assert.deepEqual(summary(again), ["maxPool maxPool1: quantize1 -> maxPool1", "conv conv1: maxPool1 -> conv1"]);
  const dead = assertSame(
    written((b, x) => {
      const y = b.conv(x, 4);
      b.relu(y);
      return y;
    }),
  );
  assert.deepEqual(summary(dead), ["conv conv1: quantize1 -> conv1"]);
});

test("ReLU6 and ReLU meet in one clamp", () => {
  const def = assertSame(written((b, x) => b.relu(b.relu(b.conv(x, 4), 6))));
  assert.deepEqual(def.layers[0].epilogue.clamp, { low: 0, high: 6 });
});

test("an output that is the input, or quantized, gets its own float32 tensor", () => {
  const b = buildNetwork("same", createRandom(1));
  const network = b.finish([b.input([1, 2, 2])]);
  const shapes = inferShapes(network);
  const image = Float64Array.of(1, 2, 3, 4);
  const def = assertSame({ network, shapes, grids: null, image, values: new Map([["input", image]]) });
  assert.deepEqual(summary(def), ["avgPool input.float32: input -> input.float32"]);
});

test("batch norm never touches float weights", () => {
  const network = demoNetwork([1, 12, 12], 10, 3, 4);
  for (const node of network.nodes) if (node.op === "batchNorm") node.variance.data.fill(7);
  const def = lower(network, { grids: null });
  for (const node of network.nodes) {
    if (node.weight)
      assert.deepEqual(def.layers.find(({ name }) => name === node.name).weights.values, node.weight.data);
  }
});

test("what cannot be lowered names the node", () => {
  const fails = (change, message, code = "BAD_GRAPH") => {
    const { network, grids } = written((b, x) => b.dense(b.quantize(b.relu(b.conv(x, 3)), RELU), 2));
    assert.throws(
      () => lower(network, { grids: change(network, grids) ?? grids }),
      (error) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      },
    );
  };
  const weightOf = (network, name) => network.nodes.find((node) => node.name === name).weight.data;
  fails((network) => void (weightOf(network, "conv1")[17] = 0.75), /node conv1\.weight\[17\]: .*2\^-3\.\.2\^0.*0\.75/);
  fails((network) => void (weightOf(network, "conv1")[2] = 2), /node conv1\.weight\[2\]/);
  fails((network) => void (weightOf(network, "conv1")[2] = -(2 ** -4)), /node conv1\.weight\[2\]/);
  fails((_, grids) => void grids.delete("dense1"), /node dense1.*weight grid/);
  const { network } = written((b, x) => b.conv(x, 3));
  assert.throws(() => lower(network, { grids: null }), /node conv1.*float32 input, or grids.*linear/);
  const floating = written((b, x) => b.conv(b.conv(x, 3), 3));
  assert.throws(() => lower(floating.network, { grids: floating.grids }), /node conv2.*quantized input/);
});

test("sums beyond int32 are refused", () => {
  const b = buildNetwork("deep", createRandom(1));
  const network = b.finish([b.dense(b.quantize(b.input([65800, 1, 1]), INPUT), 1)]);
  const { data } = network.nodes.at(-1).weight;
  const grids = new Map([
    ["dense1", { kind: "powers", bits: 5, n1: 0, scale: null, frozen: new Uint8Array(data.length).fill(1) }],
  ]);
  data.fill(1);
  assert.throws(() => lower(network, { grids }), { code: "OVERFLOW" });
  data.fill(0.5);
  lower(network, { grids });
});

test("-0 in a network is 0 in its model, as a file would have it", () => {
  const b = buildNetwork("signs", createRandom(1));
  const padded = b.pad(b.input([1, 2, 2]), { channels: [0, 0], rows: [1, 0], columns: [0, 0] }, -0);
  const def = lower(b.finish([b.activation(padded, "elu", [-0])]), { grids: null });
  assert.deepEqual([def.layers[0].value, def.layers[1].parameters], [0, [0]]);
  assert.deepEqual(decodeModel(encodeModel(def)), def);
});

test("a function of real planes and a product that alone reads it are one layer where the product is rounded", () => {
  const make = ({ shape = [8, 1, 1], turned = false, rounded = true, plain = false, of = "conv", shared = false }) => {
    const def = assertSame(
      written((b, x) => {
        const real = of === "conv" ? b.conv(x, 8) : of === "pixel" ? b.dense(x, 8) : b.quantize(b.conv(x, 8), SIGNED);
        const f = plain ? b.activation(real, "tanh") : b.elementwise(real, KNOWN[0]);
        const size = shape.reduce((product, n) => product * n);
        const gains = b.constant(
          shape,
          Float32Array.from({ length: size }, (_, i) => (i - 2.5) / 3),
        );
        const product = b.binary("mul", ...(turned ? [gains, f] : [f, gains]));
        const made = rounded ? b.quantize(product, SIGNED) : product;
        return shared ? b.add(made, f) : made;
      }),
    );
    return def.layers.filter(({ op }) => ["elementwise", "activation", "binary", "constant"].includes(op));
  };
  for (const plain of [false, true]) {
    const layers = make({ plain });
    assert.deepEqual(
      layers.map(({ op, name, gains }) => [op, name, gains?.length]),
      [["elementwise", "mul1", 8]],
    );
  }
  const apart = [
    { turned: true },
    { rounded: false },
    { shared: true },
    { shape: [1, 6, 6] },
    { shape: [1, 1, 1] },
    { of: "integers" },
    { of: "pixel" },
  ];
  for (const options of apart) {
    const layers = make(options);
    assert.equal(layers.length, 3, JSON.stringify(options));
    assert.ok(layers.every(({ gains }) => gains === undefined));
  }
});

test("a slice and the pad behind it are one gather, unless something else reads the slice", () => {
  const make = (shared) =>
    assertSame(
      written((b, x) => {
        const part = b.slice(x, [0, 0, 0], [4, 6, 6], [1, 2, 2]);
        const padded = b.pad(part, { channels: [1, 0], rows: [0, 0], columns: [2, 0] });
        return shared
          ? b.add(
              b.conv(padded, 4),
              b.gather(part, { channels: [0, 1, 2, 3], rows: [0, 1, 2], columns: [0, 1, 2, -1, -1] }),
            )
          : padded;
      }),
    ).layers.filter(({ op }) => op === "gather");
  assert.deepEqual(
    make(false).map(({ name, input }) => [name, input]),
    [["pad1", "quantize1"]],
  );
  assert.equal(make(true).length, 3);
});

test("no -0 of a network gets into its model, as no file has one", () => {
  const REAL = ["parameters", "slope", "value", "weights"];
  let changed = 0;
  /** Makes numbers of up to 0, and the first of every list, -0. */
  const turn = (value, isReal) => {
    for (const [key, inner] of Object.entries(value)) {
      const real = isReal || REAL.includes(key);
      if (key === "shape") continue;
      if (typeof inner === "object" && inner && !ArrayBuffer.isView(inner)) turn(inner, real);
      else if (typeof inner === "number" && real && (inner <= 0 || key === "0")) {
        value[key] = -0;
        changed++;
      }
    }
  };
  for (let seed = 0; seed < 120; seed++) {
    const network = structuredClone(randomNetwork(seed, false).network);
    for (const node of network.nodes) turn(node, false);
    const def = lower(network, { grids: null });
    assert.deepStrictEqual(decodeModel(encodeModel(def)), def);
  }
  assert.ok(changed > 100, `${changed}`);
});
