// values.ts: the work of steps that move values, and of those that compute with real ones.
import {
  type ActivationLayer,
  type BinaryLayer,
  type ConstantLayer,
  type ElementwiseLayer,
  elements,
  type GatherLayer,
  type MatmulLayer,
  type PermuteLayer,
  type ResampleLayer,
  type SoftmaxLayer,
  type StepName,
  type TensorSpec,
} from "../../ops/index.js";
import { elementBytes, type Way, waysOf } from "../../runtime/inside.js";
import { type Counts, sumOf } from "./features.js";
import { isFloat } from "./windows.js";

/** The tensors of a model. */
interface Tensors {
  readonly tensors: { readonly [name: string]: TensorSpec };
}

/** Values of a block, all of which are computed. */
const BLOCK = 64;
/** Functions of a single machine instruction or a few; the others are series. */
const SHORT: ReadonlySet<StepName> = new Set<StepName>([
  ...([
    "constant",
    "where",
    "abs",
    "floor",
    "round",
    "sign",
    "sqrt",
    "add",
    "div",
    "equal",
    "less",
    "max",
    "min",
  ] as const),
  ...(["mul", "prelu", "sub", "clip", "hardSigmoid", "hardSwish", "leakyRelu"] as const),
]);
/** Functions of two values that have a kernel of their own. */
const PAIRS: ReadonlySet<string> = new Set(["add", "sub", "mul", "div"]);

/** Whether numbers follow each other from the first on. */
const follow = (list: readonly number[]): boolean => list[0] >= 0 && list.every((n, i) => n === list[0] + i);

/** Counts the values of a tensor in whole blocks. */
function blocksOf({ shape }: TensorSpec): number {
  const [channels, height, width] = shape;
  const [planes, pixels] = height * width === 1 ? [1, channels] : [channels, height * width];
  return planes * Math.ceil(pixels / BLOCK) * BLOCK;
}

export function countGather({ tensors }: Tensors, { input, output, rows, columns }: GatherLayer): Counts {
  const { shape, encoding } = tensors[output];
  const [channels, height, width] = shape;
  if (!follow(columns)) return { step: 1, [isFloat(tensors[output]) ? "gatheredFloat" : "gathered"]: elements(shape) };
  const isWhole = width === tensors[input].shape[2] && follow(rows);
  return {
    step: 1,
    copy: isWhole ? channels : channels * height,
    copiedByte: elements(shape) * elementBytes(encoding),
  };
}

export function countPermute({ tensors }: Tensors, { output }: PermuteLayer): Counts {
  return { step: 1, [isFloat(tensors[output]) ? "permutedFloat" : "permuted"]: elements(tensors[output].shape) };
}

export function countConstant({ tensors }: Tensors, { output }: ConstantLayer): Counts {
  return { step: 1, copy: 1, copiedByte: 4 * elements(tensors[output].shape) };
}

/** A function of integers is a table; the kernel says in which way it makes one of float32. */
export function countFunction({ tensors }: Tensors, layer: ActivationLayer | ElementwiseLayer): Counts {
  const { input, output } = layer;
  const out = tensors[output];
  if (!isFloat(tensors[input])) return { step: 1, looked: elements(out.shape) };
  const ways = waysOf(layer, tensors);
  const share = (...these: Way[]): number => ways.filter((way) => these.includes(way)).length / ways.length;
  const steps = layer.op === "activation" ? [layer] : layer.steps;
  return sumOf(
    // products of a hard gate take hardly longer than integers
    { gate: blocksOf(out) * share("integers", "hard products"), wideGate: blocksOf(out) * share("sigmoid products") },
    countSteps(out, [tensors[input]], steps, share("steps")),
  );
}

/** @param share of the channels that are made step by step */
function countSteps(
  output: TensorSpec,
  inputs: readonly TensorSpec[],
  steps: readonly { readonly fn: StepName }[],
  share = 1,
): Counts {
  const values = blocksOf(output) * share;
  const short = steps.filter(({ fn }) => SHORT.has(fn)).length;
  return sumOf(
    { step: 1, shortStep: values * short, seriesStep: values * (steps.length - short) },
    ...[...inputs, output].map((tensor) => ({ [isFloat(tensor) ? "blockFloat" : "blockInteger"]: values })),
  );
}

export function countBinary({ tensors }: Tensors, { fn, input, other, output }: BinaryLayer): Counts {
  const inputs = [tensors[input], tensors[other]];
  if (!PAIRS.has(fn)) return countSteps(tensors[output], inputs, [{ fn }]);
  const integers = inputs.filter((tensor) => !isFloat(tensor)).length;
  return { step: 1, paired: blocksOf(tensors[output]), pairedInteger: integers * blocksOf(tensors[output]) };
}

export function countResample({ tensors }: Tensors, { input, output, rows, columns }: ResampleLayer): Counts {
  const [channels, height, width] = tensors[output].shape;
  const tall = rows.indices.length / height;
  // lines of columns are kept from one row of the result to the next
  let lines = 0;
  for (let y = 0; y < height; y++) {
    const before = new Set(rows.indices.slice(Math.max(0, (y - 1) * tall), y * tall));
    lines += new Set(rows.indices.slice(y * tall, (y + 1) * tall).filter((row) => !before.has(row))).size;
  }
  return {
    step: 1,
    columnTap: channels * lines * columns.indices.length,
    rowTap: channels * rows.indices.length * width,
    [isFloat(tensors[input]) ? "blockFloat" : "blockInteger"]: elements(tensors[output].shape),
  };
}

export function countSoftmax({ tensors }: Tensors, { output, axis }: SoftmaxLayer): Counts {
  const { shape } = tensors[output];
  const lines = elements(shape) / shape[axis];
  // the last axis lies in one line; along the others, values are fetched one by one
  return { step: 1, exponential: elements(shape), softmaxLine: lines, apartValue: axis === 2 ? 0 : elements(shape) };
}

export function countMatmul({ tensors }: Tensors, { input, output }: MatmulLayer): Counts {
  const [, rows, depth] = tensors[input].shape;
  const [batch, , columns] = tensors[output].shape;
  const panels = batch * Math.ceil(columns / 8);
  return { step: 1, matmulPanel: panels * depth, matmulBlock: panels * Math.ceil(rows / 4) * depth };
}
