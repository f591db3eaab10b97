// chains.test.js: lowering, quantization points and training all cut a network into the same chains.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRandom } from "../../dist/base/index.js";
import { fuse, outputOf } from "../../dist/engine/fusion.js";
import {
  buildNetwork,
  findChains,
  insertQuantizers,
  liveNodes,
  lower,
  quantizationPoints,
  readersOf,
} from "../../dist/graph/index.js";
import { NODES, nodeInputs } from "../../dist/ops/index.js";
import { randomNetwork } from "./random_networks.js";

const EIGHT = { kind: "linear", scale: 0.5, zero: 0, max: 255 };
const names = (nodes) => nodes.map(({ name }) => name);
const live = (network) => ({ ...network, nodes: liveNodes(network.nodes, network.outputs) });
const isDropout = ({ op }) => op === "dropout";

/** Runs `holds` on random networks, one half with quantize nodes. */
function onNetworks(seed, holds, quantized = (n) => n % 2 === 0) {
  const property = fc.property(fc.nat(), (n) => holds(live(randomNetwork(n, quantized(n)).network), n));
  fc.assert(property, { seed, numRuns: 200 });
}

test("every node is in one chain, and each but the first is the only reader of the one before", () => {
  onNetworks(21, (network) => {
    const chains = findChains(network);
    const readers = readersOf(network.nodes);
    assert.deepEqual(names(chains.flatMap(({ nodes }) => nodes)).sort(), names(network.nodes).sort());
    for (const { head, nodes, tail } of chains) {
      assert.equal(nodes[0], head);
      assert.equal(nodes.at(-1).name, tail);
      for (const [i, node] of nodes.slice(1).entries()) {
        assert.ok(nodeInputs(node).includes(nodes[i].name));
        assert.deepEqual(readers.get(nodes[i].name), [node]);
        assert.ok(!network.outputs.includes(nodes[i].name));
      }
    }
    const ready = new Set();
    for (const { nodes } of chains) {
      for (const node of nodes) {
        assert.ok(nodeInputs(node).every((name) => ready.has(name)));
        ready.add(node.name);
      }
    }
  });
});

test("a tensor that is kept ends its chain", () => {
  onNetworks(22, (network, n) => {
    const { name } = network.nodes[n % network.nodes.length];
    const whole = findChains(network);
    const cut = findChains(network, [name]);
    assert.ok(cut.some(({ tail }) => tail === name));
    const before = new Set(names(whole.map(({ head }) => head)));
    // a dropout that is cut off hands on what it reads in a chain of its own
    const added = cut.filter(({ head }) => !before.has(head.name) && !isDropout(head));
    assert.ok(added.length <= 1);
  });
});

test("lowering makes a chain that computes one layer, and no layer of more than one", () => {
  fc.assert(
    fc.property(fc.nat(), (n) => {
      const { network, grids } = randomNetwork(n, n % 2 === 0);
      const { layers } = lower(network, { grids });
      const copies = layers.filter(({ name }) => /\.float32\+*$/.test(name));
      const chains = new Map(findChains(live(network)).map((chain) => [chain.head.name, chain]));
      for (const layer of layers) {
        if (!copies.includes(layer)) assert.equal(layer.output, chains.get(layer.name).tail);
      }
      const made = new Set(names(layers));
      // a function that a product with gains alone reads is in its layer
      const gained = layers.filter(({ gains }) => gains).map(({ name }) => chains.get(name).head.inputs[0]);
      for (const [name, { role, tail }] of chains) {
        const handsOn = ["input", "move", "pass", "round", "constant"].includes(role);
        assert.equal(handsOn || made.has(name), handsOn || !gained.includes(tail), name);
      }
    }),
    { seed: 23, numRuns: 200 },
  );
});

test("what is rounded is the ends of chains, and rounding cuts no chain", () => {
  const holds = (network) => {
    const points = quantizationPoints(network);
    const quantized = insertQuantizers(network, new Map(points.map((name) => [name, EIGHT])));
    const rounded = new Map(findChains(quantized).map(({ head, nodes }) => [head.name, names(nodes)]));
    for (const { head, role, nodes } of findChains(network)) {
      const point = points.find((name) => names(nodes).includes(name));
      if (!point) {
        assert.deepEqual(rounded.get(head.name), names(nodes));
        continue;
      }
      const end = nodes.findIndex(({ name }) => name === point) + 1;
      assert.ok(nodes.slice(end).every(isDropout) && !isDropout(nodes[end - 1]));
      // an output stays float32 beside what its readers read; products of two tensors and constants are rounded in layers of their own
      const apart = network.outputs.includes(point) || ["matrix", "constant"].includes(role);
      const quantizer = apart ? [] : [`${point}.quantized`];
      assert.deepEqual(rounded.get(head.name), [...names(nodes.slice(0, end)), ...quantizer]);
    }
  };
  onNetworks(24, holds, () => false);
});

test("training computes together only what is in one chain, and makes the end of each", () => {
  onNetworks(25, (network, n) => {
    const keep = n % 3 === 0 ? [network.nodes[n % network.nodes.length].name] : [];
    const chains = findChains(network, keep);
    const chainOf = new Map(chains.flatMap((chain) => names(chain.nodes).map((name) => [name, chain])));
    const fused = fuse(network, new Set(keep));
    const made = fused.map(outputOf);
    assert.equal(new Set(made).size, made.length);
    for (const { tail } of chains) assert.ok(made.includes(tail));
    for (const step of fused) {
      const members = chainOf.get(step.node.name).nodes;
      assert.equal(chainOf.get(outputOf(step)), chainOf.get(step.node.name));
      const [from, to] = [step.node.name, outputOf(step)].map((name) => names(members).indexOf(name));
      const together = members.slice(step.addition ? from - 1 : from, to + 1).map(({ op }) => op);
      assert.match(together.join(" "), /^(batchNorm( add)?( relu)?|add relu|\w+)$/);
    }
  });
});

test("clamps and dropouts in a row are one chain, rounded once", () => {
  const b = buildNetwork("net", createRandom(1));
  const conv = b.conv(b.input([2, 4, 4]), 2);
  const last = b.dropout(b.activation(b.relu(b.dropout(conv, 0.1)), "clip", [-1, 3]), 0.1);
  const network = b.finish([b.globalAvgPool(last)]);
  assert.deepEqual(quantizationPoints(network), ["input", "clip1"]);
  const [, chain] = findChains(network);
  assert.deepEqual(names(chain.nodes), ["conv1", "dropout1", "relu1", "clip1", "dropout2"]);
  assert.deepEqual(chain.ending.clamp, { low: 0, high: 3 });
  assert.deepEqual(
    fuse(network, new Set()).map(({ node }) => node.name),
    names(network.nodes),
  );
});

test("nodes that no output depends on change no quantization point", () => {
  const b = buildNetwork("net", createRandom(1));
  const relu = b.relu(b.conv(b.input([2, 4, 4]), 2));
  b.globalAvgPool(b.relu(b.conv(relu, 2)));
  const network = b.finish([b.globalAvgPool(relu)]);
  assert.deepEqual(quantizationPoints(network), ["input", "relu1"]);
});

test("a kind of node is a part of an epilogue where its role is to clamp, and nowhere else", () => {
  const samples = { relu: {}, activation: [{ fn: "clip", parameters: [-1, 2] }, { fn: "tanh" }] };
  for (const [op, kind] of Object.entries(NODES)) {
    for (const fields of [samples[op] ?? {}].flat()) {
      const node = { op, name: op, parameters: [], ...fields };
      assert.equal(kind.role(node) === "clamp", (kind.ending?.(node) ?? null) !== null, op);
    }
  }
});
