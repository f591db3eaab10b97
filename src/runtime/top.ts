// top.ts: the likeliest classes of an output, with their names.
import { arrayKind, isArray, ShiftwiseError } from "../base/index.js";
import type { Output } from "./outputs.js";

/** One class of an output. */
export interface TopClass {
  /** Place in the output. */
  readonly index: number;
  /** Name of the class, or "class 3" where there are no names. */
  readonly label: string;
  /** Value of the output, as the network has it. */
  readonly value: number;
  /** Share of the class, 0..1: of a softmax over the values, which are taken as they are where they are shares already. */
  readonly share: number;
}

/** Sum of shares that a softmax may miss 1 by, once its values are rounded. */
const SLACK = 0.01;

/** Makes shares of scores: they lie in 0..1 and their sum is 1. */
export function softmax(scores: ArrayLike<number>): Float32Array {
  const values = Float32Array.from(scores);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(values, (value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return values.map((_, i) => powers[i] / sum);
}

/**
 * Finds the likeliest classes of an output, the likeliest first.
 * @param output one value a class: logits, logarithms of shares, or shares
 * @param k how many; all where there are fewer
 * @param labels their names, as `model.labels` has them
 * @throws BAD_DATA for an output of several positions, and for labels that are not one a class; BAD_OPTION
 */
export function topK(output: Float32Array | Output, k = 5, labels?: readonly string[] | null): TopClass[] {
  const fail = (expected: string, found: unknown): never => {
    throw new ShiftwiseError("BAD_DATA", "no list of the likeliest classes", { where: "topK", expected, found });
  };
  if (!isArray(output, "Float32Array")) fail("one output of a run, as outputs.logits", arrayKind(output) ?? output);
  const { dims = [] } = output as Partial<Output>;
  if (dims.filter((size) => size > 1).length > 1) fail("an output with one value a class", `sizes ${dims.join(", ")}`);
  if (!(Number.isInteger(k) && k > 0)) {
    throw new ShiftwiseError("BAD_OPTION", "option out of range", {
      where: "k",
      expected: "an integer of 1 or more",
      found: k,
    });
  }
  if (labels && labels.length !== output.length) fail(`${output.length} labels, one a class`, labels.length);
  const isShares = output.every((x) => x >= 0 && x <= 1) && Math.abs(output.reduce((a, b) => a + b, 0) - 1) < SLACK;
  const shares = isShares ? output : softmax(output);
  return Array.from(output.keys())
    .sort((a, b) => output[b] - output[a] || a - b)
    .slice(0, k)
    .map((index) => ({
      index,
      label: labels?.[index] ?? `class ${index}`,
      value: output[index],
      share: shares[index],
    }));
}
