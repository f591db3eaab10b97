// relu.ts: ReLU and leaky ReLU as nodes; a chain makes the first a clamp of its epilogue.
import type { Check } from "../format/index.js";
import type { ActivationLayer } from "./activation.js";
import { lowerMean } from "./avgpool.js";
import { number, optional, tensor } from "./field.js";
import type { NodeKind } from "./kind.js";

/** A ReLU: y = max(x, 0), or min(max(x, 0), max) with `max` (ReLU6). */
export interface ReluNode {
  readonly op: "relu";
  readonly name: string;
  readonly input: string;
  readonly max?: number;
}

/** A leaky ReLU: y = x where x >= 0, slope x elsewhere; slope in 0..1. */
export interface LeakyReluNode {
  readonly op: "leakyRelu";
  readonly name: string;
  readonly input: string;
  readonly slope: number;
}

export const reluNode: NodeKind<ReluNode> = {
  since: 1,
  fields: { input: tensor, max: /* @__PURE__ */ optional(number) },
  role: () => "clamp",
  ending: ({ max }) => ({ clamp: max === undefined ? { low: 0 } : { low: 0, high: max } }),
  shape: (_, [input]) => input,
  check({ max }, check: Check) {
    check(max === undefined || (max > 0 && max < Infinity), "max", "finite and positive", max);
  },
  lower: ({ name }, lowering) => lowerMean(lowering, name),
};

export const leakyReluNode: NodeKind<LeakyReluNode> = {
  since: 1,
  fields: { input: tensor, slope: number },
  role: () => "float",
  shape: (_, [input]) => input,
  check({ slope }, check: Check) {
    check(slope >= 0 && slope <= 1, "slope", "a number in 0..1", slope);
  },
  lower({ name, slope }, { sources: [input], output, encoding, push }) {
    push<ActivationLayer>(
      { op: "activation", name, input, output, fn: "leakyRelu", parameters: [slope + 0] },
      encoding,
    );
  },
};
