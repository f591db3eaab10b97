// helpers.js: small networks and data that the training tests share.

import { createRandom } from "../../dist/base/index.js";
import { createEngine } from "../../dist/engine/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { lossOf } from "../oracle/loss.js";
import { backward, forward, parametersOf } from "../oracle/network.js";

/** A network of `body(builder, input)`, flattened into a dense layer of 4 classes unless `body` ends in a vector. */
export function small(shape, body, seed = 1) {
  const b = buildNetwork("small", createRandom(seed));
  return b.finish([b.dense(body(b, b.input(shape)), 4)]);
}

/** Batch norm values that do something: a fresh network has gamma 1 and beta 0. */
export function disturb(network, seed = 7) {
  const random = createRandom(seed);
  for (const node of network.nodes) {
    if (node.op !== "batchNorm") continue;
    for (let c = 0; c < node.gamma.data.length; c++) {
      node.gamma.data[c] = 0.5 + random.uniform();
      node.beta.data[c] = random.normal() / 2;
      node.mean.data[c] = random.normal() / 2;
      node.variance.data[c] = 0.5 + random.uniform();
    }
  }
  return network;
}

export function randomImages(network, count, seed = 3) {
  const random = createRandom(seed);
  const [c, h, w] = network.nodes[0].shape;
  return Float32Array.from({ length: count * c * h * w }, () => random.normal());
}

/** Largest difference, relative to the largest value expected or to 0.01: sums that cancel leave their rounding. */
export function distance(found, expected) {
  let most = 0;
  let scale = 1e-2;
  for (let i = 0; i < expected.length; i++) {
    most = Math.max(most, Math.abs(found[i] - expected[i]));
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return found.length === expected.length ? most / scale : Number.POSITIVE_INFINITY;
}

/** Logits, loss and every parameter gradient of the engine against the float64 reference: the worst distance. */
export function engineAgainstReference(network, count, options = {}) {
  const { mode = "train", batch = count, smoothing = 0.1, seed = 0, soft = null } = options;
  const images = randomImages(network, count);
  const engine = createEngine(network, { batch });
  const labels = Uint8Array.from({ length: count }, (_, i) => (i * 7) % engine.classes);
  const parameters = parametersOf(network);
  const tensors = forward(network, parameters, images, count, mode, seed);
  const logits = tensors.get(network.outputs[0]);
  const expected = lossOf(logits, labels, smoothing, soft);
  const gradients = new Map([[network.outputs[0], expected.gradient]]);
  backward(network, parameters, tensors, count, mode, gradients, seed);

  const distances = { logits: distance(engine.forward(images, count, mode, seed), logits) };
  distances.loss = Math.abs(engine.loss(labels, count, smoothing, soft).loss / count - expected.loss);
  engine.backward();
  for (const { node, field, offset, tensor } of engine.layout.entries) {
    const found = engine.gradients.subarray(offset, offset + tensor.data.length);
    distances[`${node}.${field}`] = distance(found, gradients.get(`${node}.${field}`));
  }
  return distances;
}

/** Images of three classes that differ by where the bright square is; learnable in a few steps, not in one. */
export function squares(count, seed = 1) {
  const random = createRandom(seed);
  const images = new Uint8Array(count * 64);
  const labels = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    labels[n] = random.below(3);
    for (let i = 0; i < 64; i++) {
      const [y, x] = [i >> 3, i & 7];
      const inside = labels[n] === 0 ? y < 4 && x < 4 : labels[n] === 1 ? y > 3 && x > 3 : y < 4 && x > 3;
      images[n * 64 + i] = Math.min(255, random.below(180) + (inside ? 60 : 0));
    }
  }
  return { images, labels, shape: [1, 8, 8], classes: 3, normalization: { mean: [0.4], std: [0.25] } };
}

/** conv, batch norm, ReLU, residual block, pooling, dropout, dense on 1x8x8 and 3 classes: about 1,000 weights. */
export function tinyNetwork(seed = 1) {
  const b = buildNetwork("tiny", createRandom(seed));
  const x = b.relu(b.batchNorm(b.conv(b.input([1, 8, 8]), 8)));
  const y = b.relu(b.add(b.batchNorm(b.conv(x, 8)), x));
  return b.finish([b.dense(b.dropout(b.maxPool(y, 2), 0.1), 3)]);
}

/** All parameters of a network in one array of bits. */
export function bitsOf(network) {
  const floats = network.nodes.flatMap((node) =>
    Object.values(node).flatMap((value) => (value?.data instanceof Float32Array ? [...value.data] : [])),
  );
  return new Uint32Array(Float32Array.from(floats).buffer);
}
