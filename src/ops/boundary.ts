// boundary.ts: nodes that compute nothing in inference: the input, rounding to an encoding, dropout.
import type { Check } from "../format/index.js";
import { lowerMean } from "./avgpool.js";
import { checkEncoding, checkNormalization } from "./encoding.js";
import { encoding, normalization, number, optional, shape, tensor } from "./field.js";
import { sameEncoding } from "./geometry.js";
import type { NodeKind } from "./kind.js";
import type { Encoding, Normalization, Shape } from "./tensor.js";

/** The network's input, and how pixels become its values. */
export interface InputNode {
  readonly op: "input";
  readonly name: string;
  readonly shape: Shape;
  readonly normalization?: Normalization;
}

/**
 * Rounds its input to an activation encoding and hands on the real value of the level: what inference will see.
 * Backward is straight-through inside the encoding's range and zero outside.
 */
export interface QuantizeNode {
  readonly op: "quantize";
  readonly name: string;
  readonly input: string;
  readonly encoding: Encoding;
}

/**
 * A dropout. In training each value is 0 with probability `rate`, else divided by 1 - rate; in inference it is the
 * identity.
 */
export interface DropoutNode {
  readonly op: "dropout";
  readonly name: string;
  readonly input: string;
  /** The probability of a zero, in 0..1, 1 excluded. */
  readonly rate: number;
}

export const inputNode: NodeKind<InputNode> = {
  since: 1,
  fields: { shape, normalization: /* @__PURE__ */ optional(normalization) },
  role: () => "input",
  shape(node, _, check: Check) {
    check(node.shape.length === 3, "shape", "3 dimensions", node.shape);
    return node.shape;
  },
  check({ shape: [channels], normalization: given }, check: Check) {
    if (given) checkNormalization(given, channels, "normalization", check);
  },
  lower({ name, normalization: given }, { pushInput }) {
    pushInput(name, given);
  },
};

export const quantizeNode: NodeKind<QuantizeNode> = {
  since: 1,
  fields: { input: tensor, encoding },
  role: () => "round",
  shape: (_, [input]) => input,
  check: ({ encoding: given }, check) =>
    checkEncoding(given, (ok, place, ...rest) => check(ok, `encoding: ${place}`, ...rest)),
  lower(node, lowering) {
    const { sources, spec, alias } = lowering;
    if (sameEncoding(spec(sources[0]).encoding, node.encoding)) alias();
    else lowerMean(lowering, node.name);
  },
};

export const dropoutNode: NodeKind<DropoutNode> = {
  since: 1,
  fields: { input: tensor, rate: number },
  role: () => "pass",
  shape: (_, [input]) => input,
  check({ rate }, check: Check) {
    check(rate >= 0 && rate < 1, "rate", "a number in 0..1, 1 excluded", rate);
  },
  lower: (_, { alias }) => alias(),
};
