// file.ts: a trainable network to bytes and back (docs/format.md, kind "network").

import type { CodeBits, StoredTensor, TensorSource } from "../format/index.js";
import {
  ACTIVATIONS,
  BINARY_FUNCTIONS,
  elements,
  fields,
  openFile,
  readEncoding,
  readNormalization,
  readTaps,
  sealFile,
  storeBytes,
  storeFloats,
  tensorSource,
} from "../format/index.js";
import { validateGrid } from "./grid.js";
import type { ActivationNode, Network, Node, Tensor, WeightGrid, WeightGrids } from "./network.js";
import { check, nodeParameters } from "./shapes.js";
import { validateNetwork } from "./validate.js";

const { at, boolean, dictionary, identifier, integer, list, number, oneOf, pair, quad, record, text, texts, triple } =
  fields;
const expect: typeof fields.expect = fields.expect;

/** Fields of each kind of node besides op and name; tensors stand for their shapes. */
const NODE_FIELDS: Record<Node["op"], readonly string[]> = {
  input: ["shape"],
  conv: ["input", "weight", "bias", "stride", "dilation", "padding", "groups"],
  dense: ["input", "weight", "bias"],
  batchNorm: ["input", "channels", "epsilon", "momentum"],
  relu: ["input"],
  leakyRelu: ["input", "slope"],
  activation: ["input", "fn", "parameters"],
  maxPool: ["input", "kernel", "stride", "padding"],
  avgPool: ["input", "kernel", "stride"],
  globalAvgPool: ["input"],
  add: ["inputs"],
  concat: ["inputs"],
  binary: ["fn", "inputs"],
  constant: ["value"],
  gather: ["input", "channels", "rows", "columns", "value"],
  permute: ["input", "dims", "order", "shape"],
  resample: ["input", "shape", "rows", "columns"],
  softmax: ["input", "axis"],
  pad: ["input", "channels", "rows", "columns", "value"],
  slice: ["input", "start", "stop", "step"],
  dropout: ["input", "rate"],
  quantize: ["input", "encoding"],
};
const OPTIONAL_FIELDS: Partial<Record<Node["op"], readonly string[]>> = {
  input: ["normalization"],
  relu: ["max"],
  maxPool: ["dilation"],
};

export interface NetworkExtra {
  /** What INQ has decided so far; without it every weight is free. */
  readonly grids?: WeightGrids;
  /** Free text by name. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface NetworkFile {
  readonly network: Network;
  readonly grids: WeightGrids;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes network, weight grids and free text into one file. The same input gives the same bytes.
 * @throws what `validateNetwork` and `decodeNetwork` throw: nothing is ever written that cannot be read; BAD_GRAPH for a
 *   grid that belongs to no weight
 */
export function encodeNetwork(network: Network, { grids = new Map(), metadata = {} }: NetworkExtra = {}): Uint8Array {
  validateNetwork(network);
  validateGrids(network, grids, "");
  const tensors = new Map<string, StoredTensor>();
  const nodes = network.nodes.map((node) => {
    for (const [field, { shape, data }] of nodeParameters(node)) {
      tensors.set(`${node.name}.${field}`, storeFloats(shape, data));
    }
    if (node.op === "conv" || node.op === "dense") {
      const { weight, bias, ...rest } = node;
      return { ...rest, weight: weight.shape, bias: bias !== null };
    }
    if (node.op === "constant") return { ...node, value: node.value.shape };
    if (node.op === "batchNorm") {
      const { op, name, input, gamma, epsilon, momentum } = node;
      return { op, name, input, channels: gamma.data.length, epsilon, momentum };
    }
    return node;
  });
  for (const [name, { scale, frozen }] of grids) {
    tensors.set(`${name}.frozen`, storeBytes(frozen));
    if (scale) tensors.set(`${name}.gridScale`, storeFloats([scale.length], scale));
  }
  const { name, outputs, labels } = network;
  const numbers = [...grids].map(([node, grid]) =>
    grid.kind === "powers"
      ? { node, kind: grid.kind, bits: grid.bits, n1: grid.n1, scaled: grid.scale !== null }
      : { node, kind: grid.kind, levels: grid.levels },
  );
  const bytes = sealFile("network", { name, nodes, outputs, labels, grids: numbers, metadata }, tensors);
  decodeNetwork(bytes);
  return bytes;
}

/**
 * Reads and validates a file that `encodeNetwork` wrote.
 * @param where file name for error messages
 * @throws BAD_FILE, TRUNCATED, CHECKSUM, BAD_GRAPH
 */
export function decodeNetwork(bytes: Uint8Array, where = ""): NetworkFile {
  const file = openFile(bytes, "network", where);
  const source = tensorSource(file.tensors, where);
  const place = at(where, "graph");
  const graph = record(file.graph, place, ["name", "nodes", "outputs", "grids", "metadata"], ["labels"]);
  const network: Network = {
    name: identifier(graph.name, `${place}.name`),
    nodes: list(graph.nodes, `${place}.nodes`, (value, p) => readNode(value, p, source)),
    outputs: list(graph.outputs, `${place}.outputs`, identifier),
    ...(graph.labels !== undefined && { labels: list(graph.labels, `${place}.labels`, text) }),
  };
  validateNetwork(network, where);
  const weights = new Map(
    network.nodes.flatMap((n) => (n.op === "conv" || n.op === "dense" ? [[n.name, n.weight]] : [])),
  );
  const grids = list(graph.grids, `${place}.grids`, (value, p): [string, WeightGrid] => {
    const kinds = ["powers", "codebook"] as const;
    const kind = oneOf(text(dictionary(value, p).kind, `${p}.kind`) as WeightGrid["kind"], `${p}.kind`, kinds);
    const grid = record(
      value,
      p,
      kind === "powers" ? ["node", "kind", "bits", "n1", "scaled"] : ["node", "kind", "levels"],
    );
    const name = identifier(grid.node, `${p}.node`);
    const weight = weights.get(name);
    expect(weight !== undefined, `${p}.node`, "a conv or dense node", name, "BAD_GRAPH");
    const frozen = source.bytes(`${name}.frozen`, [elements(weight.shape)]).slice();
    const scale = () => source.floats(`${name}.gridScale`, [weight.shape[0]]);
    if (kind === "codebook") {
      return [name, { kind, levels: list(grid.levels, `${p}.levels`, number), scale: scale(), frozen }];
    }
    const bits = oneOf(number(grid.bits, `${p}.bits`), `${p}.bits`, [2, 3, 4, 5]) as CodeBits;
    const scaled = boolean(grid.scaled, `${p}.scaled`);
    const n1 = integer(grid.n1, `${p}.n1`, -126, 127);
    return [name, { kind, bits, n1, scale: scaled ? scale() : null, frozen }];
  });
  source.done();
  const result = new Map(grids);
  validateGrids(network, result, where);
  return { network, grids: result, metadata: texts(graph.metadata, `${place}.metadata`) };
}

function readNode(value: unknown, where: string, source: TensorSource): Node {
  const head = dictionary(value, where);
  const op = oneOf(text(head.op, `${where}.op`) as Node["op"], `${where}.op`, Object.keys(NODE_FIELDS) as Node["op"][]);
  const f = record(value, where, ["op", "name", ...NODE_FIELDS[op]], OPTIONAL_FIELDS[op]);
  const name = identifier(f.name, `${where}.name`);
  const tensor = (field: string, shape: readonly number[]): Tensor => {
    return { shape, data: source.floats(`${name}.${field}`, shape) };
  };
  if (op === "input") {
    const node = { op, name, shape: triple(f.shape, `${where}.shape`) } as const;
    if (f.normalization === undefined) return node;
    return { ...node, normalization: readNormalization(f.normalization, `${where}.normalization`) };
  }
  if (op === "add" || op === "concat" || op === "binary") {
    const inputs = list(f.inputs, `${where}.inputs`, identifier, op === "concat" ? undefined : 2);
    if (op === "concat") return { op, name, inputs };
    const two = [inputs[0], inputs[1]] as const;
    return op === "add"
      ? { op, name, inputs: two }
      : { op, name, fn: oneOf(f.fn, `${where}.fn`, BINARY_FUNCTIONS), inputs: two };
  }
  if (op === "constant") return { op, name, value: tensor("value", triple(f.value, `${where}.value`)) };
  const common = { name, input: identifier(f.input, `${where}.input`) };
  const weights = (dimensions: number): { weight: Tensor; bias: Tensor | null } => {
    const shape = list(f.weight, `${where}.weight`, (n, p) => integer(n, p, 1), dimensions);
    const bias = boolean(f.bias, `${where}.bias`);
    return { weight: tensor("weight", shape), bias: bias ? tensor("bias", [shape[0]]) : null };
  };
  const integers = (field: string, low: number): number[] =>
    list(f[field], `${where}.${field}`, (n, p) => integer(n, p, low));
  const kernel = () => pair(f.kernel, `${where}.kernel`);
  const stride = () => pair(f.stride, `${where}.stride`);
  const padding = () => quad(f.padding, `${where}.padding`);
  switch (op) {
    case "conv": {
      const dilation = pair(f.dilation, `${where}.dilation`);
      const groups = integer(f.groups, `${where}.groups`, 1);
      return { op, ...common, ...weights(4), stride: stride(), dilation, padding: padding(), groups };
    }
    case "dense":
      return { op, ...common, ...weights(2) };
    case "batchNorm": {
      const shape = [integer(f.channels, `${where}.channels`, 1)];
      return {
        op,
        ...common,
        gamma: tensor("gamma", shape),
        beta: tensor("beta", shape),
        mean: tensor("mean", shape),
        variance: tensor("variance", shape),
        epsilon: number(f.epsilon, `${where}.epsilon`),
        momentum: number(f.momentum, `${where}.momentum`),
      };
    }
    case "relu":
      return { op, ...common, ...(f.max !== undefined && { max: number(f.max, `${where}.max`) }) };
    case "leakyRelu":
      return { op, ...common, slope: number(f.slope, `${where}.slope`) };
    case "pad": {
      const widths = (field: "channels" | "rows" | "columns") => pair(f[field], `${where}.${field}`, 0);
      const value = number(f.value, `${where}.value`);
      return { op, ...common, channels: widths("channels"), rows: widths("rows"), columns: widths("columns"), value };
    }
    case "slice": {
      const along = (field: "start" | "stop" | "step", low: number) => triple(f[field], `${where}.${field}`, low);
      return { op, ...common, start: along("start", 0), stop: along("stop", 1), step: along("step", 1) };
    }
    case "dropout":
      return { op, ...common, rate: number(f.rate, `${where}.rate`) };
    case "activation": {
      const known = Object.keys(ACTIVATIONS).filter((fn) => fn !== "leakyRelu") as ActivationNode["fn"][];
      const fn = oneOf(f.fn, `${where}.fn`, known);
      return { op, ...common, fn, parameters: list(f.parameters, `${where}.parameters`, number) };
    }
    case "gather": {
      const [channels, rows, columns] = ["channels", "rows", "columns"].map((field) => integers(field, -1));
      return { op, ...common, channels, rows, columns, value: number(f.value, `${where}.value`) };
    }
    case "permute": {
      const shape = triple(f.shape, `${where}.shape`);
      return { op, ...common, dims: integers("dims", 1), order: integers("order", 0), shape };
    }
    case "resample": {
      const [rows, columns] = [readTaps(f.rows, `${where}.rows`), readTaps(f.columns, `${where}.columns`)];
      return { op, ...common, shape: triple(f.shape, `${where}.shape`), rows, columns };
    }
    case "softmax":
      return { op, ...common, axis: oneOf(number(f.axis, `${where}.axis`) as 0 | 1 | 2, `${where}.axis`, [0, 1, 2]) };
    case "maxPool": {
      const dilation = f.dilation === undefined ? {} : { dilation: pair(f.dilation, `${where}.dilation`) };
      return { op, ...common, kernel: kernel(), stride: stride(), padding: padding(), ...dilation };
    }
    case "avgPool":
      return { op, ...common, kernel: kernel(), stride: stride() };
    case "globalAvgPool":
      return { op, ...common };
    case "quantize":
      return { op, ...common, encoding: readEncoding(f.encoding, `${where}.encoding`) };
  }
}

/** Every grid belongs to a conv or dense node and fits its weights. */
function validateGrids(network: Network, grids: WeightGrids, where: string): void {
  const nodes = new Map(network.nodes.map((node) => [node.name, node]));
  for (const [name, grid] of grids) {
    const place = at(where, `grid of ${name}`);
    const node = nodes.get(name);
    check(node?.op === "conv" || node?.op === "dense", place, "a conv or dense node", name);
    validateGrid(node.weight.data, node.weight.shape[0], grid, place);
  }
}
