// own-scales.ts: values that lack a scale which each image has of its own, as DynamicQuantizeLinear finds it when it runs.
import { isActivation, type Known, type OwnScales } from "../draft.js";
import type { OnnxNode } from "../model.js";
import { elementType, isFloatType } from "../tensor.js";
import { unsupported } from "./call.js";
import type { Simple } from "./operator.js";

type Powers = OwnScales["powers"];
type Operands = readonly (Known | null)[];

/** The result's scales, and the operands that the operator computes with; null where the operands do not go together. */
type Rule = (operands: Operands, node: OnnxNode) => { powers: Powers; operands: Operands } | null;

const NONE: Powers = new Map();
const powersOf = (operand: Known | null | undefined): Powers => operand?.ownScales?.powers ?? NONE;

/** The scales of a times b^sign. */
function times(a: Powers, b: Powers, sign = 1): Powers {
  const all = new Map(a);
  for (const [scale, power] of b) all.set(scale, (all.get(scale) ?? 0) + sign * power);
  return new Map([...all].filter(([, power]) => power !== 0));
}

function same(a: Powers, b: Powers): boolean {
  return a.size === b.size && [...a].every(([scale, power]) => b.get(scale) === power);
}

const isZero = (operand: Known | null | undefined): boolean =>
  !operand || (!isActivation(operand) && operand.data.every((value) => value === 0));
const isOffset = (operand: Known | null | undefined): boolean => operand?.ownScales?.zero !== undefined;

/** A product, or a quotient for the sign -1. */
function product(sign: number): Rule {
  return (operands) => {
    if (operands.some(isOffset)) return null;
    return { powers: times(powersOf(operands[0]), powersOf(operands[1]), sign), operands };
  };
}

/** The terms of a sum must lack the same scales. */
const sum: Rule = (operands) => {
  const [first, ...others] = operands.map(powersOf);
  if (operands.some(isOffset) || !others.every((one) => same(one, first))) return null;
  return { powers: first, operands };
};

/** Integers less their zero points: both are of one node, or neither is of any. @param pairs places of integers and zero points */
function centred(pairs: readonly (readonly [integers: number, zero: number])[], factors: readonly number[]): Rule {
  return (operands) => {
    const fits = pairs.every(([at, zeroAt]) => {
      const [x, zero] = [operands[at], operands[zeroAt]];
      if (isOffset(x) || isOffset(zero)) return x?.ownScales?.zero === zero?.ownScales?.zero;
      // a number that is taken from what lacks a scale lacks it too
      return powersOf(zero).size === 0 && (powersOf(x).size === 0 || isZero(zero));
    });
    if (!fits || factors.some((at) => isOffset(operands[at]))) return null;
    const all = [...pairs.map(([x]) => x), ...factors].map((at) => powersOf(operands[at]));
    // the floats stand for integers that are centred already
    const left = operands.map((one) =>
      pairs.some(([, zero]) => operands[zero] === one) && isOffset(one) ? null : one,
    );
    return { powers: all.reduce((a, b) => times(a, b)), operands: left };
  };
}

const CENTRED_PRODUCT = centred(
  [
    [0, 2],
    [1, 3],
  ],
  [],
);

/** The rules of the operators that do more with such values than move them; all others refuse them. */
const RULES: Readonly<Record<string, Rule>> = {
  Add: sum,
  Cast: (operands, { attributes, where }) => {
    const to = attributes.get("to")?.value;
    if (operands.some(isOffset) || !isFloatType(elementType(Number(to), `${where}.to`))) return null;
    return { powers: powersOf(operands[0]), operands };
  },
  Concat: sum,
  ConvInteger: CENTRED_PRODUCT,
  DequantizeLinear: centred([[0, 2]], [1]),
  Div: product(-1),
  MatMulInteger: CENTRED_PRODUCT,
  Mul: product(1),
  Sub: sum,
};

export function hasOwnScales(known: Known | null | undefined): boolean {
  return known?.ownScales !== undefined;
}

function without(operand: Known | null): Known | null {
  if (!operand || !hasOwnScales(operand)) return operand;
  const { ownScales: _, ...rest } = operand;
  return rest;
}

/**
 * Converts a node some of whose operands lack scales, as if these were 1, and notes what the results lack.
 * @param convert converts the node with these operands
 * @throws UNSUPPORTED where the operator does anything else with such values than scale and move them
 */
export function withOwnScales(
  node: OnnxNode,
  operator: Simple,
  operands: Operands,
  convert: (operands: Operands) => readonly Known[],
): readonly Known[] {
  const [first, ...others] = operands;
  const rule = RULES[node.op];
  const moves = !rule && operator.moves && !others.some(hasOwnScales);
  const found = moves ? { powers: powersOf(first), operands } : rule?.(operands, node);
  if (!found) throw ownScaleProblem(node);
  const zero = moves ? first?.ownScales?.zero : undefined;
  const made = convert(found.operands.map(without));
  if (found.powers.size === 0 && zero === undefined) return made;
  const ownScales: OwnScales = { powers: found.powers, ...(zero !== undefined && { zero }) };
  return made.map((one) => ({ ...one, ownScales }));
}

/** The error for a value of which only the image says what it is. */
export function ownScaleProblem(node: OnnxNode): Error {
  return unsupported(
    node,
    "integers, scales or zero points that each image has its own, other than products that their scale follows: " +
      "take outputs before DynamicQuantizeLinear",
  );
}
