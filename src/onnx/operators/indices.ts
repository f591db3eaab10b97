// indices.ts: what is said where elements are picked by indices that depend on the model's input.
import { isActivation, type Known } from "../draft.js";
import { type BareConversion, unsupported } from "./call.js";
import type { Simple } from "./operator.js";

const TABLE =
  "a table looked up by values that depend on the model's input is not run: give what it looks up as the input, or --constant for the indices";
const PLACES =
  "places that depend on the model's input are not run: take the values and the indices as outputs before it, and pick behind the network";

/**
 * The operator, which has its indices as input 1, with its refusals of indices that no constant is.
 * @param other does what it can with such indices; null for the rest
 */
export function byConstantIndices(
  operator: Simple,
  other: (conversion: BareConversion) => readonly Known[] | null = () => null,
): Simple {
  return {
    ...operator,
    convert(conversion: BareConversion) {
      const [data, indices] = conversion.operands;
      const made = isActivation(indices) ? other(conversion) : null;
      if (made) return made;
      if (isActivation(indices)) throw unsupported(conversion.node, isActivation(data) ? PLACES : TABLE);
      return operator.convert!(conversion);
    },
  };
}
