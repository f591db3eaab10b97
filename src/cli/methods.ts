// methods.ts: the methods that compare runs side by side, by name, bits of weights and activations.
import { ShiftwiseError } from "../base/index.js";
import type { Method, Widths } from "../pipeline/index.js";
import { QUANTIZERS, type WidthShape } from "../quantize/index.js";
import { activationScheme } from "./arguments.js";

/** The methods that run unless others are named. */
export const METHODS: readonly string[] = [
  "inq:5/8",
  "inq:4/8",
  "inq:3/8",
  "inq:3/8@0",
  "inq:2/8",
  "weq:4/8",
  "weq:3/8",
  "weq:3/8@0",
  "weq:2/8",
  "weq:1/8",
  "weq-code:3/8",
  "weq:4/weq4",
  "weq:3/weq6",
  "weq:auto3.5/8",
  "weq:convex2.5/8",
  "weq:inc2.5/8",
  "bwn:1/8",
  "bwn:1/1",
  "dorefa:3/8",
  "dorefa:1/4",
  "twn:2/8",
  "ttq:2/8",
  "deepcompression:4/8",
  "deepshift:4/8",
  "shiftcnn:8/8@0",
  "apot:4/4",
  "linear:5/log4",
  "log-2:5/log4",
  "log-sqrt2:5/log4",
];

const SHAPES = ["auto", "convex", "concave", "inc", "dec"];
/** The name of INQ's retraining; "inq-apot" is INQ on the levels of apot. */
const INQ = "inq";
/** The names that methods may have, for --help and errors. */
export const METHOD_NAMES = `${INQ}, ${QUANTIZERS.map(({ name }) => name).join(", ")}, or ${INQ}-<name>`;

/** The quantizer and the retraining that a name stands for; null for none. */
function named(text: string): Pick<Method, "quantizer" | "retraining"> | null {
  const portions = text === INQ || text.startsWith(`${INQ}-`);
  const name = text === INQ ? "powers-paper" : portions ? text.slice(INQ.length + 1) : text;
  const quantizer = QUANTIZERS.find((candidate) => candidate.name === name);
  return quantizer ? { quantizer, retraining: portions ? "portions" : "straight-through" } : null;
}

/**
 * "name:weights/activations", and "@epochs" for retraining other than the comparison's. Weights are bits; or bits of every
 * layer in the order of the network, 5-3-3-4; or auto3.5, convex3, concave3, inc3, dec3 with the average over all weights.
 * Activations are as for quantize. XNOR-Net is bwn:1/1: an activation b of one bit is x = 2 b - 1 up to a factor and a
 * constant of each channel, which batch norm takes in; padding stands at b = 0. Its map of input scales becomes the one scale
 * of the tensor.
 * @throws BAD_OPTION
 */
export function parseMethod(text: string): Method {
  const match = /^([a-z0-9-]+):(\d(?:-\d)*|([a-z]+)(\d(?:\.\d+)?))\/([a-z]*\d)(?:@(\d{1,3}))?$/.exec(text);
  const [, name, weights, shape, average, scheme, epochs] = match ?? [];
  const method = named(name ?? "");
  if (!method || !(shape === undefined || SHAPES.includes(shape))) {
    throw new ShiftwiseError("BAD_OPTION", "no such method", {
      where: "--methods",
      expected: `name:bits/activations, the name one of ${METHOD_NAMES}`,
      found: text,
    });
  }
  const known = method.quantizer.bits;
  const bits = shape === undefined ? weights.split("-").map(Number) : [];
  if (!bits.every((width) => known.includes(width))) {
    throw new ShiftwiseError("BAD_OPTION", "bits that the method does not have", {
      where: `--methods ${text}`,
      expected: known.join(", "),
      found: weights,
    });
  }
  return {
    name: text,
    ...method,
    widths: shape === undefined ? widthsOf(bits) : { kind: shape as WidthShape | "auto", average: Number(average) },
    activations: activationScheme(scheme),
    epochs: epochs === undefined ? null : Number(epochs),
  };
}

const widthsOf = (bits: readonly number[]): Widths =>
  bits.length === 1 ? { kind: "uniform", bits: bits[0] } : { kind: "given", bits };
