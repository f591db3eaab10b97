// products.js: generators of products of matrices, with a constant and of two activations.
import { float, rank } from "./helpers.js";

/** An activation with its last two axes turned round; null where the builder refuses. */
function turned(b, x) {
  const { length } = b.dimsOf(x);
  const perm = [...Array(length).keys()];
  perm.push(perm.splice(length - 2, 1)[0]);
  return b.node("Transpose", [x], { perm })?.[0] ?? null;
}

export function gemm(draw, b) {
  const x = b.source(draw, rank(2));
  if (!x) return;
  const [rows, depth] = b.dimsOf(x);
  const outputs = draw.pick([1, 3, 10, 17]);
  const transB = draw.below(2);
  const addend = (columns) =>
    draw.chance(0.6) || b.opset < 11 ? [b.floats(draw, draw.pick([[columns], [1, columns], [1], []]))] : [];
  const factors = {
    ...(draw.chance(0.3) && { alpha: float(0.5) }),
    ...(draw.chance(0.3) && { beta: float(-2) }),
  };
  const form = draw.below(4);
  if (form === 0) b.node("Gemm", [x, x, ...addend(rows)], { transB: 1, ...factors });
  else if (form === 1) b.node("Gemm", [b.floats(draw, [outputs, rows]), x, ...addend(depth)], factors);
  else {
    const w = b.floats(draw, transB ? [outputs, depth] : [depth, outputs]);
    b.node("Gemm", [x, w, ...addend(outputs)], { ...(transB && { transB }), ...factors });
  }
}

export function matMul(draw, b) {
  const x = b.source(draw, (dims) => dims.length >= 2);
  if (!x) return;
  const dims = b.dimsOf(x);
  const [rows, depth] = dims.slice(-2);
  const size = draw.pick([1, 2, 5, 16]);
  const stack = draw.chance(0.3) ? dims.slice(0, -2).map((n) => (draw.chance(0.5) ? 1 : n)) : [];
  const form = draw.below(4);
  if (form === 0) {
    const t = turned(b, x);
    if (t) b.node("MatMul", draw.chance(0.5) ? [x, t] : [t, x]);
  } else if (form === 1) b.node("MatMul", [b.floats(draw, [...stack, size, rows]), x]);
  else b.node("MatMul", [x, b.floats(draw, draw.chance(0.1) ? [depth] : [...stack, depth, size])]);
}

export function einsum(draw, b) {
  const x = b.source(draw, (dims) => dims.length >= 2 && dims.length <= 5);
  if (!x) return;
  const dims = b.dimsOf(x);
  const own = [..."abcde"].slice(0, dims.length);
  // some of x's axes, and a new one
  const shared = own.filter(() => draw.chance(0.6));
  const other = draw.random().shuffle([...shared, ...(draw.chance(0.5) ? ["z"] : [])]);
  const result = draw.random().shuffle([...own, ...(other.includes("z") ? ["z"] : [])].filter(() => draw.chance(0.7)));
  const second = b.floats(
    draw,
    other.map((label) => (label === "z" ? 3 : dims[own.indexOf(label)])),
  );
  const equation = `${own.join("")},${other.join("")}->${result.join("")}`;
  if (draw.chance(0.7)) b.node("Einsum", [x, second], { equation });
  else
    b.node("Einsum", [x, x], {
      equation: `${own.join("")},${own.join("")}->${result.filter((l) => l !== "z").join("")}`,
    });
}

const tokens = (dims) => dims.length === 3 && dims[0] === 1;
/** Attributes that all attention operators share, of one number of heads that divides the features. */
const heads = (draw, size) => [3, 2, 1].filter((n) => size % n === 0)[draw.chance(0.5) ? 0 : 1] ?? 1;

/** Attention that makes its queries, keys and values itself. */
export function selfAttention(draw, b) {
  const x = b.source(draw, tokens);
  if (!x) return;
  const [, count, size] = b.dimsOf(x);
  const num_heads = draw.pick([1, 2, 3]);
  const total = 3 * num_heads * draw.pick([1, 4]);
  const bias = draw.chance(0.7) ? b.floats(draw, [total]) : "";
  const scores = draw.chance(0.3) ? ["", "", b.floats(draw, [1, num_heads, count, count])] : [];
  const more = draw.chance(0.3) ? { unidirectional: 1 } : {};
  b.node("com.microsoft.Attention", [x, b.floats(draw, [size, total]), bias, ...scores], { num_heads, ...more });
}

/** Attention of tokens to themselves. */
export function multiHead(draw, b) {
  const x = b.source(draw, tokens);
  if (!x) return;
  const size = b.dimsOf(x)[2];
  const bias = draw.chance(0.4) ? [b.floats(draw, [3 * size])] : [];
  b.node("com.microsoft.MultiHeadAttention", [x, x, x, ...bias], { num_heads: heads(draw, size) });
}

export function attention(draw, b) {
  const x = b.source(draw, tokens);
  if (!x || b.opset < 23) return;
  const q_num_heads = heads(draw, b.dimsOf(x)[2]);
  const more = draw.chance(0.5) ? { is_causal: 1 } : {};
  b.node("Attention", [x, x, x], { q_num_heads, kv_num_heads: q_num_heads, ...more });
}
