// steps.ts: the steps of a model in the order in which the runtime plans them, each with its units of work.
import type { ModelDef } from "../../model/index.js";
import {
  type AddLayer,
  type AvgPoolLayer,
  type BinaryLayer,
  type ConcatLayer,
  type ConvLayer,
  type DenseLayer,
  elements,
  type Layer,
  type LayerOf,
  largestOf,
  type MatmulLayer,
  type MaxPoolLayer,
  type TensorSpec,
} from "../../ops/index.js";
import {
  compileSchedule,
  elementBytes,
  isLarge,
  isPlain,
  needsPhases,
  PART_ROWS,
  windowOf,
} from "../../runtime/inside.js";
import { endLanes, endPlanes, endTiles, endVector, TURN } from "./endings.js";
import { type Counts, sumOf } from "./features.js";
import { floatCounts, geometryOf, layerCounts } from "./weighted.js";
import { gatherPatches, isFloat, tilesOf } from "./windows.js";
import { channelWork } from "./work.js";

/** A step of a model, and what it does. */
export interface StepCounts {
  readonly name: string;
  readonly op: Layer["op"] | "input" | "split";
  readonly counts: Counts;
}

type Tensors = Pick<ModelDef, "tensors" | "layers" | "inputs">;
type Count<L extends Layer> = (def: Tensors, layer: L) => Counts;

/** Returns the steps of a valid model. Nothing runs; the schedules of its layers are made and counted. */
export function stepCounts(def: ModelDef): readonly StepCounts[] {
  const steps: StepCounts[] = [];
  for (const { tensor } of def.inputs) {
    const { shape, encoding } = def.tensors[tensor];
    if (encoding.kind === "float32") continue;
    const ending = { channels: shape[0], pixels: shape[1] * shape[2], output: encoding };
    steps.push({ name: tensor, op: "input", counts: sumOf({ step: 1 }, endLanes(ending)) });
  }
  const split = new Set<string>();
  for (const layer of def.layers) {
    if (needsPhases(layer, def) && !split.has(layer.input)) {
      const [channels, height, width] = def.tensors[layer.input].shape;
      const turns = channels * height * Math.ceil(Math.ceil(width / 2) / TURN);
      steps.push({ name: `${layer.input} (phases)`, op: "split", counts: { step: 1, split: turns } });
      split.add(layer.input);
    }
    const count = COUNTS[layer.op] as Count<Layer>;
    steps.push({ name: layer.name, op: layer.op, counts: count(def, layer) });
  }
  return steps;
}

const COUNTS = {
  conv: countWeighted,
  dense: countWeighted,
  maxPool: countMaxPool,
  avgPool: countAvgPool,
  add: countAdd,
  concat: countConcat,
  matmul: countMatmul,
  gather: (def, { output }) => ({ step: 1, gathered: size(def, output) }),
  permute: (def, { output }) => ({ step: 1, permuted: size(def, output) }),
  activation: (def, layer) => ({ step: 1, ...countFunction(def, layer, 1) }),
  elementwise: (def, layer) => ({ step: 1, ...countFunction(def, layer, layer.steps.length) }),
  binary: countBinary,
  constant: (def, { output }) => ({ step: 1, constant: size(def, output) }),
  resample: (def, { rows, columns, output }) => ({
    step: 1,
    interpolated: def.tensors[output].shape[0] * rows.indices.length * columns.indices.length,
  }),
  softmax: (def, { output }) => ({ step: 1, exponential: size(def, output) }),
} satisfies { readonly [Op in Layer["op"]]: Count<LayerOf<Op>> };

const size = ({ tensors }: Tensors, tensor: string): number => elements(tensors[tensor].shape);

const pixelsOf = ({ shape }: TensorSpec): number => shape[1] * shape[2];

function countWeighted(def: Tensors, layer: ConvLayer | DenseLayer): Counts {
  const geometry = geometryOf(def, layer);
  const { weights } = layer;
  if (weights.kind === "float32") return floatCounts(geometry);
  const { input, output, window, residual } = geometry;
  const [channels] = output.shape;
  const max = largestOf(input.encoding)!;
  const { largest } = compileSchedule(weights, channels, max);
  const operand = layer.op === "conv" ? layer.residual : undefined;
  const plain =
    window !== null &&
    output.encoding.kind === "linear" &&
    residual?.kind !== "float32" &&
    isPlain(spread(layer.epilogue, channels), largest, operand);
  return layerCounts(geometry, channelWork(weights, channels, max), plain);
}

function countMaxPool({ tensors }: Tensors, layer: MaxPoolLayer): Counts {
  const [input, output] = [tensors[layer.input], tensors[layer.output]];
  const taps = elements(layer.kernel);
  const [channels] = output.shape;
  if (isLarge(layer)) return { step: 1, walkedTap: elements(output.shape) * taps };
  const rows = channels * Math.ceil(pixelsOf(output) / TURN) * taps;
  return sumOf({ step: 1 }, gatherPatches({ input, output, window: windowOf(layer) }, 1), {
    [isFloat(input) ? "maxFloatRow" : "maxRow"]: rows,
  });
}

function countAvgPool({ tensors }: Tensors, layer: AvgPoolLayer): Counts {
  const [input, output] = [tensors[layer.input], tensors[layer.output]];
  const taps = elements(layer.kernel);
  const [channels] = output.shape;
  const ending = { channels, pixels: pixelsOf(output), output: output.encoding };
  if (pixelsOf(output) === 1 && taps === pixelsOf(input)) {
    const unit = isFloat(input) ? "summedFloat" : "summedByte";
    return sumOf({ step: 1, [unit]: elements(input.shape) }, endVector(ending));
  }
  if (isLarge(layer)) return sumOf({ step: 1, walkedTap: elements(output.shape) * taps }, endLanes(ending));
  const rows = gatherPatches({ input, output, window: windowOf(layer) }, 1);
  const tiles = channels * tilesOf(output);
  if (isFloat(input)) return sumOf({ step: 1, sumFloatRow: 4 * tiles * taps }, rows, endLanes(ending, tiles));
  const parts = Math.ceil(taps / PART_ROWS);
  const work = { lone: parts === 1 ? 1 : 0, pairs: parts === 1 ? 0 : Math.ceil(parts / 2) };
  return sumOf({ step: 1, sumRow: 4 * tiles * taps }, rows, endTiles(ending, work, false));
}

function countAdd({ tensors }: Tensors, layer: AddLayer): Counts {
  const input = tensors[layer.input];
  const output = tensors[layer.output].encoding;
  const residual = tensors[layer.residual.tensor].encoding;
  const ending = { channels: input.shape[0], pixels: pixelsOf(input), output, residual };
  return sumOf({ step: 1 }, isFloat(input) ? endLanes(ending) : endPlanes(ending));
}

/** The bytes of inputs that do not already lie in the output: inputs of the model, and parts of another whole. */
function countConcat({ tensors, layers, inputs }: Tensors, layer: ConcatLayer): Counts {
  const output = tensors[layer.output];
  const fixed = new Set(inputs.map(({ tensor }) => tensor));
  for (const other of layers) {
    if (other.op !== "concat") continue;
    fixed.add(other.output);
    if (other === layer) break;
    if (pixelsOf(tensors[other.output]) > 1) for (const name of other.inputs) fixed.add(name);
  }
  let bytes = 0;
  const seen = new Set<string>();
  for (const name of layer.inputs) {
    const { shape, encoding } = tensors[name];
    if (pixelsOf(output) === 1 || fixed.has(name) || seen.has(name)) bytes += elements(shape) * elementBytes(encoding);
    seen.add(name);
  }
  return { step: 1, copiedByte: bytes, copiedPlane: layer.inputs.length };
}

function countMatmul({ tensors }: Tensors, { input, output }: MatmulLayer): Counts {
  const [, rows, depth] = tensors[input].shape;
  const [batch, , columns] = tensors[output].shape;
  const panels = batch * Math.ceil(columns / 8);
  return { step: 1, matmulPanel: panels * depth, matmulBlock: panels * Math.ceil(rows / 4) * depth };
}

function countFunction(def: Tensors, { input, output }: { input: string; output: string }, steps: number): Counts {
  const { shape, encoding } = def.tensors[input];
  if (encoding.kind === "float32") return { tabled: elements(shape), stepped: steps * elements(shape) };
  return { looked: size(def, output) };
}

function countBinary(def: Tensors, { output }: BinaryLayer): Counts {
  return { step: 1, paired: size(def, output) };
}

/** An epilogue with a scale and an offset for each channel. */
function spread<E extends { readonly scale: Float32Array; readonly offset: Float32Array }>(
  ending: E,
  channels: number,
): E {
  const each = (values: Float32Array): Float32Array =>
    values.length === channels ? values : new Float32Array(channels).fill(values[0]);
  return { ...ending, scale: each(ending.scale), offset: each(ending.offset) };
}
