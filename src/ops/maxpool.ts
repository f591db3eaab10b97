// maxpool.ts: maximum over windows.

import type { Check } from "../format/index.js";
import { optionalPair, padding, pair, tensor } from "./field.js";
import { convOutputShape, sameEncoding } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import { maximum } from "./numeric.js";
import { checkPoolPadding, checkShape, checkWindow, eachWindow } from "./window.js";

interface Fields {
  readonly op: "maxPool";
  readonly name: string;
  readonly input: string;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  /** 1, 1 unless given. */
  readonly dilation?: readonly [number, number];
}

/** Maximum over windows; padding never wins. Input and output share one encoding. */
export interface MaxPoolLayer extends Fields {
  readonly output: string;
}
/** Maximum over windows; padding never wins. */
export interface MaxPoolNode extends Fields {}

const fields = { input: tensor, kernel: pair, stride: pair, padding, dilation: optionalPair };

export const maxPoolLayer: LayerKind<MaxPoolLayer> = {
  since: 1,
  fields,
  check(layer, [input], output, check: Check) {
    checkWindow(layer, input.shape, check);
    checkPoolPadding(input.shape, layer, check);
    checkShape(output, convOutputShape(input.shape, input.shape[0], layer), check);
    check(sameEncoding(input.encoding, output.encoding), "output", "the input's encoding", output.encoding);
  },
  run: (layer, [input], output) => eachWindow(input, output, layer, (values) => values.reduce(maximum)),
};

export const maxPoolNode: NodeKind<MaxPoolNode> = {
  since: 1,
  fields,
  role: () => "move",
  shape(node, [input], check: Check) {
    checkWindow(node, input, check);
    checkPoolPadding(input, node, check);
    return convOutputShape(input, input[0], node);
  },
  lower({ op, name, kernel, stride, padding: around, dilation }, { sources: [input], output, spec, push }) {
    const dilated = dilation ? { dilation } : {};
    push<MaxPoolLayer>({ op, name, input, output, kernel, stride, padding: around, ...dilated }, spec(input).encoding);
  },
};
