// validate.ts: checks that a network is complete, consistent and finite.
import { ACTIVATIONS, BINARY_FUNCTIONS, elements, fields, validateEncoding } from "../format/index.js";
import type { Network } from "./network.js";
import { check, inferShapes, nodeInputs, nodeParameters } from "./shapes.js";

const { at } = fields;

/**
 * Checks names, order, shapes, parameters (finite, as long as their shape says) and encodings.
 * @param where file name for error messages
 * @throws BAD_GRAPH naming node and field; BAD_FILE for a malformed name
 */
export function validateNetwork(network: Network, where = ""): void {
  for (const node of network.nodes) {
    fields.identifier(node.name, at(where, "node name"));
    for (const name of nodeInputs(node)) fields.identifier(name, at(where, `node ${node.name}.input`));
  }
  const shapes = inferShapes(network, where);
  const inputs = network.nodes.filter((node) => node.op === "input");
  check(inputs.length === 1, at(where, "network"), "exactly one input node", inputs.length);
  check(network.outputs.length > 0, at(where, "network.outputs"), "at least one", 0);
  check(
    new Set(network.outputs).size === network.outputs.length,
    at(where, "network.outputs"),
    "names that differ",
    network.outputs,
  );
  for (const name of network.outputs) check(shapes.has(name), at(where, "network.outputs"), "the name of a node", name);

  for (const node of network.nodes) {
    const here = at(where, `node ${node.name}`);
    for (const [field, { shape, data }] of nodeParameters(node)) {
      const place = `${here}.${field}`;
      check(
        shape.every((n) => Number.isInteger(n) && n >= 1),
        `${place}.shape`,
        "positive integers",
        shape,
      );
      check(data.length === elements(shape), place, `${elements(shape)} values`, data.length);
      const bad = data.findIndex((value) => !Number.isFinite(value));
      check(bad < 0, `${place}[${bad}]`, "a finite number", String(data[bad]));
    }
    if (node.op === "input" && node.normalization) {
      const { mean, std } = node.normalization;
      const ok = mean.length === node.shape[0] && std.length === node.shape[0];
      check(ok && mean.every(Number.isFinite), `${here}.normalization`, `${node.shape[0]} finite means`, mean);
      check(
        std.every((s) => s > 0 && s < Infinity),
        `${here}.normalization`,
        `${node.shape[0]} positive stds`,
        std,
      );
    }
    if (node.op === "batchNorm") {
      const { epsilon, momentum, variance } = node;
      check(epsilon >= 0 && epsilon < Infinity, `${here}.epsilon`, "finite, >= 0", epsilon);
      check(momentum >= 0 && momentum <= 1, `${here}.momentum`, "a number in 0..1", momentum);
      const bad = variance.data.findIndex((v) => !(v >= 0 && v + epsilon > 0));
      check(bad < 0, `${here}.variance[${bad}]`, ">= 0, with epsilon > 0", variance.data[bad]);
    }
    if (node.op === "relu" && node.max !== undefined) {
      check(node.max > 0 && node.max < Infinity, `${here}.max`, "finite and positive", node.max);
    }
    if (node.op === "leakyRelu") {
      check(node.slope >= 0 && node.slope <= 1, `${here}.slope`, "a number in 0..1", node.slope);
    }
    if (node.op === "activation") {
      const { fn, parameters } = node;
      check(Object.hasOwn(ACTIVATIONS, fn), `${here}.fn`, "a known function", fn);
      const ok = parameters.length === ACTIVATIONS[fn] && parameters.every(Number.isFinite);
      check(ok, `${here}.parameters`, `${ACTIVATIONS[fn]} finite numbers`, parameters);
    }
    if (node.op === "binary") check(BINARY_FUNCTIONS.includes(node.fn), `${here}.fn`, "a known function", node.fn);
    if (node.op === "softmax") check([0, 1, 2].includes(node.axis), `${here}.axis`, "0, 1 or 2", node.axis);
    if (node.op === "resample") {
      for (const { weights } of [node.rows, node.columns]) {
        check(weights.every(Number.isFinite), `${here}.weights`, "finite numbers", weights);
      }
    }
    if (node.op === "pad" || node.op === "gather")
      check(Number.isFinite(node.value), `${here}.value`, "a finite number", String(node.value));
    if (node.op === "dropout") {
      check(node.rate >= 0 && node.rate < 1, `${here}.rate`, "a number in 0..1, 1 excluded", node.rate);
    }
    if (node.op === "quantize") validateEncoding(node.encoding, `${here}.encoding`);
  }
}
