// operators.js: a generator for every operator that is read: each adds nodes to the model, or nothing where none fit.

import { bytes } from "../../onnx/build.js";
import { PARAMETERS } from "../project.js";
import { biasedGelu, groupNorm, instanceNorm, layerNorm, lrn, masks, positiveUnary, where } from "./functions.js";
import { FUSED } from "./fused.js";
import { either, float, isPlanes, known, meeting, mixedAxis, rank, unary } from "./helpers.js";
import {
  blocks,
  concat,
  expand,
  gather,
  pad,
  reshape,
  resize,
  slice,
  split,
  squeeze,
  tile,
  transpose,
  unsqueeze,
  upsample,
} from "./moves.js";
import { PLACES } from "./places.js";
import { attention, einsum, gemm, matMul, multiHead, selfAttention } from "./products.js";
import { QUANTIZED } from "./quantized.js";
import { RECURRENT } from "./recurrent.js";

/** The operators that are a function of one value of ours, with any of the parameters given. */
const activations = Object.fromEntries(
  Object.entries(PARAMETERS).map(([fn, parameters]) => {
    const name = fn[0].toUpperCase() + fn.slice(1);
    const given = (draw) => parameters.filter(() => draw.chance(0.5)).map(([key, usual]) => [key, float(usual + 0.1)]);
    return [name, unary(name, (draw) => Object.fromEntries(given(draw)))];
  }),
);

/** One node on an activation and a constant, or another activation. */
const binary =
  (op, make = (random) => random.normal()) =>
  (draw, b) => {
    const x = b.source(draw);
    const dims = b.dimsOf(x);
    const random = draw.random();
    const other = draw.chance(0.3)
      ? b.source(draw, (found) => String(found) === String(dims))
      : b.floats(draw, meeting(draw, dims), () => make(random));
    b.node(op, draw.chance(0.3) ? [other, x] : [x, other]);
  };

const awayFromZero = (random) => (random.chance(0.5) ? 1 : -1) * (0.5 + random.uniform());

/** Attributes of a window over `space`, with pads unless auto_pad gives them. */
function drawWindow(draw, space, kernel = null) {
  const each = (make) => space.map(make);
  const shape = kernel ?? each((n) => Math.min(n, draw.pick([2, 1, 3, n])));
  const dilations = each((n, i) => (shape[i] > 1 && draw.chance(0.2) && n >= 2 * shape[i] ? 2 : 1));
  const auto = draw.pick(["pads", "pads", "none", "SAME_UPPER", "SAME_LOWER", "VALID"]);
  const pads = [...each((_, i) => draw.below(shape[i])), ...each((_, i) => draw.below(shape[i]))];
  return {
    ...(kernel && draw.chance(0.5) ? {} : { kernel_shape: shape }),
    ...(draw.chance(0.6) && { strides: each(() => draw.pick([1, 2, 1, 3])) }),
    ...(dilations.some((d) => d > 1) && { dilations }),
    ...(auto === "pads" ? { pads } : auto === "none" ? {} : { auto_pad: auto }),
  };
}

function conv(draw, b) {
  const x = b.source(draw, isPlanes);
  if (!x) return;
  const [, channels, ...space] = b.dimsOf(x);
  const group = draw.pick([1, 1, channels]);
  const outputs = group * draw.pick([1, 2, 3]);
  const kernel = space.map((n) => Math.min(n, draw.pick([1, 3, 2, 4])));
  const w = b.floats(draw, [outputs, channels / group, ...kernel]);
  const bias = draw.chance(0.5) ? [b.floats(draw, [outputs])] : [];
  b.node("Conv", [x, w, ...bias], { ...drawWindow(draw, space, kernel), ...(group > 1 && { group }) });
}

function convTranspose(draw, b) {
  const x = b.source(draw, isPlanes);
  if (!x) return;
  const [, channels, ...space] = b.dimsOf(x);
  const group = draw.pick([1, 1, channels]);
  const kernel = space.map(() => draw.pick([1, 3, 2]));
  const w = b.floats(draw, [channels, draw.pick([1, 2, 3]), ...kernel]);
  const strides = space.map(() => draw.pick([1, 2, 3]));
  const output_padding = strides.map((s) => draw.below(s));
  const bias = draw.chance(0.3) && group === 1 ? [b.floats(draw, [b.dimsOf(w)[1]])] : [];
  const { pads, auto_pad } = drawWindow(draw, space, kernel);
  const padding = pads ? { pads } : auto_pad ? { auto_pad } : {};
  b.node("ConvTranspose", [x, w, ...bias], {
    strides,
    ...padding,
    ...(draw.chance(0.4) && { output_padding }),
    ...(group > 1 && { group }),
  });
}

const pool =
  (op, more = () => ({})) =>
  (draw, b) => {
    const x = b.source(draw, isPlanes);
    if (x)
      b.node(op, [x], {
        kernel_shape: [1, 1],
        ...drawWindow(draw, b.dimsOf(x).slice(2)),
        ...(draw.chance(0.3) && b.opset >= 10 && { ceil_mode: 1 }),
        ...more(draw, b),
      });
  };

const globalPool = (op) => (draw, b) => {
  const x = b.source(draw, isPlanes);
  if (x) b.node(op, [x]);
};

function batchNorm(draw, b) {
  const x = b.source(draw, (dims) => dims.length >= 2);
  if (!x) return;
  const random = draw.random();
  const c = [b.dimsOf(x)[1]];
  const [gamma, beta, mean] = [0, 1, 2].map(() => b.floats(draw, c));
  const variance = b.floats(draw, c, () => 0.1 + random.uniform());
  b.node("BatchNormalization", [x, gamma, beta, mean, variance], draw.chance(0.5) ? { epsilon: float(0.01) } : {});
}

function quantized(draw, b) {
  const x = b.source(draw);
  const scale = b.floats(draw, [], () => draw.pick([0.05, 0.5, 0.01]));
  const signed = draw.chance(0.3);
  const zero = b.constant(bytes([], [signed ? 0 : draw.pick([0, 128, 255])], signed ? 3 : 2));
  const made = b.node("QuantizeLinear", [x, scale, zero]);
  if (made) b.node("DequantizeLinear", [made[0], scale, zero]);
}

/** Steps of levels, as LogQuant has them, with the middles between two of them as thresholds. */
function levels(draw, b) {
  const steps = Array.from({ length: 1 + draw.below(6) }, () => 1 + draw.below(30));
  const scale = draw.pick([0.05, 0.5, 0.01]);
  let level = 0;
  const thresholds = steps.map((step) => {
    level += step;
    return level - step / 2;
  });
  const [at, inverse] = [float(scale), float(Math.fround(1 / scale))];
  b.node("shiftwise.Levels", [b.source(draw)], {
    scale: at,
    inverse,
    steps: steps.map(float),
    thresholds: thresholds.map(float),
  });
}

const reduction = (op, since) => (draw, b) => {
  if (draw.chance(0.2)) return reduced(op, since)(draw, b);
  const x = b.source(draw, (dims) => dims.length > 0);
  const dims = b.dimsOf(x);
  const axes = [...new Set([mixedAxis(draw, dims), ...(draw.chance(0.5) ? [dims.length - 1] : [])])];
  const [attributes, inputs] = draw.chance(0.2) ? [{}, []] : either(b, since, "axes", axes);
  return b.node(op, [x, ...inputs], { ...attributes, ...(draw.chance(0.4) && { keepdims: 0 }) });
};

/** Two or three operands, activations and constants in any order. */
const variadic = (op) => (draw, b) => {
  const x = b.source(draw);
  const dims = b.dimsOf(x);
  const others = Array.from({ length: draw.pick([1, 2]) }, () => {
    if (draw.chance(0.3)) return b.source(draw, (found) => String(found) === String(dims));
    return b.floats(draw, draw.chance(0.5) ? [] : meeting(draw, dims));
  });
  b.node(op, draw.chance(0.3) ? [...others, x] : [x, ...others]);
};

function clip(draw, b) {
  const x = b.source(draw);
  const [low, high] = [draw.pick([0, -1, -0, 0.25]), draw.pick([6, 1, 0.5])];
  const has = [draw.chance(0.8), draw.chance(0.8)];
  if (b.opset < 11) b.node("Clip", [x], { ...(has[0] && { min: float(low) }), ...(has[1] && { max: float(high) }) });
  else b.node("Clip", [x, has[0] ? b.floats(draw, [], () => low) : "", has[1] ? b.floats(draw, [], () => high) : ""]);
}

function dropout(draw, b) {
  const x = b.source(draw);
  if (b.opset < 12) b.node("Dropout", [x], draw.chance(0.5) ? { ratio: float(0.3) } : {});
  else b.node("Dropout", [x, ...(draw.chance(0.5) ? [b.floats(draw, [], () => 0.3)] : [])]);
}

/** Comparisons make booleans, which Cast or Where takes back. */
const comparison = (op) =>
  known((draw, b, c, dims) => {
    const made = b.node(op, [c, b.floats(draw, dims)]);
    return (
      made &&
      (draw.chance(0.5) ? b.node("Cast", [made[0]], { to: 1 }) : b.node("Where", [made[0], c, b.floats(draw, dims)]))
    );
  });
const reduced = (op, since) =>
  known((_, b, c, dims) => {
    if (dims.length === 0) return b.node(op, [c]);
    const [attributes, inputs] = either(b, since, "axes", [dims.length - 1]);
    return b.node(op, [c, ...inputs], attributes);
  });

/** A Reshape whose target is taken from the value's own shape. */
function shape(draw, b) {
  const x = b.source(draw, (dims) => dims.length >= 2);
  if (!x) return;
  const made = b.node("Shape", [x]);
  if (!made) return;
  const first = b.node("Gather", [made[0], b.ints(0)], { axis: 0 });
  const target = first && b.node("Concat", [first[0], b.ints(-1)], { axis: 0 });
  if (target) b.node("Reshape", [x, target[0]]);
}

function cast(draw, b) {
  b.node("Cast", [b.source(draw)], { to: 1 });
}

function constantOfShape(draw, b) {
  const x = b.source(draw, (dims) => dims.length > 0);
  const made = b.node("ConstantOfShape", [b.ints(...meeting(draw, b.dimsOf(x)).concat(1).slice(-1))]);
  if (made) b.node("Add", [x, made[0]]);
}

function constant(draw, b) {
  const made = b.node(
    "Constant",
    [],
    draw.pick([{ value: bytes([1], [3], 6) }, { value_float: float(1.5) }, { value_floats: [float(2)] }]),
  );
  const real = made && b.node("Cast", made, { to: 1 });
  if (real) b.node("Mul", [b.source(draw), real[0]]);
}

/** By the name of the operator; every one that the catalogue knows has an entry (fuzz.test.js). */
export const OPERATORS = {
  ...activations,
  ...FUSED,
  ...PLACES,
  ...QUANTIZED,
  ...RECURRENT,
  Abs: unary("Abs"),
  "com.microsoft.Attention": selfAttention,
  "com.microsoft.MultiHeadAttention": multiHead,
  Add: binary("Add"),
  And: masks("And", 2),
  Attention: attention,
  AveragePool: pool("AveragePool", (draw, b) => (draw.chance(0.4) && b.opset >= 7 ? { count_include_pad: 1 } : {})),
  BatchNormalization: batchNorm,
  Cast: cast,
  CastLike: known((draw, b, c, dims) => b.node("CastLike", [c, b.floats(draw, dims)])),
  Ceil: unary("Ceil"),
  Celu: unary("Celu", (draw) => (draw.chance(0.5) ? { alpha: float(0.6) } : {})),
  Clip: clip,
  Concat: concat,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Conv: conv,
  ConvTranspose: convTranspose,
  Cos: unary("Cos"),
  DepthToSpace: blocks("DepthToSpace"),
  DequantizeLinear: quantized,
  Div: binary("Div", awayFromZero),
  Dropout: dropout,
  Einsum: einsum,
  Equal: comparison("Equal"),
  Erf: unary("Erf"),
  Exp: unary("Exp"),
  Expand: expand,
  Flatten: unary("Flatten", (draw) => (draw.chance(0.2) ? { axis: draw.pick([1, 0, 2, -1]) } : {})),
  Floor: unary("Floor"),
  Gather: gather,
  Gelu: unary("Gelu", (draw) => (draw.chance(0.5) ? { approximate: "tanh" } : {})),
  Gemm: gemm,
  GlobalAveragePool: globalPool("GlobalAveragePool"),
  GlobalMaxPool: globalPool("GlobalMaxPool"),
  Greater: comparison("Greater"),
  GreaterOrEqual: comparison("GreaterOrEqual"),
  GroupNormalization: groupNorm,
  Identity: unary("Identity"),
  InstanceNormalization: instanceNorm,
  LRN: lrn,
  LayerNormalization: layerNorm("LayerNormalization"),
  LeakyRelu: unary("LeakyRelu", (draw) => (draw.chance(0.5) ? { alpha: float(draw.pick([0.2, 0, 1.5, -0.5])) } : {})),
  Less: comparison("Less"),
  LessOrEqual: comparison("LessOrEqual"),
  Log: positiveUnary("Log"),
  LogSoftmax: unary("LogSoftmax", (draw) => (draw.chance(0.6) ? { axis: draw.pick([-1, 1, 2]) } : {})),
  LpNormalization: unary("LpNormalization", (draw) => ({ axis: draw.pick([-1, 1]), p: draw.pick([2, 1]) })),
  MatMul: matMul,
  Max: variadic("Max"),
  MaxPool: pool("MaxPool"),
  Mean: variadic("Mean"),
  MeanVarianceNormalization: (draw, b) => {
    const x = b.source(draw, rank(4));
    if (x) b.node("MeanVarianceNormalization", [x], draw.chance(0.5) ? { axes: [2, 3] } : {});
  },
  Min: variadic("Min"),
  Mish: unary("Mish"),
  Mod: (draw, b) => b.node("Mod", [b.source(draw), b.floats(draw, [], () => 0.75)], { fmod: 1 }),
  Mul: binary("Mul"),
  Neg: unary("Neg"),
  Not: masks("Not", 1),
  Or: masks("Or", 2),
  PRelu: (draw, b) => {
    const x = b.source(draw);
    b.node("PRelu", [x, b.floats(draw, meeting(draw, b.dimsOf(x)))]);
  },
  Pad: pad,
  Pow: (draw, b) => b.node("Pow", [b.source(draw), b.floats(draw, [], () => draw.pick([2, 3, 1, 0, -1, -2]))]),
  QuantizeLinear: quantized,
  RMSNormalization: layerNorm("RMSNormalization"),
  Reciprocal: unary("Reciprocal"),
  ReduceL1: reduction("ReduceL1", 18),
  ReduceL2: reduction("ReduceL2", 18),
  ReduceLogSum: reduction("ReduceLogSum", 18),
  ReduceLogSumExp: reduction("ReduceLogSumExp", 18),
  ReduceMax: reduction("ReduceMax", 18),
  ReduceMean: reduction("ReduceMean", 18),
  ReduceMin: reduction("ReduceMin", 18),
  ReduceProd: known((_, b, c) => b.node("ReduceProd", [c], {})),
  ReduceSum: reduction("ReduceSum", 13),
  ReduceSumSquare: reduction("ReduceSumSquare", 18),
  Relu: unary("Relu"),
  Reshape: reshape,
  Resize: resize,
  Round: unary("Round"),
  Selu: unary("Selu", (draw) => (draw.chance(0.5) ? { alpha: float(1.5), gamma: float(0.75) } : {})),
  Shape: shape,
  Shrink: unary("Shrink", (draw) => (draw.chance(0.5) ? { lambd: float(0.25), bias: float(0.125) } : {})),
  Sign: unary("Sign"),
  Sin: unary("Sin"),
  Slice: slice,
  Softmax: unary("Softmax", (draw) => (draw.chance(0.6) ? { axis: draw.pick([-1, 1, 2]) } : {})),
  Softplus: unary("Softplus"),
  Softsign: unary("Softsign"),
  SpaceToDepth: blocks("SpaceToDepth"),
  Split: split,
  Sqrt: positiveUnary("Sqrt"),
  Squeeze: squeeze,
  Sub: binary("Sub"),
  Sum: variadic("Sum"),
  Swish: unary("Swish", (draw) => (draw.chance(0.5) ? { alpha: float(1.25) } : {})),
  Tan: unary("Tan"),
  ThresholdedRelu: unary("ThresholdedRelu", (draw) => (draw.chance(0.5) ? { alpha: float(0.5) } : {})),
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
  Upsample: upsample,
  Where: where,
  Xor: masks("Xor", 2),
  "com.microsoft.BiasGelu": biasedGelu("BiasGelu"),
  "com.microsoft.FastGelu": biasedGelu("FastGelu"),
  "com.microsoft.Gelu": unary("com.microsoft.Gelu"),
  "com.microsoft.QuickGelu": unary("com.microsoft.QuickGelu"),
  "shiftwise.Levels": levels,
};
