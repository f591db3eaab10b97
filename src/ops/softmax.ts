// softmax.ts: softmax along one axis.
import type { Check } from "../format/index.js";
import { choice, tensor } from "./field.js";
import { softmax } from "./functions.js";
import { stridesOf } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import { decoderOf, encoderOf } from "./numeric.js";
import { checkShape } from "./window.js";

interface Fields {
  readonly op: "softmax";
  readonly name: string;
  readonly input: string;
  readonly axis: 0 | 1 | 2;
}

/** The softmax: exp(x - max) / sum of those along one axis of (channel, row, column). Any encodings. */
export interface SoftmaxLayer extends Fields {
  readonly output: string;
}
/** The softmax: exp(x) / sum of exp(x) along one axis of (channel, row, column). */
export interface SoftmaxNode extends Fields {}

const AXES = [0, 1, 2] as const;
const fields = { input: tensor, axis: choice(AXES) };

function checkAxis({ axis }: Fields, check: Check): void {
  check(AXES.includes(axis), "axis", "0, 1 or 2", axis);
}

export const softmaxLayer: LayerKind<SoftmaxLayer> = {
  since: 1,
  fields,
  check(layer, [input], output, check: Check) {
    checkAxis(layer, check);
    checkShape(output, input.shape, check);
  },
  run({ axis }, [{ spec, raw }], output) {
    const real = decoderOf(spec.encoding);
    const encode = encoderOf(output.encoding);
    const step = stridesOf(spec.shape)[axis];
    const length = spec.shape[axis];
    const result = new Float32Array(raw.length);
    for (let i = 0; i < result.length; i++) {
      if (Math.floor(i / step) % length !== 0) continue;
      const values = Float64Array.from({ length }, (_, k) => real(raw[i + k * step]));
      softmax(values);
      for (const [k, value] of values.entries()) result[i + k * step] = encode(value);
    }
    return result;
  },
};

export const softmaxNode: NodeKind<SoftmaxNode> = {
  since: 1,
  fields,
  role: () => "float",
  shape: (_, [input]) => input,
  check: checkAxis,
  lower({ op, name, axis }, { sources: [input], output, encoding, push }) {
    push<SoftmaxLayer>({ op, name, input, output, axis }, encoding);
  },
};
