// binary.ts: functions of two values.

import type { Check } from "../format/index.js";
import type { ActivationLayer } from "./activation.js";
import { BINARY_SINCE, type BinaryName, binaryOf } from "./binary-functions.js";
import type { ConstantLayer } from "./constant.js";
import type { ElementwiseLayer } from "./elementwise.js";
import { choice, type Field, tensor, twoTensors } from "./field.js";
import { broadcastShape, elements } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import type { Lowering } from "./lowering.js";
import { decoderOf, encoderOf } from "./numeric.js";
import type { Shape } from "./tensor.js";
import { checkShape } from "./window.js";

/** A function of two real values, `input` and `other`; an axis of length 1 meets every index. Any encodings. */
export interface BinaryLayer {
  readonly op: "binary";
  readonly name: string;
  readonly input: string;
  readonly other: string;
  readonly output: string;
  readonly fn: BinaryName;
}

/** A function of two values. Axes of length 1 are repeated; equal shapes that are added are an `add`. */
export interface BinaryNode {
  readonly op: "binary";
  readonly name: string;
  readonly fn: BinaryName;
  readonly inputs: readonly [string, string];
}

const NAMES = Object.keys(BINARY_SINCE) as BinaryName[];
const fn: Field<BinaryName> = { ...choice(NAMES), sinceOf: (name) => BINARY_SINCE[name] };

function meet(given: BinaryName, a: Shape, b: Shape, check: Check): Shape {
  check(Object.hasOwn(BINARY_SINCE, given), "fn", `one of ${NAMES.join(", ")}`, given);
  const met = broadcastShape(a, b);
  check(met !== null, "other", `a shape that meets ${a.join("x")}`, b.join("x"));
  return met;
}

export const binaryLayer: LayerKind<BinaryLayer> = {
  since: 1,
  fields: { input: tensor, other: tensor, fn },
  check(layer, [a, b], output, check: Check) {
    checkShape(output, meet(layer.fn, a.shape, b.shape, check), check);
  },
  run(layer, [a, b], { shape: [channels, height, width], encoding }) {
    const f = binaryOf(layer.fn);
    const encode = encoderOf(encoding);
    const readers = [a, b].map(({ spec, raw }) => {
      const real = decoderOf(spec.encoding);
      const [planes, rows, columns] = spec.shape;
      return (c: number, y: number, x: number): number =>
        real(raw[((planes === 1 ? 0 : c) * rows + (rows === 1 ? 0 : y)) * columns + (columns === 1 ? 0 : x)]);
    });
    const result = new Float32Array(elements([channels, height, width]));
    let at = 0;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) result[at++] = encode(f(readers[0](c, y, x), readers[1](c, y, x)));
      }
    }
    return result;
  },
};

export const binaryNode: NodeKind<BinaryNode> = {
  since: 1,
  fields: { fn, inputs: twoTensors },
  role: () => "float",
  shape(node, inputs, check: Check) {
    check(inputs.length === 2, "inputs", "two inputs", inputs.length);
    return meet(node.fn, inputs[0], inputs[1], check);
  },
  lower({ op, name, fn: given }, lowering) {
    if (given === "mul" && lowerGains(name, lowering)) return;
    const {
      sources: [input, other],
      output,
      encoding,
      push,
    } = lowering;
    push<BinaryLayer>({ op, name, input, other, output, fn: given }, encoding);
  },
};

/**
 * Makes one layer of a function of float32 planes and a product with a number for each channel that alone reads it, as
 * equalization puts behind functions: the values between them are neither written nor read.
 * @returns whether it has
 */
function lowerGains(
  name: string,
  { sources: [input, other], output, encoding, spec, soleWriter, push, remove }: Lowering,
): boolean {
  const { shape } = spec(input);
  const { shape: ofGains } = spec(other);
  const fits = elements(shape) > shape[0] && elements(ofGains) === shape[0] && ofGains[0] === shape[0];
  if (encoding.kind === "float32" || !fits) return false;
  const gains = soleWriter<ConstantLayer>("constant", other);
  const [single, stepped] = [
    soleWriter<ActivationLayer>("activation", input),
    soleWriter<ElementwiseLayer>("elementwise", input),
  ];
  const steps = single ? [{ fn: single.fn, parameters: single.parameters, of: [0] }] : stepped?.steps;
  const before = single ?? stepped;
  if (!gains || !before || !steps || stepped?.gains || spec(before.input).encoding.kind !== "float32") return false;
  remove(gains);
  remove(before);
  push<ElementwiseLayer>(
    { op: "elementwise", name, input: before.input, output, steps, gains: gains.values },
    encoding,
  );
  return true;
}
