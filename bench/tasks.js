// tasks.js: what is measured: a layer or a network with its input, its quantized forms, and the right answers.

import { createRandom, lower } from "../dist/graph/index.js";
import {
  chooseExponent,
  encodingGroups,
  insertQuantizers,
  powersOfTwo,
  quantizationPoints,
  quantizeToLevel,
} from "../dist/quantize/index.js";
import { macsOf } from "./networks.js";
import { runPlain } from "./reference.js";

/** Weight bits, largest activation, and the share of weights pruned at random before INQ rounds the rest. */
export const variants = {
  w5a8: { bits: 5, max: 255, pruned: 0 },
  w4a8: { bits: 4, max: 255, pruned: 0 },
  w3a8: { bits: 3, max: 255, pruned: 0 },
  w5a4: { bits: 5, max: 15, pruned: 0 },
  w3a4: { bits: 3, max: 15, pruned: 0 },
  w5a8_pruned90: { bits: 5, max: 255, pruned: 0.9 },
};

/**
 * A task: name, kind ("layer" or "network"), network (float32), products, input (float32 values), ranges (least and
 * largest value of every node's tensor), expected (float32 output), and
 * shifted(variant) -> { def, expected, zeros }: the model to run, its output bit for bit, its share of zero weights.
 */
export function layerTask({ name, kind, network, macs, counts }) {
  const [input] = network.nodes;
  // pixels of a normalized image, or what a ReLU left over
  const draw = input.shape[0] === 3 ? (x) => x : (x) => Math.max(x, 0);
  return { ...task("layer", name, network, draw), layerKind: kind, macs, counts };
}

export function networkTask(network, title) {
  return { ...task("network", network.name, network, (x) => x), title, macs: macsOf(network) };
}

function task(kind, name, network, draw) {
  const random = createRandom(7);
  const input = Float32Array.from({ length: network.nodes[0].shape.reduce((product, n) => product * n) }, () =>
    draw(random.normal()),
  );
  const everything = runPlain(
    lower({ ...network, outputs: network.nodes.map((node) => node.name) }, { grids: null }),
    input,
  );
  const ranges = new Map(Object.entries(everything).map(([node, values]) => [node, rangeOf(values)]));
  const made = new Map();
  const shifted = (variant) => {
    if (!made.has(variant)) made.set(variant, quantize(kind, network, ranges, variants[variant], input));
    return made.get(variant);
  };
  return { kind, name, network, input, ranges, expected: everything[network.outputs[0]], shifted };
}

function rangeOf(values) {
  let low = 0;
  let high = 0;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

/** The linear encoding of a range with 0 in it. */
export function linear([low, high], max) {
  const scale = Math.fround((high - low) / max);
  return { kind: "linear", scale, zero: Math.round(-low / scale), max };
}

/** The common range of the nodes that one encoding must serve, for every node of a group. */
export function groupRanges(network, ranges) {
  const joined = new Map(ranges);
  for (const group of encodingGroups(network)) {
    const range = [Math.min(...group.map((n) => ranges.get(n)[0])), Math.max(...group.map((n) => ranges.get(n)[1]))];
    for (const name of group) joined.set(name, range);
  }
  return joined;
}

function quantize(kind, network, ranges, { bits, max, pruned }, input) {
  const random = createRandom(11);
  const grids = new Map();
  let zeros = 0;
  let count = 0;
  const nodes = network.nodes.map((node) => {
    if (node.op !== "conv" && node.op !== "dense") return node;
    const data = node.weight.data.slice();
    if (pruned > 0) for (let i = 0; i < data.length; i++) if (random.uniform() < pruned) data[i] = 0;
    // the exponent rule that INQ here takes for so many bits
    const book = powersOfTwo(bits, chooseExponent(data, bits, bits >= 4 ? "max" : "mse", node.name));
    for (let i = 0; i < data.length; i++) {
      data[i] = quantizeToLevel(data[i], book);
      zeros += Number(data[i] === 0);
    }
    grids.set(node.name, {
      kind: "powers",
      bits,
      n1: book.n1,
      scale: null,
      frozen: new Uint8Array(data.length).fill(1),
    });
    count += data.length;
    return { ...node, weight: { ...node.weight, data } };
  });
  const joined = groupRanges(network, ranges);
  const [first] = network.nodes;
  // images keep 8 bits whatever the width of the activations
  const encode = (name) => linear(joined.get(name), name === first.name && first.shape[0] === 3 ? 255 : max);
  const points = quantizationPoints(network);
  let rounded = insertQuantizers({ ...network, nodes }, new Map(points.map((name) => [name, encode(name)])));
  if (kind === "layer") {
    // a layer inside a network hands on integers
    const [output] = network.outputs;
    const last = { op: "quantize", name: "z", input: output, encoding: encode(output) };
    rounded = { ...rounded, nodes: [...rounded.nodes, last], outputs: ["z"] };
  }
  const def = lower(rounded, { grids });
  const [expected] = Object.values(runPlain(def, input));
  return { def, expected, zeros: zeros / count };
}
