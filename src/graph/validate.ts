// validate.ts: checks that a network is complete, consistent and finite.
import { described, firstNonFinite, guarded, isArray } from "../base/index.js";
import { at, type Check, checker, fields } from "../format/index.js";
import { checkPort, elements, nodeKind, nodeParameters, validateEncoding } from "../ops/index.js";
import { inputsOf, type Network } from "./network.js";
import { inferShapes, nodeChecker } from "./shapes.js";

/**
 * Checks names, order, shapes, parameters (finite, as long as their shape says) and encodings.
 * @param where file name for error messages
 * @throws BAD_GRAPH naming node and field; BAD_FILE for a malformed name
 */
export function validateNetwork(network: Network, where = ""): void {
  checked(network, where, true);
}

/**
 * Checks all but that parameters are finite: what costs no look at every weight.
 * @throws as validateNetwork
 */
export function checkNetwork(network: Network, where = ""): void {
  checked(network, where, false);
}

function checked(network: Network, where: string, finite: boolean): void {
  const details = { where, expected: "a Network with its nodes", found: described(network) };
  guarded(() => checkNodes(network, where, finite), "BAD_GRAPH", "this is no network", details);
}

function checkNodes(network: Network, where: string, finite: boolean): void {
  for (const node of network.nodes) {
    fields.identifier(node.name, at(where, "node name"));
  }
  const shapes = inferShapes(network, where);
  const check: Check = checker(where, "invalid network");
  const inputs = inputsOf(network);
  check(inputs.length > 0, "network", "an input node", 0);
  const { outputs } = network;
  check(outputs.length > 0, "network.outputs", "at least one", 0);
  check(new Set(outputs).size === outputs.length, "network.outputs", "names that differ", outputs);
  for (const name of outputs) check(shapes.has(name), "network.outputs", "the name of a node", name);

  const names = inputs.map(({ name }) => name);
  const ports = new Set([...names, ...outputs]);
  for (const [name, port] of Object.entries(network.ports ?? {})) {
    const place = `network.ports.${name}`;
    check(ports.has(name), place, "an input or output", name);
    checkPort(port, shapes.get(name)!, place, check);
    check(!port.channelsLast || names.includes(name), `${place}.channelsLast`, "an input", name);
  }

  for (const [name, encoding] of Object.entries(network.encodings ?? {})) {
    validateEncoding(encoding, at(where, `network.encodings.${name}`));
  }

  for (const node of network.nodes) {
    const checkNode: Check = nodeChecker(node.name, where);
    for (const [field, { shape, data }] of nodeParameters(node)) {
      checkNode(isArray(data, "Float32Array"), field, "a Float32Array", data);
      const positive = shape.every((n) => Number.isInteger(n) && n >= 1);
      checkNode(positive, `${field}.shape`, "positive integers", shape);
      checkNode(data.length === elements(shape), field, `${elements(shape)} values`, data.length);
      if (!finite) continue;
      const bad = firstNonFinite(data);
      checkNode(bad < 0, `${field}[${bad}]`, "a finite number", String(data[bad]));
    }
    nodeKind(node).check?.(node, checkNode);
  }
}
