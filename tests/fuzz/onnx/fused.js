// fused.js: generators of what an optimizer leaves, and of branches.
import { Branch, bytes } from "../../onnx/build.js";
import { float, isPlanes } from "./helpers.js";

const ACTIVATION = { activation: "LeakyRelu", activation_params: [float(0.2)] };
const last = (dims) => dims.length >= 2;

const conv = (op) => (draw, b) => {
  const nhwc = op !== "FusedConv";
  const x = b.source(draw, (dims) => (nhwc ? dims.length === 4 : isPlanes(dims)));
  if (!x) return;
  const [, ...rest] = b.dimsOf(x);
  const channels = nhwc ? rest.at(-1) : rest[0];
  const w = b.floats(draw, [3, channels, ...new Array(rest.length - 1).fill(1)]);
  b.node(`com.microsoft.${op}`, [x, w], op === "NhwcConv" ? {} : ACTIVATION);
};

const matrix =
  (op, attributes = {}) =>
  (draw, b) => {
    const gemm = op === "FusedGemm";
    const x = b.source(draw, (dims) => (gemm ? dims.length === 2 : last(dims)));
    if (x) b.node(`com.microsoft.${op}`, [x, b.floats(draw, [3, b.dimsOf(x).at(-1)])], { transB: 1, ...attributes });
  };

/** On an activation, and constants of the dimensions that `make` gives. */
const withConstants =
  (op, make, attributes = {}) =>
  (draw, b) => {
    const x = b.source(draw, last);
    if (x) b.node(op, [x, ...make(b.dimsOf(x)).map((dims) => b.floats(draw, dims))], attributes);
  };

const epsilon = { epsilon: float(0.01) };
const width = (dims) => dims.slice(-1);

export const FUSED = {
  If: (draw, b) => {
    const x = b.source(draw);
    const condition = b.constant(bytes([], [draw.below(2)], 9));
    const branch = (...ops) =>
      new Branch(
        ops.map((op, i) => [op, i === 0 ? x : `r${i - 1}`, `r${i}`]),
        [`r${ops.length - 1}`],
      );
    b.node("If", [condition], { then_branch: branch("Relu", "Neg"), else_branch: branch("Tanh") }, 1, [x]);
  },
  SimplifiedLayerNormalization: withConstants("SimplifiedLayerNormalization", (dims) => [width(dims)], epsilon),
  "com.microsoft.BiasAdd": withConstants("com.microsoft.BiasAdd", (dims) => [width(dims), dims]),
  "com.microsoft.BiasDropout": withConstants("com.microsoft.BiasDropout", (dims) => [width(dims), dims]),
  "com.microsoft.BiasSoftmax": withConstants("com.microsoft.BiasSoftmax", (dims) => [dims], { axis: -1 }),
  "com.microsoft.FusedConv": conv("FusedConv"),
  "com.microsoft.FusedGemm": matrix("FusedGemm", { activation: "Relu" }),
  "com.microsoft.FusedMatMul": matrix("FusedMatMul", { alpha: float(0.5) }),
  "com.microsoft.GroupNorm": (draw, b) => {
    const x = b.source(draw, (dims) => dims.length === 4);
    if (!x) return;
    const parts = [0, 1].map(() => b.floats(draw, width(b.dimsOf(x))));
    b.node("com.microsoft.GroupNorm", [x, ...parts], { groups: 1, activation: draw.below(2), ...epsilon });
  },
  "com.microsoft.NhwcConv": conv("NhwcConv"),
  "com.microsoft.NhwcFusedConv": conv("NhwcFusedConv"),
  "com.microsoft.SimplifiedLayerNormalization": withConstants(
    "com.microsoft.SimplifiedLayerNormalization",
    (dims) => [width(dims)],
    epsilon,
  ),
  "com.microsoft.SkipLayerNormalization": withConstants(
    "com.microsoft.SkipLayerNormalization",
    (dims) => [dims, width(dims), width(dims)],
    epsilon,
  ),
  "com.microsoft.SkipSimplifiedLayerNormalization": withConstants(
    "com.microsoft.SkipSimplifiedLayerNormalization",
    (dims) => [dims, width(dims)],
    epsilon,
  ),
  "com.microsoft.TransposeMatMul": matrix("TransposeMatMul"),
};
