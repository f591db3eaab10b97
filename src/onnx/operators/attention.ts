// attention.ts: attention as one operator, ONNX's own and com.microsoft's, written out: scores, softmax, and the sums that they weigh.
import { toValue } from "../tensor.js";
import { range } from "./arrays.js";
import { type Bare, expectNode, unsupported } from "./call.js";
import { rankOf } from "./fused.js";
import { composite, type Operators } from "./operator.js";
import { flag, float, int, ints } from "./spec.js";
import { asInts, cut, listed, type Written, written } from "./written.js";

const number = (w: Written, x: number): string => w.constant(toValue("float32", [], [x]));

/** (batch, tokens, heads x size) to (batch, heads, tokens, size). */
function inHeads(w: Written, x: string, heads: number): string {
  const parts = w.node("Reshape", [x, listed(w, 0, 0, heads, -1)]);
  return w.node("Transpose", [parts], { perm: asInts(0, 2, 1, 3) });
}

/** The other way round. */
function outOfHeads(w: Written, x: string): string {
  const turned = w.node("Transpose", [x], { perm: asInts(0, 2, 1, 3) });
  return w.node("Reshape", [turned, listed(w, 0, 0, -1)], {}, w.result);
}

/** Sizes and addends of the scores. */
interface Scores {
  /** Length of the vectors whose products are the scores. */
  readonly size: number;
  /** Factor of the scores; one over the root of `size` where it is 0 or null. */
  readonly scale: number | null;
  /** Addends that meet (batch, heads, tokens, tokens). */
  readonly bias?: string;
  /** The number of tokens that ask, and of those that are seen, where each token sees none behind itself. */
  readonly causal?: readonly [rows: number, columns: number];
  /** Bound that tanh holds the scores in, or 0. */
  readonly cap?: number;
}

/** softmax(scale q kT + bias) v, of (batch, heads, tokens, size). */
function attended(w: Written, [q, k, v]: readonly string[], scores: Scores): string {
  const { size, scale, bias, causal, cap = 0 } = scores;
  const turned = w.node("Transpose", [k], { perm: asInts(0, 1, 3, 2) });
  const factor = scale || 1 / Math.sqrt(size);
  // as every runtime has it: the queries are scaled, which are fewer than the scores
  let made = w.node("MatMul", [w.node("Mul", [q, number(w, Math.fround(factor))]), turned]);
  if (cap > 0) made = w.node("Mul", [w.node("Tanh", [w.node("Div", [made, number(w, cap)])]), number(w, cap)]);
  if (bias) made = w.node("Add", [made, bias]);
  if (causal) {
    const [rows, columns] = causal;
    const mask = range(rows * columns).map((i) => (i % columns > Math.floor(i / columns) ? -Infinity : 0));
    made = w.node("Add", [made, w.constant(toValue("float32", [rows, columns], mask))]);
  }
  return w.node("MatMul", [w.node("Softmax", [made], { axis: -1 }), v]);
}

/** Dimensions of an input. */
function dimsOf(call: Bare, index: number): readonly number[] {
  rankOf(call, index);
  return call.operands[index]!.dims;
}

function expectHeads(call: Bare, heads: number, size: number): void {
  const fits = Number.isInteger(heads) && heads >= 1 && size % heads === 0;
  expectNode(fits, call.node, `a divisor of ${size}`, heads, "num_heads");
}

/** @throws UNSUPPORTED for inputs that are given and not done here */
function refuse(call: Bare, w: Written, inputs: Readonly<Record<number, string>>): void {
  for (const [index, what] of Object.entries(inputs)) if (w.has(Number(index))) throw unsupported(call.node, what);
}

/** The bias of queries, keys and values, which stand one behind the other. */
function biased(w: Written, parts: readonly string[], bias: string, sizes: readonly number[]): string[] {
  const addends = cut(w, bias, sizes, 0);
  return parts.map((part, i) => w.node("Add", [part, addends[i]]));
}

const SHARED = { num_heads: int(0), scale: float(null), unidirectional: flag(false), mask_filter_value: float(-10000) };

/** Attention of tokens to each other, with the dense layer that makes queries, keys and values of them. */
const selfAttention = composite(
  { ...SHARED, qkv_hidden_sizes: ints(), do_rotary: int(0, { legal: [0] }), past_present_share_buffer: int(0) },
  (call) => {
    const w = written(call);
    const { num_heads, scale, unidirectional, qkv_hidden_sizes } = call.attributes;
    refuse(call, w, { 3: "a mask of tokens", 4: "keys and values of before" });
    const [tokens, total] = [dimsOf(call, 0)[1], dimsOf(call, 1)[1]];
    const sizes = qkv_hidden_sizes ?? [total / 3, total / 3, total / 3];
    for (const size of sizes) expectHeads(call, num_heads, size);
    const product = w.node("MatMul", [w.input(0), w.input(1)]);
    const qkv = w.has(2) ? w.node("Add", [product, w.input(2)]) : product;
    const parts = cut(w, qkv, sizes, 2).map((part) => inHeads(w, part, num_heads));
    const causal = unidirectional ? { causal: [tokens, tokens] as const } : {};
    const bias = w.has(5) ? { bias: w.input(5) } : {};
    outOfHeads(w, attended(w, parts, { size: sizes[0] / num_heads, scale, ...causal, ...bias }));
    return w;
  },
);

/** Attention of queries to keys and values that are there already. */
const multiHead = composite(SHARED, (call) => {
  const w = written(call);
  const { num_heads, scale, unidirectional } = call.attributes;
  refuse(call, w, { 4: "a mask of tokens", 6: "keys and values of before", 7: "keys and values of before" });
  if (!w.has(1) || !w.has(2)) throw unsupported(call.node, "queries, keys and values in one input");
  const ranks = [0, 1, 2].map((index) => rankOf(call, index));
  const [, tokens, size] = dimsOf(call, 0);
  expectNode(ranks[0] === 3, call.node, "queries of 3 dimensions", dimsOf(call, 0), "input[0]");
  expectHeads(call, num_heads, size);
  const sizes = [0, 1, 2].map((index) => {
    const dims = dimsOf(call, index);
    return dims.length === 4 ? dims[1] * dims[3] : dims[2];
  });
  const inputs = [0, 1, 2].map(w.input);
  if (w.has(3) && ranks.some((rank) => rank !== 3)) throw unsupported(call.node, "a bias beside heads");
  const parts = w.has(3) ? biased(w, inputs, w.input(3), sizes) : inputs;
  const heads = parts.map((part, i) => (ranks[i] === 4 ? part : inHeads(w, part, num_heads)));
  const seen = ranks[1] === 4 ? dimsOf(call, 1)[2] : dimsOf(call, 1)[1];
  const causal = unidirectional ? { causal: [tokens, seen] as const } : {};
  const bias = w.has(5) ? { bias: w.input(5) } : {};
  outOfHeads(w, attended(w, heads, { size: size / num_heads, scale, ...causal, ...bias }));
  return w;
});

/** Attention as ONNX has it: 3 dimensions with the numbers of heads, or 4; fewer heads of keys and values than of queries are repeated. */
const attention = composite(
  {
    is_causal: flag(false),
    kv_num_heads: int(0),
    q_num_heads: int(0),
    qk_matmul_output_mode: int(0),
    scale: float(null),
    softcap: float(0),
    softmax_precision: int(1),
  },
  (call) => {
    const w = written(call);
    const { is_causal, kv_num_heads, q_num_heads, scale, softcap } = call.attributes;
    refuse(call, w, { 4: "keys of before", 5: "values of before", 6: "lengths of keys" });
    const all = [0, 1, 2].map((index) => dimsOf(call, index));
    const flat = all[0].length === 3;
    const heads = flat ? [q_num_heads, kv_num_heads, kv_num_heads] : all.map((dims) => dims[1]);
    if (flat) for (const [i, dims] of all.entries()) expectHeads(call, heads[i], dims[2]);
    const [tokens, seen] = all.slice(0, 2).map((dims) => dims[flat ? 1 : 2]);
    const size = flat ? all[0][2] / heads[0] : all[0][3];
    const group = heads[0] / heads[1];
    expectNode(Number.isInteger(group) && group >= 1, call.node, `a divisor of ${heads[0]}`, heads[1], "kv_num_heads");
    const parts = [0, 1, 2].map((index) => {
      const own = flat ? inHeads(w, w.input(index), heads[index]) : w.input(index);
      if (index === 0 || group === 1) return own;
      const last = flat ? all[index][2] / heads[index] : all[index][3];
      const apart = w.node("Reshape", [own, listed(w, 0, heads[index], 1, seen, last)]);
      const repeated = w.node("Expand", [apart, listed(w, 1, heads[index], group, seen, last)]);
      return w.node("Reshape", [repeated, listed(w, 0, heads[0], seen, last)]);
    });
    const causal = is_causal ? { causal: [tokens, seen] as const } : {};
    const bias = w.has(3) ? { bias: maskOf(call, w) } : {};
    const made = attended(w, parts, { size, scale, cap: softcap, ...causal, ...bias });
    if (flat) outOfHeads(w, made);
    else w.node("Identity", [made], {}, w.result);
    return w;
  },
);

/** A mask as addends: booleans say which scores count. */
function maskOf(call: Bare, w: Written): string {
  return call.operands[3]?.type === "bool"
    ? w.node("Where", [w.input(3), number(w, 0), number(w, -Infinity)])
    : w.input(3);
}

export const ATTENTION: Operators = {
  Attention: attention,
  "com.microsoft.Attention": selfAttention,
  "com.microsoft.MultiHeadAttention": multiHead,
};
