// trained.js: a float network of this project's own and models that were made of it, ready to be measured.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { createRandom, decodeNetwork, encodeNetwork, inputsOf, lower } from "../../dist/graph/index.js";
import { decodeModel, encodeModel, ShiftwiseError } from "../../dist/model/index.js";
import { exportOnnx } from "../../dist/onnx/index.js";
import { macsOf } from "../networks.js";

/**
 * @param path of the float network, which `train` or `results` wrote
 * @param models paths of models of it
 * @returns what prepareField gives, of each model the size of its file, and network: the float network with its batch norm in the weights, as an exported file has it
 */
export function prepareTrained(path, models) {
  const network = withoutNorms(decodeNetwork(new Uint8Array(readFileSync(path)), path).network);
  const random = createRandom(3);
  const input = Object.fromEntries(
    inputsOf(network).map(({ name, shape }) => {
      const size = shape.reduce((product, n) => product * n);
      return [name, Float32Array.from({ length: size }, () => random.normal())];
    }),
  );
  return {
    name: network.name,
    macs: macsOf(network),
    float: exportOnnx(lower(network, { grids: null }), { form: "float32" }),
    network: encodeNetwork(network),
    input,
    models: models.map(prepareModel),
  };
}

function prepareModel(path) {
  const file = new Uint8Array(readFileSync(path));
  const def = decodeModel(file);
  const model = { ...def, inputs: def.inputs.map(({ normalization: _, ...port }) => port) };
  const id = basename(path, ".safetensors");
  return { id, snr: Number.NaN, size: file.length, bytes: encodeModel(model), qdq: qdqOf(model) };
}

/** The model for int8 runtimes; null where its activations are no even steps. */
function qdqOf(model) {
  try {
    return exportOnnx(model, { form: "qdq" });
  } catch (error) {
    if (error instanceof ShiftwiseError && error.code === "UNSUPPORTED") return null;
    throw error;
  }
}

/** The network with every batch norm in the layer before it, and an input of real values. */
function withoutNorms(network) {
  const norms = new Map(network.nodes.filter(({ op }) => op === "batchNorm").map((norm) => [norm.input, norm]));
  const moved = new Map([...norms.values()].map(({ name, input }) => [name, input]));
  const of = (name) => moved.get(name) ?? name;
  const nodes = network.nodes
    .filter(({ name }) => !moved.has(name))
    .map((node) => {
      const { normalization: _, ...plain } = node;
      const wired = {
        ...plain,
        ...(node.input && { input: of(node.input) }),
        ...(node.inputs && { inputs: node.inputs.map(of) }),
      };
      return norms.has(node.name) ? folded(wired, norms.get(node.name)) : wired;
    });
  return { ...network, nodes, outputs: network.outputs.map(of) };
}

function folded(layer, { gamma, beta, mean, variance, epsilon }) {
  const factors = gamma.data.map((g, c) => g / Math.sqrt(variance.data[c] + epsilon));
  const { shape, data } = layer.weight;
  const depth = data.length / shape[0];
  const bias = factors.map((f, c) => f * ((layer.bias?.data[c] ?? 0) - mean.data[c]) + beta.data[c]);
  return {
    ...layer,
    weight: { shape, data: data.map((w, i) => w * factors[Math.floor(i / depth)]) },
    bias: { shape: [shape[0]], data: bias },
  };
}
