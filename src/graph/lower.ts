// lower.ts: a trained network to the model that the runtime runs: nodes fused into layers, parameters folded.

import { given, is, looseCopy } from "../base/index.js";
import { type InputPort, type ModelDef, validateModel } from "../model/index.js";
import {
  type Encoding,
  GRIDS,
  type Layer,
  type LayerBase,
  lowerMean,
  NO_ENDING,
  nodeInputs,
  nodeKind,
  type Shape,
  type TensorSpec,
  unusual,
  type WeightGrids,
} from "../ops/index.js";
import { type Chain, findChains, liveNodes } from "./chains.js";
import { NETWORK } from "./given.js";
import { joinHeads } from "./heads.js";
import type { Network } from "./network.js";
import { inferShapes } from "./shapes.js";
import { validateNetwork } from "./validate.js";

/** Options of `lower`. */
export interface LowerOptions {
  /** Grids of all conv and dense nodes: integer weights. Null: the float32 network, in which nothing is quantized. */
  readonly grids: WeightGrids | null;
}

const OPTIONS = is.record<LowerOptions>({ grids: is.nullable(GRIDS) });
const FLOAT32: Encoding = { kind: "float32" };

/** The model while it grows. */
interface ModelDraft {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly grids: WeightGrids | null;
  readonly tensors: Record<string, TensorSpec>;
  readonly layers: Layer[];
  readonly inputs: InputPort[];
  /** The tensor that holds a node's result; its name differs where a quantize node had nothing to change. */
  readonly held: Map<string, string>;
  /** The number of nodes and outputs that read each node's tensor. */
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
export function lower(network: Network, options: LowerOptions): ModelDef {
  given({ network, options }, { network: NETWORK, options: OPTIONS });
  validateNetwork(network);
  return lowered(joinHeads(looseCopy(network)), options);
}

/** Lowers a network whose shapes, strides and labels become the model's. */
function lowered(network: Network, { grids }: LowerOptions): ModelDef {
  const shapes = inferShapes(network);
  const draft: ModelDraft = {
    shapes,
    grids,
    tensors: {},
    layers: [],
    inputs: [],
    held: new Map(),
    readers: countReaders(network),
  };
  const nodes = liveNodes(network.nodes, network.outputs);
  for (const chain of findChains({ ...network, nodes })) lowerChain(draft, chain);
  const { tensors, layers, inputs } = draft;

  const shapeOf = (port: string) => unusual(shapes.get(port)!, network.ports?.[port] ?? {});
  const outputs = network.outputs.map((name) => {
    const tensor = draft.held.get(name)!;
    const isInput = inputs.some((port) => port.tensor === tensor);
    const ready = tensors[tensor].encoding.kind === "float32" && !isInput;
    return { name, tensor: ready ? tensor : toFloat32(draft, tensor), ...shapeOf(name) };
  });
  const { name, labels } = network;
  const shaped = inputs.map((port) => ({ ...port, ...shapeOf(port.name) }));
  const def: ModelDef = { name, inputs: shaped, outputs, ...(labels && { labels }), tensors, layers };
  validateModel(def);
  return def;
}

function countReaders({ nodes, outputs }: Network): Map<string, number> {
  const readers = new Map<string, number>();
  for (const name of [...nodes.flatMap(nodeInputs), ...outputs]) readers.set(name, (readers.get(name) ?? 0) + 1);
  return readers;
}

/** Adds the layer that a chain becomes: its head says which. */
function lowerChain(draft: ModelDraft, { head, tail, norm, residual, encoding, ending }: Chain): void {
  const { grids, held, layers, readers, tensors } = draft;
  const shape = draft.shapes.get(tail)!;
  const sources = nodeInputs(head).map((source) => held.get(source)!);
  nodeKind(head).lower(head, {
    sources,
    output: tail,
    shape,
    encoding,
    ending,
    norm,
    residual: residual === null ? null : held.get(residual)!,
    grids,
    spec: (tensor) => tensors[tensor],
    push(layer: LayerBase, given: Encoding) {
      put(draft, tail, shape, given);
      layers.push(layer as Layer);
    },
    pushInput(name, normalization) {
      put(draft, tail, shape, encoding);
      held.set(name, tail);
      draft.inputs.push({ name, tensor: tail, ...(normalization && { normalization }) });
    },
    alias: () => held.set(tail, sources[0]),
    toFloat32: (tensor) => (tensors[tensor].encoding.kind === "float32" ? tensor : toFloat32(draft, tensor)),
    soleWriter<L extends LayerBase>(op: L["op"], tensor: string): L | null {
      const writer = layers.find((layer) => layer.output === tensor);
      return readers.get(tensor) === 1 && writer?.op === op ? (writer as LayerBase as L) : null;
    },
    remove(layer) {
      layers.splice(layers.indexOf(layer as Layer), 1);
      delete tensors[layer.output];
    },
  });
}

/** A copy of a tensor as float32, under a name that no node has. */
function toFloat32(draft: ModelDraft, input: string): string {
  let output = `${input}.float32`;
  while (draft.shapes.has(output) || Object.hasOwn(draft.tensors, output)) output += "+";
  const { shape } = draft.tensors[input];
  const push = (layer: LayerBase, encoding: Encoding): void => {
    put(draft, output, shape, encoding);
    draft.layers.push(layer as Layer);
  };
  lowerMean(
    { sources: [input], output, encoding: FLOAT32, ending: NO_ENDING, spec: (name) => draft.tensors[name], push },
    output,
  );
  return output;
}

function put(draft: ModelDraft, tensor: string, shape: Shape, encoding: Encoding): void {
  draft.tensors[tensor] = { shape, encoding };
  draft.held.set(tensor, tensor);
}
