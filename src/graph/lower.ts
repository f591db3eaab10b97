// lower.ts: a trained network to the model that the runtime runs: nodes fused into layers, parameters folded.
import {
  type Encoding,
  elements,
  type InputPort,
  type Layer,
  type ModelDef,
  type Shape,
  sameEncoding,
  type TensorSpec,
  validateModel,
  type Weights,
} from "../format/index.js";
import { type Chain, findChains } from "./chains.js";
import { foldEpilogue } from "./fold.js";
import { gridCodes, smallestExponent } from "./grid.js";
import type { ConvNode, DenseNode, Network, WeightGrids } from "./network.js";
import { check, inferShapes } from "./shapes.js";
import { validateNetwork } from "./validate.js";

export interface LowerOptions {
  /** Grids of all conv and dense nodes: integer weights. Null: the float32 network, in which nothing is quantized. */
  readonly grids: WeightGrids | null;
}

const FLOAT32: Encoding = { kind: "float32" };

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
  const tensors: Record<string, TensorSpec> = {};
  const layers: Layer[] = [];
  const inputs: InputPort[] = [];
  const names = new Set(shapes.keys());
  /** The tensor that holds a node's result; differs in name where a quantize node changed nothing. */
  const held = new Map<string, string>();
  const encodingOf = (tensor: string): Encoding => tensors[tensor].encoding;
  const put = (tensor: string, shape: Shape, encoding: Encoding): void => {
    tensors[tensor] = { shape, encoding };
    held.set(tensor, tensor);
  };

  /** A layer that hands `input` on as `output` in another encoding. */
  const convert = (name: string, input: string, output: string, encoding: Encoding, clamp: Chain["clamp"]): void => {
    const folded = foldEpilogue({ channels: 1, input: encodingOf(input), output: encoding, unit: 1, sums: [1] });
    const { scale, offset } = folded;
    put(output, tensors[input].shape, encoding);
    const epilogue = { scale, offset, clamp };
    layers.push({ op: "avgPool", name, input, output, kernel: [1, 1], stride: [1, 1], epilogue });
  };
  /** A copy of a tensor as float32 under a name nobody has. */
  const toFloat32 = (input: string): string => {
    let name = `${input}.float32`;
    while (names.has(name)) name += "+";
    names.add(name);
    convert(name, input, name, FLOAT32, {});
    return name;
  };

  for (const chain of findChains(network)) {
    const { head, tail, encoding, clamp } = chain;
    const { name } = head;
    const shape = shapes.get(tail)!;
    const sources = (head.op === "add" || head.op === "concat" ? head.inputs : "input" in head ? [head.input] : []).map(
      (source) => held.get(source)!,
    );
    const [input] = sources;
    switch (head.op) {
      case "input":
        put(tail, shape, encoding);
        held.set(name, tail);
        inputs.push({ name, tensor: tail, ...(head.normalization && { normalization: head.normalization }) });
        break;
      case "conv":
      case "dense":
      case "batchNorm": {
        const residual = chain.residual === null ? null : held.get(chain.residual)!;
        const { weights, unit, sums } =
          head.op === "batchNorm"
            ? unitWeights(shape[0], encodingOf(input))
            : nodeWeights(head, grids, encodingOf(input));
        const folded = foldEpilogue({
          channels: shape[0],
          input: encodingOf(input),
          output: encoding,
          unit,
          sums,
          bias: head.op === "batchNorm" ? null : head.bias?.data,
          norm: chain.norm,
          residual: residual === null ? null : encodingOf(residual),
        });
        put(tail, shape, encoding);
        const epilogue = { scale: folded.scale, offset: folded.offset, clamp };
        if (head.op === "dense") {
          layers.push({ op: "dense", name, input, output: tail, weights, epilogue });
          break;
        }
        layers.push({
          op: "conv",
          name,
          input,
          output: tail,
          ...(head.op === "conv" ? convWindow(head) : { ...POINTWISE, groups: shape[0] }),
          weights,
          epilogue,
          ...(residual !== null && { residual: { tensor: residual, scale: folded.residualScale } }),
        });
        break;
      }
      case "avgPool":
      case "globalAvgPool": {
        const [, height, width] = tensors[input].shape;
        const kernel = head.op === "avgPool" ? head.kernel : ([height, width] as const);
        const count = elements(kernel);
        const mean = { channels: 1, input: encodingOf(input), output: encoding, unit: 1 / count, sums: [count] };
        const folded = foldEpilogue(mean);
        put(tail, shape, encoding);
        const epilogue = { scale: folded.scale, offset: folded.offset, clamp };
        const stride = head.op === "avgPool" ? head.stride : ([1, 1] as const);
        layers.push({ op: "avgPool", name, input, output: tail, kernel, stride, epilogue });
        break;
      }
      case "add": {
        const [a, b] = sources.map(encodingOf);
        const folded = foldEpilogue({
          channels: 1,
          input: a,
          output: encoding,
          unit: 1,
          sums: [1],
          residual: b,
          clamp,
        });
        put(tail, shape, encoding);
        const epilogue = { scale: folded.scale, offset: folded.offset, clamp };
        const residual = { tensor: sources[1], scale: folded.residualScale };
        layers.push({ op: "add", name, input, output: tail, epilogue, residual });
        break;
      }
      case "relu":
        convert(name, input, tail, encoding, clamp);
        break;
      case "quantize":
        if (sameEncoding(encodingOf(input), encoding)) held.set(tail, input);
        else convert(name, input, tail, encoding, {});
        break;
      case "maxPool":
        put(tail, shape, encodingOf(input));
        layers.push({
          op: "maxPool",
          name,
          input,
          output: tail,
          kernel: head.kernel,
          stride: head.stride,
          padding: head.padding,
        });
        break;
      case "concat": {
        const agree = sources.every((source) => sameEncoding(encodingOf(source), encodingOf(input)));
        const parts = agree ? sources : sources.map((s) => (encodingOf(s).kind === "float32" ? s : toFloat32(s)));
        put(tail, shape, encodingOf(parts[0]));
        layers.push({ op: "concat", name, inputs: parts, output: tail });
      }
    }
  }

  const outputs = network.outputs.map((name) => {
    const tensor = held.get(name)!;
    const isInput = inputs.some((port) => port.tensor === tensor);
    return { name, tensor: encodingOf(tensor).kind !== "float32" || isInput ? toFloat32(tensor) : tensor };
  });
  const { name, labels } = network;
  const def: ModelDef = { name, inputs, outputs, ...(labels && { labels }), tensors, layers };
  validateModel(def);
  return def;
}

const POINTWISE = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0] } as const;

function convWindow({ weight, stride, dilation, padding, groups }: ConvNode) {
  const kernel: readonly [number, number] = [weight.shape[2], weight.shape[3]];
  return { kernel, stride, dilation, padding, groups };
}

interface LayerWeights {
  readonly weights: Weights;
  /** Real value of one integer unit. */
  readonly unit: number;
  /** Sums of the integer weights by output channel; empty for float weights. */
  readonly sums: Float64Array;
}

function nodeWeights(node: ConvNode | DenseNode, grids: WeightGrids | null, input: Encoding): LayerWeights {
  const { name, weight } = node;
  if (!grids) {
    check(input.kind === "float32", `node ${name}`, "a float32 input, or grids to lower with", `a ${input.kind} input`);
    return { weights: { kind: "float32", values: weight.data.slice() }, unit: 1, sums: new Float64Array(0) };
  }
  const grid = grids.get(name);
  check(grid !== undefined, `node ${name}`, "a weight grid", "none");
  check(input.kind !== "float32", `node ${name}`, "a quantized input", "a float32 input");
  const codes = gridCodes(weight.data, grid, `node ${name}.weight`);
  const sums = new Float64Array(weight.shape[0]);
  const depth = codes.length / sums.length;
  codes.forEach((code, i) => {
    sums[Math.floor(i / depth)] += code === 0 ? 0 : Math.sign(code) * 2 ** (Math.abs(code) - 1);
  });
  const { bits, n1 } = grid;
  return { weights: { kind: "codes", bits, n1, codes }, unit: 2 ** smallestExponent(bits, n1), sums };
}

/** Weights of a depthwise 1x1 convolution that changes nothing. */
function unitWeights(channels: number, input: Encoding): LayerWeights {
  const sums = new Float64Array(channels).fill(1);
  if (input.kind === "float32") {
    return { weights: { kind: "float32", values: new Float32Array(channels).fill(1) }, unit: 1, sums };
  }
  return { weights: { kind: "codes", bits: 2, n1: 0, codes: new Int8Array(channels).fill(1) }, unit: 1, sums };
}
