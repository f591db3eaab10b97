// fused.ts: operators that onnxruntime's optimizer makes of several: written out as those again.
import { isActivation } from "../draft.js";
import { isFloatType, toValue } from "../tensor.js";
import { range } from "./arrays.js";
import { type Bare, expectNode, unsupported } from "./call.js";
import { type Composite, composite, type Operators } from "./operator.js";
import { choice, flag, float, floats, int, type Specs, type ValuesOf } from "./spec.js";
import { WINDOW } from "./window.js";
import { asFloat, asInts, type Written, written } from "./written.js";

const ACTIVATION = choice(
  "",
  "Relu",
  "Tanh",
  "Sigmoid",
  "LeakyRelu",
  "Clip",
  "HardSigmoid",
  "HardSwish",
  "Elu",
  "Selu",
);
type ActivationName = ValuesOf<{ a: typeof ACTIVATION }>["a"];

/** The attributes that take the parameters of an activation function, in order. */
const PARAMETERS: { readonly [name in ActivationName]?: readonly string[] } = {
  Elu: ["alpha"],
  HardSigmoid: ["alpha", "beta"],
  LeakyRelu: ["alpha"],
  Selu: ["alpha", "gamma"],
};

/** Adds an activation function with its parameters. */
function activated(w: Written, name: ActivationName, parameters: readonly number[], x: string): void {
  if (name === "Clip") {
    const bounds = [parameters[0] ?? -Infinity, parameters[1] ?? Infinity];
    w.node(name, [x, ...bounds.map((bound) => w.constant(toValue("float32", [], [bound])))], {}, w.result);
    return;
  }
  const names = (PARAMETERS[name] ?? []).slice(0, parameters.length);
  const attributes = Object.fromEntries(names.map((one, i) => [one, asFloat(parameters[i])]));
  w.node(name || "Identity", [x], attributes, w.result);
}

/** The number of dimensions of an input, three or more where its channels come last. */
export function rankOf({ node, operands }: Bare, index: number, channelsLast = false): number {
  const operand = operands[index];
  expectNode(operand !== null && operand !== undefined, node, "an input", "none", `input[${index}]`);
  const rank = operand.dims.length;
  if (channelsLast) expectNode(rank >= 3, node, "three dimensions or more", rank, `input[${index}]`);
  return rank;
}

/** Moves the channels, which are last, behind the batch. */
export function channelsFirst(w: Written, x: string, rank: number): string {
  return w.node("Transpose", [x], { perm: asInts(0, rank - 1, ...range(rank - 2).map((i) => i + 1)) });
}

/** The other way round. */
export function channelsLast(w: Written, x: string, rank: number, result?: string): string {
  return w.node("Transpose", [x], { perm: asInts(0, ...range(rank - 2).map((i) => i + 2), 1) }, result);
}

const WINDOW_NAMES = Object.keys(WINDOW);
const CONV = { ...WINDOW, group: int(1), activation: ACTIVATION, activation_params: floats() };

/** A convolution with a sum and an activation function behind it. @param last whether channels come last */
function fusedConv(last: boolean): Composite {
  return composite(CONV, (call) => {
    const w = written(call);
    const rank = rankOf(call, 0, last);
    const first = (x: string): string => (last ? channelsFirst(w, x, rank) : x);
    const conv = w.node("Conv", [first(w.input(0)), w.input(1), w.input(2)], w.kept(...WINDOW_NAMES, "group"));
    const sum = w.has(3) ? w.node("Add", [conv, first(w.input(3))]) : conv;
    const { activation, activation_params } = call.attributes;
    activated(w, activation, activation_params ?? [], last ? channelsLast(w, sum, rank) : sum);
    return w;
  });
}

const fusedGemm = composite(
  {
    alpha: float(1),
    beta: float(1),
    transA: flag(false),
    transB: flag(false),
    activation: ACTIVATION,
    activation_alpha: float(null),
    activation_beta: float(null),
    activation_gamma: float(null),
  },
  (call) => {
    const w = written(call);
    const { activation, activation_alpha, activation_beta, activation_gamma } = call.attributes;
    const gemm = w.node("Gemm", range(3).map(w.input), w.kept("alpha", "beta", "transA", "transB"));
    const parameters = [activation_alpha, activation_beta, activation_gamma].filter((one) => one !== null);
    activated(w, activation, parameters, gemm);
    return w;
  },
);

/** The last two axes change places. */
function turned(w: Written, x: string, rank: number): string {
  return w.node("Transpose", [x], { perm: asInts(...range(rank - 2), rank - 1, rank - 2) });
}

const fusedMatMul = composite(
  {
    alpha: float(1),
    transA: flag(false),
    transB: flag(false),
    transBatchA: int(0, { legal: [0] }),
    transBatchB: int(0, { legal: [0] }),
  },
  (call) => {
    const w = written(call);
    const { alpha, transA, transB } = call.attributes;
    const [a, b] = [transA, transB].map((turn, i) => (turn ? turned(w, w.input(i), rankOf(call, i)) : w.input(i)));
    const product = w.node("MatMul", [a, b], {}, alpha === 1 ? w.result : undefined);
    if (alpha !== 1) w.node("Mul", [product, w.constant(toValue("float32", [], [alpha]))], {}, w.result);
    return w;
  },
);

/** @param simple without a mean: scale alone, then the bias of the sum */
function skipNormalization(simple: boolean): Composite {
  return composite({ epsilon: float(Math.fround(1e-12)) }, (call) => {
    const w = written(call);
    const bias = simple ? 3 : 4;
    const { outputs } = call.node;
    const total = outputs[3] || undefined;
    const sum = w.node("Add", [w.input(0), w.input(1)], {}, w.has(bias) ? undefined : total);
    const all = w.has(bias) ? w.node("Add", [sum, w.input(bias)], {}, total) : sum;
    const op = simple ? "RMSNormalization" : "LayerNormalization";
    const parts = simple ? [w.input(2)] : [w.input(2), w.input(3)];
    w.node(op, [all, ...parts], { axis: -1, epsilon: asFloat(call.attributes.epsilon) }, w.result);
    return w;
  });
}

const biasSoftmax = composite({ axis: int(1), is_inner_broadcast: int(1) }, (call) => {
  const w = written(call);
  const rank = rankOf(call, 0);
  const { axis } = call.attributes;
  if (axis !== -1 && axis !== rank - 1) throw unsupported(call.node, `axis ${axis}, which is not the last`);
  w.node("Softmax", [w.node("Add", [w.input(0), w.input(1)])], { axis: -1 }, w.result);
  return w;
});

const biasAdd = composite({}, (call) => {
  const w = written(call);
  w.node("Add", [w.node("Add", [w.input(0), w.input(1)]), w.input(2)], {}, w.result);
  return w;
});

const biasDropout = composite({ seed: int(0) }, (call) => {
  const w = written(call);
  const sum = w.node("Add", [w.input(0), w.input(1)], {}, w.has(2) ? undefined : w.result);
  if (w.has(2)) w.node("Add", [sum, w.input(2)], {}, w.result);
  return w;
});

const nhwcMaxPool = composite({ ...WINDOW, ceil_mode: int(0), storage_order: int(0) }, (call) => {
  const w = written(call);
  const rank = rankOf(call, 0, true);
  const pool = w.node("MaxPool", [channelsFirst(w, w.input(0), rank)], w.kept(...WINDOW_NAMES, "ceil_mode"));
  channelsLast(w, pool, rank, w.result);
  return w;
});

/** Normalizes groups of channels, which may be last, and may apply an activation function. */
const groupNorm = composite(
  { activation: int(0), channels_last: flag(true), epsilon: float(Math.fround(1e-5)), groups: int(1) },
  (call) => {
    const { attributes, operands, node } = call;
    const w = written(call);
    const x = operands[0];
    const rank = rankOf(call, 0, attributes.channels_last);
    const [batch, ...rest] = x?.dims ?? [];
    const dims = attributes.channels_last ? [batch, rest.at(-1) ?? 0, ...rest.slice(0, -1)] : [batch, ...rest];
    const { groups } = attributes;
    expectNode(groups >= 1 && dims[1] % groups === 0, node, `a divisor of ${dims[1]}`, groups, "groups");
    expectNode(isActivation(x) || isFloatType(x?.type ?? "int64"), node, "floats", "integers", "input[0]");
    const input = attributes.channels_last ? channelsFirst(w, w.input(0), rank) : w.input(0);
    const shape = (...to: readonly number[]): string => w.constant(toValue("int64", [to.length], to));
    const many = (value: number): string =>
      w.constant(toValue("float32", [groups], new Array<number>(groups).fill(value)));
    const lines = w.node("Reshape", [input, shape(batch, groups, -1)]);
    const epsilon = asFloat(attributes.epsilon);
    const normal = w.node("InstanceNormalization", [lines, many(1), many(0)], { epsilon });
    const channels = shape(1, dims[1], ...dims.slice(2).map(() => 1));
    const [scale, bias] = [1, 2].map((i) => w.node("Reshape", [w.input(i), channels]));
    const scaled = w.node("Mul", [w.node("Reshape", [normal, shape(...dims)]), scale]);
    const sum = w.node("Add", [scaled, bias]);
    const last = attributes.activation === 1 ? w.node("Mul", [sum, w.node("Sigmoid", [sum])]) : sum;
    if (attributes.channels_last) channelsLast(w, last, rank, w.result);
    else w.node("Identity", [last], {}, w.result);
    return w;
  },
);

/** Writes a node of another name. */
function as(op: string, attributes: Specs, keep: readonly string[]): Composite {
  return composite(attributes, (call) => {
    const w = written(call);
    w.node(op, call.node.inputs, w.kept(...keep), w.result);
    return w;
  });
}

const simplified = as("RMSNormalization", { axis: int(-1), epsilon: float(Math.fround(1e-5)), stash_type: int(1) }, [
  "axis",
  "epsilon",
]);

export const FUSED: Operators = {
  SimplifiedLayerNormalization: simplified,
  "com.microsoft.BiasAdd": biasAdd,
  "com.microsoft.BiasDropout": biasDropout,
  "com.microsoft.BiasSoftmax": biasSoftmax,
  "com.microsoft.FusedConv": fusedConv(false),
  "com.microsoft.FusedGemm": fusedGemm,
  "com.microsoft.FusedMatMul": fusedMatMul,
  "com.microsoft.GroupNorm": groupNorm,
  "com.microsoft.NhwcConv": fusedConv(true),
  "com.microsoft.NhwcFusedConv": fusedConv(true),
  "com.microsoft.NhwcMaxPool": nhwcMaxPool,
  "com.microsoft.SimplifiedLayerNormalization": simplified,
  "com.microsoft.SkipLayerNormalization": skipNormalization(false),
  "com.microsoft.SkipSimplifiedLayerNormalization": skipNormalization(true),
  "com.microsoft.TransposeMatMul": fusedMatMul,
};
