// functions.js: generators of masks, of what is made of them, and of normalizations.
import { bytes } from "../../onnx/build.js";
import { elements } from "../project.js";
import { float, isPlanes, meeting } from "./helpers.js";

/** Masks from comparisons, and what is made of them, as numbers again. */
export const masks = (op, count) => (draw, b) => {
  const x = b.source(draw);
  const made = Array.from({ length: count }, (_, i) => {
    const mask = b.node(i === 0 ? "Greater" : "Less", [x, b.floats(draw, meeting(draw, b.dimsOf(x)))]);
    return mask?.[0];
  });
  const result = made.every(Boolean) && b.node(op, made);
  if (result) b.node("Cast", result, { to: 1 });
};

export function where(draw, b) {
  const x = b.source(draw);
  const dims = b.dimsOf(x);
  const mask = draw.chance(0.6)
    ? b.node("Less", [x, b.floats(draw, meeting(draw, dims))])?.[0]
    : b.constant(
        bytes(
          dims,
          Array.from({ length: elements(dims) }, () => draw.random().below(2)),
          9,
        ),
      );
  if (mask) b.node("Where", [mask, x, draw.chance(0.5) ? b.floats(draw, meeting(draw, dims)) : x]);
}

/** One function on values above zero. */
export const positiveUnary = (op) => (draw, b) => {
  const size = b.node("Abs", [b.source(draw)]);
  const above = size && b.node("Add", [size[0], b.floats(draw, [], () => 0.5)]);
  if (above) b.node(op, above);
};

export function instanceNorm(draw, b) {
  const x = b.source(draw, isPlanes);
  if (!x) return;
  const parts = [0, 1].map(() => b.floats(draw, [b.dimsOf(x)[1]]));
  b.node("InstanceNormalization", [x, ...parts], { epsilon: float(0.01) });
}

export function groupNorm(draw, b) {
  const x = b.source(draw, isPlanes);
  if (!x) return;
  const [, channels] = b.dimsOf(x);
  const num_groups = draw.pick([1, channels, ...(channels % 2 === 0 ? [2] : [])]);
  const parts = [0, 1].map(() => b.floats(draw, [b.opset >= 21 ? channels : num_groups]));
  b.node("GroupNormalization", [x, ...parts], { num_groups, epsilon: float(0.01) });
}

export const layerNorm = (op) => (draw, b) => {
  const x = b.source(draw, (dims) => dims.length >= 2);
  if (!x) return;
  const dims = b.dimsOf(x);
  const axis = draw.chance(0.5) ? dims.length - 1 : 1;
  const parts = (op === "RMSNormalization" ? [0] : [0, 1]).map(() => b.floats(draw, dims.slice(axis)));
  b.node(op, [x, ...parts], { axis, epsilon: float(0.01) });
};

export function lrn(draw, b) {
  const x = b.source(draw, isPlanes);
  if (x) b.node("LRN", [x], { size: draw.pick([3, 1, 5]), alpha: float(0.5), beta: float(0.75), bias: float(1.5) });
}

/** Behind the sum with a bias, or without one. */
export const biasedGelu = (op) => (draw, b) => {
  const x = b.source(draw);
  b.node(`com.microsoft.${op}`, [x, b.floats(draw, b.dimsOf(x).slice(-1))]);
};
