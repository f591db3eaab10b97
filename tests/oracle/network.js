// network.js: a float network forward and backward in float64, one node at a time: slow and obviously right.
import { inferShapes } from "../../dist/graph/index.js";
import { nodeInputs, nodeParameters } from "../../dist/ops/index.js";
import { input, quantize } from "./encodings.js";
import { FUNCTIONS } from "./functions.js";
import { MOVES } from "./moves.js";
import { batchNorm } from "./norm.js";
import { PRODUCTS } from "./products.js";
import { WINDOWS } from "./windows.js";

/**
 * A node with everything that it reads; tensors are (count, channels, height, width).
 * @typedef {object} Call
 * @property {object} node
 * @property {number} count of images
 * @property {readonly number[][]} shapes of the inputs, (channels, height, width)
 * @property {readonly number[]} shape of the result
 * @property {readonly Float64Array[]} inputs
 * @property {(field: string) => Float64Array} parameter
 * @property {"train" | "frozen" | "eval"} mode
 * @property {number} seed of dropout
 */

/**
 * Each kind of node: `forward` returns the values of its tensor y; `backward` adds to the gradients dxs of its inputs and
 * returns those of its parameters by field, if it has any.
 * @type {Record<string, { forward(call: Call): Float64Array, backward(call: Call, dy: Float64Array, dxs: Float64Array[],
 *   y: Float64Array): Record<string, Float64Array> | void }>}
 */
export const NODES = { input, quantize, batchNorm, ...FUNCTIONS, ...MOVES, ...PRODUCTS, ...WINDOWS };

/** The parameters of a network as float64 copies by "node.field". */
export function parametersOf(network) {
  return new Map(
    network.nodes.flatMap((node) =>
      nodeParameters(node).map(([field, { data }]) => [`${node.name}.${field}`, Float64Array.from(data)]),
    ),
  );
}

/** All tensors of a network by name, for a batch of images. */
export function forward(network, parameters, images, count, mode, seed = 0) {
  const tensors = new Map();
  const pass = { images: Float64Array.from(images), count, mode, seed };
  for (const call of calls(network, parameters, tensors, pass)) {
    tensors.set(call.node.name, NODES[call.node.op].forward(call));
  }
  return tensors;
}

/** All tensors of a network by name, for one image and the parameters that the network has. */
export function evaluate(network, image) {
  return forward(network, parametersOf(network), image, 1, "eval");
}

/**
 * Gradients of all tensors and parameters, given those of the outputs.
 * @param tensors of the forward pass
 * @param gradients of the output tensors; the others are added to it
 */
export function backward(network, parameters, tensors, count, mode, gradients, seed = 0) {
  const pass = { count, mode, seed };
  for (const call of [...calls(network, parameters, tensors, pass)].reverse()) {
    const { name, op } = call.node;
    const dy = gradients.get(name);
    if (!dy) continue;
    const dxs = call.inputs.map((x) => new Float64Array(x.length));
    const fields = NODES[op].backward(call, dy, dxs, tensors.get(name)) ?? {};
    for (const [i, source] of nodeInputs(call.node).entries()) {
      const sum = gradients.get(source);
      if (sum) for (let j = 0; j < sum.length; j++) sum[j] += dxs[i][j];
      else gradients.set(source, dxs[i]);
    }
    for (const [field, gradient] of Object.entries(fields)) gradients.set(`${name}.${field}`, gradient);
  }
}

function* calls(network, parameters, tensors, pass) {
  const shapes = inferShapes(network);
  for (const node of network.nodes) {
    const names = nodeInputs(node);
    yield {
      ...pass,
      node,
      shape: shapes.get(node.name),
      shapes: names.map((name) => shapes.get(name)),
      inputs: names.map((name) => tensors.get(name)),
      parameter: (field) => parameters.get(`${node.name}.${field}`),
    };
  }
}
