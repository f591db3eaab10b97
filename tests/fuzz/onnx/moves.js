// moves.js: generators of operators that hand on elements: parts, orders of axes, shapes, paddings, sizes of planes.
import { elements } from "../project.js";
import { either, float, mixedAxis, rank } from "./helpers.js";

export function concat(draw, b) {
  const x = b.source(draw, (dims) => dims.length > 0);
  const dims = b.dimsOf(x);
  const axis = dims.length > 1 ? draw.integer(1, dims.length - 1) : 0;
  const parts = [
    x,
    b.source(draw, (found) => found.length === dims.length && found.every((n, i) => i === axis || n === dims[i])),
  ];
  if (draw.chance(0.3)) parts.push(b.floats(draw, dims));
  b.node("Concat", parts, { axis: draw.chance(0.3) ? axis - dims.length : axis });
}

export function split(draw, b) {
  const x = b.source(draw, (dims) => dims.some((n) => n > 1));
  if (!x) return;
  const dims = b.dimsOf(x);
  const axis = dims.findLastIndex((n) => n > 1);
  const first = draw.integer(1, dims[axis] - 1);
  const [attributes, inputs] = either(b, 13, "split", [first, dims[axis] - first]);
  b.node("Split", [x, ...inputs], { axis, ...attributes }, 2);
}

export function slice(draw, b) {
  const x = b.source(draw, (dims) => dims.length > 0);
  const dims = b.dimsOf(x);
  const axis = draw.below(dims.length);
  const n = dims[axis];
  const [start, end] = [draw.pick([0, 1, -1, -n, n >> 1, 100]), draw.pick([n, -1, 2 ** 31 - 1, n >> 1, -(2 ** 31), 1])];
  if (b.opset < 10) b.node("Slice", [x], { starts: [start], ends: [end], axes: [axis] });
  else
    b.node("Slice", [
      x,
      b.ints(start),
      b.ints(end),
      b.ints(mixedAxis(draw, dims) * 0 + axis),
      b.ints(draw.pick([1, 2, -1, 3])),
    ]);
}

export function pad(draw, b) {
  const x = b.source(draw);
  const dims = b.dimsOf(x);
  const widths = (low) => dims.map((_, i) => (i === 0 && dims.length > 1 ? 0 : draw.integer(low, 2)));
  const mode = draw.pick(["constant", "reflect", "edge", ...(b.opset >= 19 ? ["wrap"] : [])]);
  const low = draw.pick([0, 0, -1]);
  const pads = [...widths(low), ...widths(low)];
  const value = draw.pick([0, -0, 1.5, -3]);
  if (b.opset < 11) b.node("Pad", [x], { pads, mode, ...(mode === "constant" && { value: float(value) }) });
  else b.node("Pad", [x, b.ints(...pads), ...(draw.chance(0.5) ? [b.floats(draw, [], () => value)] : [])], { mode });
}

export function transpose(draw, b) {
  const x = b.source(draw);
  const dims = b.dimsOf(x);
  const [first, ...rest] = dims.keys();
  const perm =
    draw.chance(0.8) && dims.length > 1
      ? [first, ...draw.random().shuffle(rest)]
      : draw.random().shuffle([...dims.keys()]);
  b.node("Transpose", [x], draw.chance(0.1) ? {} : { perm });
}

export function reshape(draw, b) {
  const x = b.source(draw);
  const dims = b.dimsOf(x);
  const count = elements(dims);
  const divisors = Array.from({ length: Math.min(count, 64) }, (_, i) => i + 1).filter((k) => count % k === 0);
  const c = draw.pick(divisors);
  const target = draw.pick([
    [1, -1],
    [1, c, -1],
    [1, c, count / c],
    [1, c, count / c, 1],
    [1, 1, c, -1],
    [0, -1],
    [-1],
    [-1, c],
  ]);
  b.node("Reshape", [x, b.ints(...target)]);
}

export function squeeze(draw, b) {
  const x = b.source(draw, (dims) => dims.slice(1).includes(1));
  if (!x) return;
  const axis = b.dimsOf(x).lastIndexOf(1);
  const [attributes, inputs] = draw.chance(0.2) ? [{}, []] : either(b, 13, "axes", [axis]);
  b.node("Squeeze", [x, ...inputs], attributes);
}

export function unsqueeze(draw, b) {
  const x = b.source(draw, (dims) => dims.length < 5);
  if (!x) return;
  const [attributes, inputs] = either(b, 13, "axes", [draw.pick([2, 1, -1, 0])]);
  b.node("Unsqueeze", [x, ...inputs], attributes);
}

export function gather(draw, b) {
  const x = b.source(draw, (dims) => dims.length > 0);
  const dims = b.dimsOf(x);
  const axis = dims.length > 1 ? draw.integer(1, dims.length - 1) : 0;
  const list = Array.from(
    { length: draw.pick([2, 1, 3]) },
    () => draw.below(dims[axis]) - (draw.chance(0.3) ? dims[axis] : 0),
  );
  b.node("Gather", [x, b.ints(...list)], { axis });
}

export function expand(draw, b) {
  const x = b.source(draw);
  const target = b.dimsOf(x).map((n, i) => (n === 1 && i > 0 ? draw.pick([1, 2, 3]) : draw.pick([1, n])));
  b.node("Expand", [x, b.ints(...(draw.chance(0.2) ? target.slice(1) : target))]);
}

export const blocks = (op) => (draw, b) => {
  const x = b.source(draw, rank(4));
  if (x)
    b.node(op, [x], {
      blocksize: draw.pick([2, 1, 3]),
      ...(op === "DepthToSpace" && draw.chance(0.4) && b.opset >= 11 && { mode: "CRD" }),
    });
};

export function resize(draw, b) {
  const x = b.source(draw, rank(4));
  if (!x) return;
  const [n, c, h, w] = b.dimsOf(x);
  const mode = draw.pick(["nearest", "linear", "cubic"]);
  const scales = [1, 1, draw.pick([2, 1, 0.5, 1.3, 3]), draw.pick([2, 1, 0.6, 1.7])];
  const places = draw.pick([
    "half_pixel",
    "asymmetric",
    "align_corners",
    "pytorch_half_pixel",
    ...(b.opset >= 19 ? ["half_pixel_symmetric"] : []),
  ]);
  const attributes = { mode, coordinate_transformation_mode: places };
  if (mode === "nearest" && draw.chance(0.5))
    attributes.nearest_mode = draw.pick(["floor", "ceil", "round_prefer_ceil"]);
  if (mode === "cubic" && draw.chance(0.3))
    Object.assign(attributes, { exclude_outside: 1, cubic_coeff_a: float(-0.5) });
  let at = 0;
  const scaled = () => b.floats(draw, [4], () => scales[at++]);
  if (b.opset < 10) return;
  if (b.opset === 10) b.node("Resize", [x, scaled()], { mode: draw.pick(["nearest", "linear"]) });
  else if (draw.chance(0.5))
    b.node("Resize", [x, "", "", b.ints(n, c, Math.ceil(h * scales[2]), Math.ceil(w * scales[3]))], attributes);
  else b.node("Resize", [x, "", scaled()], attributes);
}

export function upsample(draw, b) {
  const x = b.source(draw, rank(4));
  if (!x || b.opset > 9) return;
  const scales = [1, 1, draw.pick([2, 1, 3]), draw.pick([2, 1, 1.5])];
  const mode = draw.pick(["nearest", "linear"]);
  let at = 0;
  if (b.opset < 9) b.node("Upsample", [x], { mode, scales: scales.map(float) });
  else b.node("Upsample", [x, b.floats(draw, [4], () => scales[at++])], { mode });
}

export function tile(draw, b) {
  const x = b.source(draw, (dims) => dims.length > 0);
  const times = b.dimsOf(x).map((_, i) => (i > 0 && draw.chance(0.5) ? draw.pick([2, 3]) : 1));
  b.node("Tile", [x, b.ints(...times)]);
}
