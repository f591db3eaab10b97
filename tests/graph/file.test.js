// file.test.js: trainable networks: round trips with grids and text, and damaged files as typed errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom, ShiftwiseError } from "../../dist/base/index.js";
import { readSafetensors, sealFile } from "../../dist/format/index.js";
import { buildNetwork, decodeNetwork, demoNetwork, encodeNetwork, lower } from "../../dist/graph/index.js";
import { decodeModel, encodeModel } from "../../dist/model/index.js";
import { changesOf } from "../format/changes.js";
import { randomNetwork } from "./random_networks.js";

const seed = 4;

/** A network with every kind of node that the random ones have, and partly frozen weights. */
const sample = (() => {
  for (let s = 0; ; s++) {
    const { network, grids } = randomNetwork(s, true);
    const ops = new Set(network.nodes.map((node) => node.op));
    if (!["conv", "dense", "batchNorm", "relu", "quantize", "add"].every((op) => ops.has(op))) continue;
    const first = network.nodes.find((node) => node.name === [...grids.keys()][0]);
    if (
      grids.size < 2 ||
      [...grids.values()].some(({ kind }) => kind !== "powers") ||
      !first.weight.data.some((weight, i) => i % 2 && weight !== 0)
    )
      continue;
    for (const { frozen } of grids.values()) frozen.set(frozen.map((_, i) => i % 2));
    return { network: { ...network, labels: ["a", "b"] }, grids, metadata: { epoch: "3", note: "“ü”\n" } };
  }
})();
const valid = encodeNetwork(sample.network, sample);
const { tensors, metadata } = readSafetensors(valid);

function errorOf(bytes, where) {
  try {
    decodeNetwork(bytes, where);
  } catch (error) {
    assert.ok(error instanceof ShiftwiseError, error?.stack);
    return error;
  }
  return assert.fail("decoded");
}

function withGraph(change) {
  const graph = JSON.parse(metadata.graph);
  change(graph);
  return sealFile("network", graph, tensors, Number(metadata.version));
}

test("network, grids and text come back as they were, and give the same bytes again", () => {
  const file = decodeNetwork(valid);
  assert.deepEqual(file, sample);
  assert.deepEqual(encodeNetwork(file.network, file), valid);
});

test("random networks come back as they were", () => {
  fc.assert(
    fc.property(fc.nat(), fc.boolean(), (n, quantized) => {
      const { network, grids } = randomNetwork(n, quantized);
      const extra = grids ? { grids } : {};
      assert.deepEqual(decodeNetwork(encodeNetwork(network, extra)), {
        network,
        grids: grids ?? new Map(),
        metadata: {},
      });
    }),
    { seed, numRuns: 100 },
  );
});

test("normalization, ReLU6 and pools with padding", () => {
  const network = demoNetwork([3, 8, 8], 4, 1, 2);
  const [input, ...rest] = network.nodes;
  const normalized = {
    ...network,
    nodes: [{ ...input, normalization: { mean: [0, 0.5, 1], std: [1, 2, 3] } }, ...rest],
  };
  assert.deepEqual(decodeNetwork(encodeNetwork(normalized)).network, normalized);
});

test("parameters that were read are copies, so training cannot change the bytes", () => {
  const { network } = decodeNetwork(valid);
  for (const node of network.nodes) node.weight?.data.fill(0);
  assert.deepEqual(decodeNetwork(valid).network, sample.network);
});

test("every truncation and every flipped bit is found", () => {
  for (let length = 0; length < valid.length; length += 7) {
    assert.equal(errorOf(valid.subarray(0, length)).code, "TRUNCATED");
  }
  const bytes = valid.slice();
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] ^= 1 << (i % 8);
    assert.ok(["BAD_FILE", "TRUNCATED", "CHECKSUM"].includes(errorOf(bytes).code));
    bytes[i] ^= 1 << (i % 8);
  }
});

test("a graph changed anywhere and sealed again: nothing but a ShiftwiseError, or a valid network", () => {
  fc.assert(
    fc.property(changesOf(JSON.parse(metadata.graph), ["input", "conv1"]), ({ path, change }) => {
      const bytes = withGraph(change);
      try {
        decodeNetwork(bytes);
      } catch (error) {
        assert.ok(error instanceof ShiftwiseError, `${path}: ${error?.stack}`);
      }
    }),
    { seed, numRuns: 3000 },
  );
});

test("errors name the file and the field", () => {
  const conv = JSON.parse(metadata.graph).nodes.findIndex((node) => node.op === "conv");
  const { name } = sample.network.nodes[conv];
  const cases = [
    [(g) => delete g.nodes[conv].stride, "BAD_FILE", new RegExp(`^n\\.sw: graph\\.nodes\\[${conv}\\].*"stride"`)],
    [(g) => (g.nodes[conv].bias = 1), "BAD_FILE", /\.bias/],
    [(g) => (g.nodes[conv].bias = String(g.nodes[conv].bias)), "BAD_FILE", /\.bias/],
    [(g) => (g.grids[0].scaled = "true"), "BAD_FILE", /^n\.sw: graph\.grids\[0\]/],
    [(g) => (g.nodes[conv].input = "nowhere"), "BAD_GRAPH", new RegExp(`^n\\.sw: node ${name}: .*nowhere`)],
    [(g) => (g.outputs = ["nowhere"]), "BAD_GRAPH", /^n\.sw: network\.outputs/],
    [(g) => (g.outputs = []), "BAD_GRAPH", /^n\.sw: network\.outputs/],
    [(g) => (g.grids[0].n1 = 1000), "BAD_FILE", /^n\.sw: graph\.grids\[0\]\.n1/],
    [(g) => (g.grids[0].n1 = 90), "BAD_GRAPH", /^n\.sw: grid of \w+\.frozen\[\d+\]/],
    [(g) => (g.grids[0].node = "input"), "BAD_GRAPH", /^n\.sw: graph\.grids\[0\]\.node/],
    [(g) => (g.grids[0] = g.grids[1]), "BAD_FILE", /^n\.sw: tensor \w+\.(frozen|gridScale)/],
    [(g) => g.grids.pop(), "BAD_FILE", /^n\.sw: tensor \w+\.(frozen|gridScale)/],
  ];
  for (const [change, code, place] of cases) {
    const error = errorOf(withGraph(change), "n.sw");
    assert.equal(error.code, code, error.message);
    assert.match(error.message, place);
  }
});

test("a model is not a network, nor a network a model", () => {
  const model = encodeModel(lower(demoNetwork([1, 8, 8], 2, 1, 2), { grids: null }));
  assert.match(errorOf(model).where, /kind/);
  assert.throws(() => decodeModel(valid), { code: "BAD_FILE" });
});

test("a grid's scale and levels come back; weights are held against both", () => {
  const b = buildNetwork("scaled", createRandom(3));
  const network = b.finish([b.dense(b.input([3, 1, 1]), 2)]);
  const { name, weight } = network.nodes[1];
  const scale = Float32Array.of(0.1, 0.3);
  weight.data.set([-2, 0, 5, 5, -2, 0].map((level, i) => scale[Math.floor(i / 3)] * level));
  const frozen = new Uint8Array(6).fill(1);
  const book = new Map([[name, { kind: "codebook", levels: [-2, 0, 5], scale, frozen }]]);
  assert.deepEqual(decodeNetwork(encodeNetwork(network, { grids: book })).grids, book);
  const write = (change) => () =>
    encodeNetwork(network, { grids: new Map([[name, { ...book.get(name), ...change }]]) });
  assert.throws(write({ levels: [-2, 5, 0] }), { code: "BAD_GRAPH", where: `grid of ${name}.levels` });
  assert.throws(write({ levels: [0] }), { code: "BAD_GRAPH", where: `grid of ${name}.levels` });
  assert.throws(write({ scale: Float32Array.of(0.1) }), { code: "BAD_GRAPH", where: `grid of ${name}.scale` });
  assert.throws(write({ scale: Float32Array.of(0.1, 0) }), { code: "BAD_GRAPH", where: `grid of ${name}.scale[1]` });
  assert.throws(write({ levels: [-3, 0, 5] }), { code: "BAD_GRAPH", where: `grid of ${name}.frozen[0]` });
  write({ levels: [-3, 0, 5], frozen: Uint8Array.of(0, 1, 1, 1, 0, 1) })();
  weight.data.set([0.1, -0.2, 0, 0.3, 0.6, 1.2].map(Math.fround));
  weight.data.set(
    [1, 2, 4].map((level) => scale[1] * level),
    3,
  );
  const powers = new Map([[name, { kind: "powers", bits: 4, n1: 2, scale, frozen }]]);
  assert.deepEqual(decodeNetwork(encodeNetwork(network, { grids: powers })).grids, powers);
});

test("a node with a field that no reader knows is not written", () => {
  const { network } = sample;
  const nodes = network.nodes.map((node) => ({ ...node, comment: "mine" }));
  assert.throws(() => encodeNetwork({ ...network, nodes }), { code: "BAD_FILE", found: "comment" });
});

test("grids that do not belong are not written", () => {
  const { network } = sample;
  const conv = network.nodes.find((node) => node.op === "conv");
  const grid = { kind: "powers", bits: 5, n1: 0, scale: null, frozen: new Uint8Array(conv.weight.data.length) };
  const write = (name, change) => encodeNetwork(network, { grids: new Map([[name, { ...grid, ...change }]]) });
  write(conv.name, {});
  assert.throws(() => write("input", {}), { code: "BAD_GRAPH" });
  assert.throws(() => write(conv.name, { bits: 6 }), { code: "BAD_GRAPH" });
  assert.throws(() => write(conv.name, { n1: 0.5 }), { code: "BAD_GRAPH" });
  assert.throws(() => write(conv.name, { frozen: new Uint8Array(1) }), { code: "BAD_GRAPH" });
  assert.throws(() => write(conv.name, { frozen: grid.frozen.map(() => 2) }), { code: "BAD_GRAPH" });
});

test("a NaN among the parameters is not written", () => {
  const network = demoNetwork([1, 8, 8], 2, 1, 2);
  network.nodes.find((node) => node.op === "conv").weight.data[3] = Number.NaN;
  assert.throws(() => encodeNetwork(network), /node conv1\.weight\[3\].*NaN/);
});
