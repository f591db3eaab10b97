// helpers.js: what the generators of operators share.
import { Float } from "../../onnx/build.js";

export const float = (value) => new Float(Math.fround(value));
export const rank = (n) => (dims) => dims.length === n;
export const isPlanes = (dims) => dims.length === 4 || dims.length === 3;

/** One node on one activation. */
export const unary =
  (op, attributes = () => ({})) =>
  (draw, b) =>
    b.node(op, [b.source(draw)], attributes(draw));

/** Dims that meet these: some axes of length 1, leading ones left out. */
export function meeting(draw, dims) {
  const all = dims.map((n) => (draw.chance(0.5) ? 1 : n));
  return all.slice(draw.below(dims.length + 1));
}

/** What is known before anything runs, made by constants alone and added to an activation. */
export const known = (make) => (draw, b) => {
  const x = b.source(draw);
  const operand = b.floats(draw, meeting(draw, b.dimsOf(x)));
  const made = make(draw, b, operand, b.dimsOf(operand));
  if (made) b.node("Add", [x, made[0]]);
};

export const mixedAxis = (draw, dims) => draw.below(dims.length) - (draw.chance(0.3) ? dims.length : 0);

/** Parameters that are attributes before a version and inputs since. */
export const either = (b, since, name, list) => (b.opset < since ? [{ [name]: list }, []] : [{}, [b.ints(...list)]]);
