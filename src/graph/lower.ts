// lower.ts: a trained network to the model that the runtime runs: nodes fused into layers, parameters folded.
import {
  type Clamp,
  type Encoding,
  elements,
  type InputPort,
  type Layer,
  type ModelDef,
  type Shape,
  sameEncoding,
  type TensorSpec,
  validateModel,
} from "../format/index.js";
import { type Chain, findChains } from "./chains.js";
import { foldEpilogue } from "./fold.js";
import type {
  AvgPoolNode,
  BatchNormNode,
  ConvNode,
  DenseNode,
  GatherNode,
  GlobalAvgPoolNode,
  Network,
  PadNode,
  SliceNode,
  WeightGrids,
} from "./network.js";
import { composed, placesOf } from "./places.js";
import { inferShapes, nodeInputs } from "./shapes.js";
import { validateNetwork } from "./validate.js";
import { nodeWeights, unitWeights } from "./weights.js";

export interface LowerOptions {
  /** Grids of all conv and dense nodes: integer weights. Null: the float32 network, in which nothing is quantized. */
  readonly grids: WeightGrids | null;
}

const FLOAT32: Encoding = { kind: "float32" };

/** 0 for -0, which no file holds. */
const unsigned = (x: number): number => x + 0;

/** The model while it grows. */
interface Draft {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly grids: WeightGrids | null;
  readonly tensors: Record<string, TensorSpec>;
  readonly layers: Layer[];
  readonly inputs: InputPort[];
  /** The tensor that holds a node's result; its name differs where a quantize node had nothing to change. */
  readonly held: Map<string, string>;
  /** How many nodes and outputs read each node's tensor. */
  readonly readers: ReadonlyMap<string, number>;
}

/**
 * Lowers a network to a validated model with float32 outputs of the same names.
 *
 * A tensor is integer where a quantize node made it, also behind max pools and concatenations. Operations that no
 * convolution, pool or add takes in become layers of their own: quantize, relu and the way back to float32 a mean over
 * 1x1 windows, batch norm a depthwise 1x1 convolution with weights 1. A quantize node that alone reads the input makes
 * the model's input tensor integer: the host encodes it.
 * @throws BAD_GRAPH for an invalid network; with grids for a conv or dense node that has none, whose weights are not all
 *   on it (named with the index), or whose input is not quantized; without for one whose input is quantized. OVERFLOW
 *   where sums could exceed int32.
 */
export function lower(network: Network, { grids }: LowerOptions): ModelDef {
  validateNetwork(network);
  const shapes = inferShapes(network);
  const draft: Draft = {
    shapes,
    grids,
    tensors: {},
    layers: [],
    inputs: [],
    held: new Map(),
    readers: countReaders(network),
  };
  for (const chain of findChains(network)) lowerChain(draft, chain);
  const { tensors, layers, inputs } = draft;

  const outputs = network.outputs.map((name) => {
    const tensor = draft.held.get(name)!;
    const isInput = inputs.some((port) => port.tensor === tensor);
    const ready = tensors[tensor].encoding.kind === "float32" && !isInput;
    return { name, tensor: ready ? tensor : toFloat32(draft, tensor) };
  });
  const { name, labels } = network;
  const def: ModelDef = { name, inputs, outputs, ...(labels && { labels }), tensors, layers };
  validateModel(def);
  return def;
}

function countReaders({ nodes, outputs }: Network): Map<string, number> {
  const readers = new Map<string, number>();
  for (const name of [...nodes.flatMap(nodeInputs), ...outputs]) readers.set(name, (readers.get(name) ?? 0) + 1);
  return readers;
}

function lowerChain(draft: Draft, chain: Chain): void {
  const { head, tail, encoding, clamp } = chain;
  const { name } = head;
  const sources = nodeInputs(head).map((source) => draft.held.get(source)!);
  const [input] = sources;
  const given = draft.tensors[input]?.encoding ?? FLOAT32;
  const push = (layer: Layer, held: Encoding): void => {
    put(draft, tail, draft.shapes.get(tail)!, held);
    draft.layers.push(layer);
  };
  switch (head.op) {
    case "input":
      put(draft, tail, head.shape, encoding);
      draft.held.set(name, tail);
      draft.inputs.push({ name, tensor: tail, ...(head.normalization && { normalization: head.normalization }) });
      break;
    case "conv":
    case "dense":
    case "batchNorm":
      lowerProducts(draft, chain, head, input);
      break;
    case "avgPool":
    case "globalAvgPool":
      lowerMean(draft, chain, head, input);
      break;
    case "add": {
      const [a, b] = sources.map((source) => draft.tensors[source].encoding);
      const folded = foldEpilogue({ channels: 1, input: a, output: encoding, units: [1], sums: [1], residual: b });
      const epilogue = { scale: folded.scale, offset: folded.offset, clamp };
      put(draft, tail, draft.shapes.get(tail)!, encoding);
      const residual = { tensor: sources[1], scale: folded.residualScale };
      draft.layers.push({ op: "add", name, input, output: tail, epilogue, residual });
      break;
    }
    case "relu":
      convert(draft, name, input, tail, encoding, clamp);
      break;
    case "quantize":
      if (sameEncoding(draft.tensors[input].encoding, encoding)) draft.held.set(tail, input);
      else convert(draft, name, input, tail, encoding, clamp);
      break;
    case "maxPool": {
      const { kernel, stride, padding, dilation } = head;
      const dilated = dilation ? { dilation } : {};
      push({ op: "maxPool", name, input, output: tail, kernel, stride, padding, ...dilated }, given);
      break;
    }
    case "dropout":
      draft.held.set(tail, input);
      break;
    case "pad":
    case "slice":
    case "gather":
      lowerGather(draft, head, input, tail);
      break;
    case "permute":
      push({ op: "permute", name, input, output: tail, dims: head.dims, order: head.order }, given);
      break;
    case "leakyRelu":
      push(
        { op: "activation", name, input, output: tail, fn: "leakyRelu", parameters: [unsigned(head.slope)] },
        encoding,
      );
      break;
    case "activation": {
      const { fn, parameters } = head;
      if (fn === "clip") convert(draft, name, input, tail, encoding, clamp);
      else push({ op: "activation", name, input, output: tail, fn, parameters: parameters.map(unsigned) }, encoding);
      break;
    }
    case "binary":
      push({ op: "binary", name, input, other: sources[1], output: tail, fn: head.fn }, encoding);
      break;
    case "constant":
      push({ op: "constant", name, output: tail, values: head.value.data.slice() }, FLOAT32);
      break;
    case "resample":
      push({ op: "resample", name, input, output: tail, rows: head.rows, columns: head.columns }, encoding);
      break;
    case "softmax":
      push({ op: "softmax", name, input, output: tail, axis: head.axis }, encoding);
      break;
    case "concat": {
      const encodings = sources.map((source) => draft.tensors[source].encoding);
      const agree = encodings.every((other) => sameEncoding(other, encodings[0]));
      const inputs = sources.map((source, i) =>
        agree || encodings[i].kind === "float32" ? source : toFloat32(draft, source),
      );
      put(draft, tail, draft.shapes.get(tail)!, agree ? encodings[0] : FLOAT32);
      draft.layers.push({ op: "concat", name, inputs, output: tail });
    }
  }
}

/** One layer; with a gather before it that nothing else reads, such as the slice of a pad, one for both. */
function lowerGather(draft: Draft, head: PadNode | SliceNode | GatherNode, input: string, output: string): void {
  const places = placesOf(head, draft.shapes.get(head.input)!);
  const index = draft.layers.findIndex((layer) => layer.op === "gather" && layer.output === input);
  const before = draft.layers[index];
  const both = before?.op === "gather" && draft.readers.get(input) === 1 ? composed(before, places) : null;
  put(draft, output, draft.shapes.get(output)!, draft.tensors[input].encoding);
  let source = input;
  if (before?.op === "gather" && both) {
    source = before.input;
    draft.layers.splice(index, 1);
    delete draft.tensors[input];
  }
  const { name } = head;
  draft.layers.push({ op: "gather", name, input: source, output, ...(both ?? places) });
}

/** Convolution and dense; a batch norm by itself is a depthwise 1x1 convolution. */
function lowerProducts(draft: Draft, chain: Chain, head: ConvNode | DenseNode | BatchNormNode, input: string): void {
  const { tail, norm, clamp } = chain;
  const { name } = head;
  const shape = draft.shapes.get(tail)!;
  const [channels] = shape;
  const encodingOf = (tensor: string): Encoding => draft.tensors[tensor].encoding;
  const residual = chain.residual === null ? null : draft.held.get(chain.residual)!;
  const { weights, units, sums } =
    head.op === "batchNorm"
      ? unitWeights(channels, encodingOf(input))
      : nodeWeights(head, draft.grids, encodingOf(input));
  const { scale, offset, residualScale } = foldEpilogue({
    channels,
    input: encodingOf(input),
    output: chain.encoding,
    units,
    sums,
    bias: head.op === "batchNorm" ? null : head.bias?.data,
    norm,
    residual: residual === null ? null : encodingOf(residual),
  });
  const common = { name, input, output: tail, weights, epilogue: { scale, offset, clamp } };
  put(draft, tail, shape, chain.encoding);
  if (head.op === "dense") draft.layers.push({ op: "dense", ...common });
  else {
    const window = head.op === "conv" ? convWindow(head) : { ...POINTWISE, groups: channels };
    const second = residual === null ? {} : { residual: { tensor: residual, scale: residualScale } };
    draft.layers.push({ op: "conv", ...common, ...window, ...second });
  }
}

const POINTWISE = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0] } as const;

function convWindow({ weight, stride, dilation, padding, groups }: ConvNode) {
  const kernel: readonly [number, number] = [weight.shape[2], weight.shape[3]];
  return { kernel, stride, dilation, padding, groups };
}

/** The sum over a window times 1 / its size. */
function lowerMean(draft: Draft, chain: Chain, head: AvgPoolNode | GlobalAvgPoolNode, input: string): void {
  const { tail, encoding, clamp } = chain;
  const { shape, encoding: given } = draft.tensors[input];
  const kernel = head.op === "avgPool" ? head.kernel : ([shape[1], shape[2]] as const);
  const stride = head.op === "avgPool" ? head.stride : ([1, 1] as const);
  const count = elements(kernel);
  const { scale, offset } = foldEpilogue({
    channels: 1,
    input: given,
    output: encoding,
    units: [1 / count],
    sums: [count],
  });
  put(draft, tail, draft.shapes.get(tail)!, encoding);
  const epilogue = { scale, offset, clamp };
  draft.layers.push({ op: "avgPool", name: head.name, input, output: tail, kernel, stride, epilogue });
}

/** A layer that hands `input` on as `output` in another encoding. */
function convert(draft: Draft, name: string, input: string, output: string, encoding: Encoding, clamp: Clamp): void {
  const { shape, encoding: given } = draft.tensors[input];
  const { scale, offset } = foldEpilogue({ channels: 1, input: given, output: encoding, units: [1], sums: [1] });
  put(draft, output, shape, encoding);
  const epilogue = { scale, offset, clamp };
  draft.layers.push({ op: "avgPool", name, input, output, kernel: [1, 1], stride: [1, 1], epilogue });
}

/** A copy of a tensor as float32, under a name that no node has. */
function toFloat32(draft: Draft, input: string): string {
  let name = `${input}.float32`;
  while (draft.shapes.has(name) || Object.hasOwn(draft.tensors, name)) name += "+";
  convert(draft, name, input, name, FLOAT32, {});
  return name;
}

function put(draft: Draft, tensor: string, shape: Shape, encoding: Encoding): void {
  draft.tensors[tensor] = { shape, encoding };
  draft.held.set(tensor, tensor);
}
