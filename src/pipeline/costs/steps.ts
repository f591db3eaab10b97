// steps.ts: the steps of a model in the order in which the runtime plans them, each with its units of work.
import type { ModelDef } from "../../model/index.js";
import {
  type AddLayer,
  type AvgPoolLayer,
  type ConcatLayer,
  type ConvLayer,
  type DenseLayer,
  elements,
  type Layer,
  type LayerOf,
  largestOf,
  type MaxPoolLayer,
  type Shape,
  type TensorSpec,
} from "../../ops/index.js";
import {
  elementBytes,
  endsInBytes,
  type Gather,
  isLarge,
  isPlain,
  largestSums,
  PART_ROWS,
  phasesFor,
  windowOf,
} from "../../runtime/inside.js";
import { endLanes, endPlanes, endTiles, endVector, TURN } from "./endings.js";
import { type Counts, sumOf } from "./features.js";
import {
  countBinary,
  countConstant,
  countFunction,
  countGather,
  countMatmul,
  countPermute,
  countResample,
  countSoftmax,
} from "./values.js";
import { branchesOf, complementsIn, floatCounts, geometryOf, layerCounts } from "./weighted.js";
import { gatherPatches, isFloat, slidingIn, tilesOf } from "./windows.js";
import { type ChannelWork, channelWork, type WorkForm } from "./work.js";

/** A step of a model, and what it does. */
export interface StepCounts {
  readonly name: string;
  readonly op: Layer["op"] | "input" | "split";
  readonly counts: Counts;
}

type Weighted = ConvLayer | DenseLayer;
/** The work of the layers with integer weights. */
type Works = ReadonlyMap<string, LayerWork>;
interface LayerWork {
  readonly work: ChannelWork;
  /** Bounds of the channels' sums. */
  readonly largest: Float64Array;
}
type Tensors = Pick<ModelDef, "tensors" | "layers" | "inputs"> & {
  readonly works: Works;
  readonly branches: number;
};
type Count<L extends Layer> = (def: Tensors, layer: L) => Counts;

/**
 * Counts the branches of a run of a model, one for each weight and two for each segment of every layer that has some.
 * @internal
 */
export function modelBranches(def: ModelDef): number {
  return branchesIn(def, worksOf(def));
}

function worksOf(def: ModelDef): Works {
  const works = new Map<string, LayerWork>();
  for (const layer of def.layers) {
    if (!("weights" in layer) || layer.weights.kind === "float32") continue;
    const { weights } = layer;
    const max = largestOf(def.tensors[layer.input].encoding)!;
    const [channels] = def.tensors[layer.output].shape;
    const largest = largestSums(weights, channels, max);
    works.set(layer.name, { work: channelWork(weights, channels, max, formOf(def, layer, largest)), largest });
  }
  return works;
}

/** Returns what a layer's streams depend on besides the weights. */
function formOf(def: ModelDef, layer: Weighted, largest: Float64Array): WorkForm {
  const geometry = geometryOf(def, layer);
  const { input, output, window, groups } = geometry;
  if (window === null || layer.op === "dense") return { dense: true };
  const sliding = input.shape[0] === groups ? slidingIn({ input, output, window }) : null;
  const isShort = endsInBytes({ spec: (tensor) => def.tensors[tensor] }, layer, largest);
  return { isShort, shifted: sliding?.shifted, complements: complementsIn(geometry) };
}

function branchesIn(def: ModelDef, works: Works): number {
  return def.layers.reduce((sum, layer) => {
    const bounded = works.get(layer.name);
    return bounded ? sum + branchesOf(geometryOf(def, layer as Weighted), bounded.work) : sum;
  }, 0);
}

/** Returns the steps of a valid model. Nothing runs; the schedules of its layers are made and counted. */
export function stepCounts(def: ModelDef): readonly StepCounts[] {
  const works = worksOf(def);
  const counted: Tensors = { ...def, works, branches: branchesIn(def, works) };
  const steps: StepCounts[] = [];
  for (const { tensor } of def.inputs) {
    const { shape, encoding } = def.tensors[tensor];
    if (encoding.kind === "float32") continue;
    const ending = { channels: shape[0], pixels: shape[1] * shape[2], output: encoding };
    steps.push({ name: tensor, op: "input", counts: sumOf({ step: 1 }, endLanes(ending)) });
  }
  const split = new Set<string>();
  for (const layer of def.layers) {
    const phases = phasesFor(layer, def);
    if (phases && !split.has(phases.phases + phases.input)) {
      const counts = { step: 1, split: splitTurns(def.tensors[phases.input].shape, phases) };
      steps.push({ name: `${phases.input} (phases)`, op: "split", counts });
      split.add(phases.phases + phases.input);
    }
    const count = COUNTS[layer.op] as Count<Layer>;
    steps.push({ name: layer.name, op: layer.op, counts: count(counted, layer) });
  }
  return steps;
}

/** Times two vectors of a plane are split into phases. */
function splitTurns([channels, height, width]: Shape, { steps: [down, right] }: Gather): number {
  // a column is split as a row
  const [rows, columns, step] = width === 1 && right === 1 ? [1, height, down] : [height, width, right];
  return channels * rows * Math.ceil((Math.ceil(columns / step / TURN) * step) / 2);
}

const COUNTS = {
  conv: countWeighted,
  dense: countWeighted,
  maxPool: countMaxPool,
  avgPool: countAvgPool,
  add: countAdd,
  concat: countConcat,
  matmul: countMatmul,
  gather: countGather,
  permute: countPermute,
  activation: countFunction,
  elementwise: countFunction,
  binary: countBinary,
  constant: countConstant,
  resample: countResample,
  softmax: countSoftmax,
} satisfies { readonly [Op in Layer["op"]]: Count<LayerOf<Op>> };

const pixelsOf = ({ shape }: TensorSpec): number => shape[1] * shape[2];

function countWeighted(def: Tensors, layer: Weighted): Counts {
  const geometry = geometryOf(def, layer);
  const { weights } = layer;
  if (weights.kind === "float32") return floatCounts(geometry);
  const { output, window, residual } = geometry;
  const [channels] = output.shape;
  const { work, largest } = def.works.get(layer.name)!;
  const operand = layer.op === "conv" ? layer.residual : undefined;
  const plain =
    window !== null &&
    output.encoding.kind === "linear" &&
    residual?.kind !== "float32" &&
    isPlain(spread(layer.epilogue, channels), largest, operand);
  return layerCounts(geometry, work, plain, def.branches);
}

function countMaxPool({ tensors }: Tensors, layer: MaxPoolLayer): Counts {
  const [input, output] = [tensors[layer.input], tensors[layer.output]];
  const taps = elements(layer.kernel);
  const [channels] = output.shape;
  if (isLarge(layer)) return { step: 1, ...walked(input, output, taps) };
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
    return sumOf({ step: 1, summedPlane: channels, [unit]: elements(input.shape) }, endVector(ending));
  }
  if (isLarge(layer)) return sumOf({ step: 1 }, walked(input, output, taps), endLanes(ending));
  const rows = gatherPatches({ input, output, window: windowOf(layer) }, 1);
  const tiles = channels * tilesOf(output);
  if (isFloat(input)) return sumOf({ step: 1, sumFloatRow: 4 * tiles * taps }, rows, endLanes(ending, tiles));
  const parts = Math.ceil(taps / PART_ROWS);
  const work = { lone: parts === 1 ? 1 : 0, pairs: parts === 1 ? 0 : Math.ceil(parts / 2), short: 0, twin: 0 };
  return sumOf({ step: 1, sumRow: 4 * tiles * taps }, rows, endTiles(ending, work, false));
}

const walked = (input: TensorSpec, output: TensorSpec, taps: number): Counts => ({
  [isFloat(input) ? "walkedFloat" : "walkedTap"]: elements(output.shape) * taps,
});

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
  let [bytes, copies] = [0, 0];
  const seen = new Set<string>();
  for (const name of layer.inputs) {
    const { shape, encoding } = tensors[name];
    if (pixelsOf(output) === 1 || fixed.has(name) || seen.has(name)) {
      bytes += elements(shape) * elementBytes(encoding);
      copies++;
    }
    seen.add(name);
  }
  return { step: 1, copiedByte: bytes, copy: copies };
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
