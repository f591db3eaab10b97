// places.js: generators of operators that pick by indices, find the largest, or weigh places.
import { bytes, floats, ints } from "../../onnx/build.js";
import { elements } from "../project.js";
import { isPlanes, rank, unary } from "./helpers.js";

const some = (dims) => dims.length > 0;

/** A tensor of indices. */
function indices(draw, b, dims, below) {
  const random = draw.random();
  const list = Array.from({ length: elements(dims) }, () => random.below(below) - (random.chance(0.2) ? below : 0));
  return b.constant({ ...ints(...list), dims });
}

/** What is an integer becomes a float again. */
const asFloat = (b, made) => made && b.node("Cast", [made.at(-1)], { to: 1 });

const argument = (op) => (draw, b) => {
  const x = b.source(draw, some);
  const axis = draw.below(b.dimsOf(x).length);
  const last = b.opset >= 12 && draw.chance(0.3) ? { select_last_index: 1 } : {};
  asFloat(b, b.node(op, [x], { axis, keepdims: draw.below(2), ...last }));
};

function topK(draw, b) {
  const x = b.source(draw, (dims) => some(dims) && Math.max(...dims) <= 64);
  if (!x) return;
  const dims = b.dimsOf(x);
  const axis = draw.below(dims.length);
  const k = draw.integer(1, dims[axis]);
  const largest = b.opset >= 11 && draw.chance(0.4) ? { largest: 0 } : {};
  if (b.opset < 10) asFloat(b, b.node("TopK", [x], { axis, k }, 2));
  else asFloat(b, b.node("TopK", [x, b.ints(k)], { axis, ...largest }, 2));
}

function cumSum(draw, b) {
  const x = b.source(draw, some);
  const axis = b.constant({ ...ints(draw.below(b.dimsOf(x).length)), dims: [] });
  b.node("CumSum", [x, axis], { exclusive: draw.below(2), reverse: draw.below(2) });
}

function gatherElements(draw, b) {
  const x = b.source(draw, some);
  const dims = b.dimsOf(x);
  const axis = draw.below(dims.length);
  b.node("GatherElements", [x, indices(draw, b, dims.with(axis, draw.pick([1, 2, dims[axis]])), dims[axis])], { axis });
}

function gatherND(draw, b) {
  const x = b.source(draw, some);
  const least = Math.min(...b.dimsOf(x));
  const depth = draw.integer(1, b.dimsOf(x).length);
  b.node("GatherND", [x, indices(draw, b, [1, 3, depth], least)]);
}

/** No place is written twice. */
const scatterElements = (op) => (draw, b) => {
  const x = b.source(draw, some);
  const dims = b.dimsOf(x);
  const at = b.constant({
    ...ints(...new Array(elements(dims.slice(1))).fill(draw.below(dims[0]))),
    dims: dims.with(0, 1),
  });
  b.node(op, [x, at, b.floats(draw, dims.with(0, 1))], {});
};

function scatterND(draw, b) {
  const x = b.source(draw, some);
  const dims = b.dimsOf(x);
  const at = b.constant({ ...ints(draw.below(dims[0])), dims: [1, 1] });
  b.node("ScatterND", [x, at, b.floats(draw, dims.with(0, 1))]);
}

function compress(draw, b) {
  const x = b.source(draw, some);
  const axis = draw.below(b.dimsOf(x).length);
  const length = b.dimsOf(x)[axis];
  const kept = Array.from({ length }, (_, i) => (i === 0 || draw.chance(0.5) ? 1 : 0));
  b.node("Compress", [x, b.constant(bytes([length], kept, 9))], { axis });
}

function gridSample(draw, b) {
  const x = b.source(draw, (dims) => dims.length === 4 && dims[0] === 1);
  if (!x) return;
  const grid = b.floats(draw, [1, 3, 2, 2]);
  const modes = b.opset >= 20 ? ["linear", "nearest", "cubic"] : ["bilinear", "nearest", "bicubic"];
  b.node("GridSample", [x, grid], {
    mode: draw.pick(modes),
    padding_mode: draw.pick(["zeros", "border", "reflection"]),
    align_corners: draw.below(2),
  });
}

const trilu = (op) => (draw, b) => {
  const x = b.source(draw, (dims) => dims.length >= 2);
  if (x) b.node(op, [x, b.constant({ ...ints(draw.integer(-2, 2)), dims: [] })], { upper: draw.below(2) });
};

/** On values between -0.9 and 0.9: nearer to 1 the last bit of the input decides. */
const bounded = (op) => (draw, b) => {
  const held = b.node("Tanh", [b.source(draw)]);
  const less = held && b.node("Mul", [held[0], b.constant(floats([], [0.9]))]);
  if (less) b.node(op, less);
};

const test = (op) => (draw, b) => asFloat(b, b.node(op, [b.source(draw)]));

/** Constants that are added to an activation. */
const made = (make) => (draw, b) => {
  const x = b.source(draw, some);
  const value = make(draw, b, b.dimsOf(x).at(-1));
  if (value) b.node("Add", [x, value[0]]);
};
const float = (b, value) => b.constant(floats([], [value]));

export const PLACES = {
  Acos: bounded("Acos"),
  Acosh: (draw, b) => {
    const above = b.node("Exp", [b.node("Abs", [b.source(draw)])?.[0] ?? "x"]);
    if (above) b.node("Acosh", above);
  },
  ArgMax: argument("ArgMax"),
  ArgMin: argument("ArgMin"),
  Asin: bounded("Asin"),
  Asinh: unary("Asinh"),
  Atan: unary("Atan"),
  Atanh: bounded("Atanh"),
  Compress: compress,
  Cosh: bounded("Cosh"),
  CumSum: cumSum,
  EyeLike: made((draw, b, n) => b.node("EyeLike", [b.floats(draw, [1, n])])),
  GatherElements: gatherElements,
  GatherND: gatherND,
  GlobalLpPool: (draw, b) => {
    const x = b.source(draw, isPlanes);
    if (x) b.node("GlobalLpPool", [x], { p: draw.pick([1, 2, 3]) });
  },
  GridSample: gridSample,
  Hardmax: unary("Hardmax", () => ({ axis: 1 })),
  IsInf: test("IsInf"),
  IsNaN: test("IsNaN"),
  LpPool: (draw, b) => {
    const x = b.source(draw, isPlanes);
    if (x)
      b.node("LpPool", [x], {
        kernel_shape: b
          .dimsOf(x)
          .slice(2)
          .map(() => 1),
        p: draw.pick([1, 2, 3]),
      });
  },
  NonZero: made((draw, b, n) => {
    const found = b.node("NonZero", [b.floats(draw, [n])]);
    return asFloat(b, found);
  }),
  OneHot: made((draw, b, n) => b.node("OneHot", [indices(draw, b, [], n), b.ints(n), b.floats(draw, [2])])),
  Range: made((_, b, n) => b.node("Range", [float(b, 0.5), float(b, 0.5 + n), float(b, 1)])),
  ReverseSequence: (draw, b) => {
    const x = b.source(draw, (dims) => dims.length >= 2 && dims[0] === 1);
    if (!x) return;
    const length = b.ints(draw.integer(1, b.dimsOf(x)[1]));
    b.node("ReverseSequence", [x, length], { batch_axis: 0, time_axis: 1 });
  },
  Scatter: scatterElements("Scatter"),
  ScatterElements: scatterElements("ScatterElements"),
  ScatterND: scatterND,
  Sinh: bounded("Sinh"),
  Size: made((draw, b) => asFloat(b, b.node("Size", [b.source(draw)]))),
  TopK: topK,
  Trilu: trilu("Trilu"),
  "com.microsoft.GridSample": (draw, b) => {
    const x = b.source(draw, (dims) => rank(4)(dims) && dims[0] === 1);
    if (x) b.node("com.microsoft.GridSample", [x, b.floats(draw, [1, 2, 2, 2])]);
  },
  "com.microsoft.Trilu": trilu("com.microsoft.Trilu"),
};
