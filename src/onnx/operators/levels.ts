// levels.ts: shiftwise.Levels, which our Python package writes: a tensor rounded to a table of levels, as LogQuant rounds.
import { FLOAT32_MAX } from "../tensor.js";
import { map } from "./arrays.js";
import { type Call, expectNode, onlyActivation, required } from "./call.js";
import { type Operators, operator } from "./operator.js";
import { float, floats, type ValuesOf } from "./spec.js";
import { clipped } from "./unary.js";

const TABLE = { scale: float(1), inverse: float(1), steps: floats(), thresholds: floats() };
type LevelsCall = Call<ValuesOf<typeof TABLE>>;

/** The levels, of which the file has the steps. */
function tableOf({ node, attributes }: LevelsCall): { scale: number; levels: number[]; thresholds: readonly number[] } {
  const { scale } = attributes;
  const [steps, thresholds] = [attributes.steps ?? [], attributes.thresholds ?? []];
  const levels = [0];
  for (const step of steps) levels.push(levels[levels.length - 1] + step);
  const integers = levels.every(
    (level, i) => Number.isInteger(level) && level <= 255 && (i === 0 || level > levels[i - 1]),
  );
  expectNode(integers && levels.length > 1, node, "steps that rise to integers up to 255", levels, "steps");
  const rising = thresholds.every((one, i) => Number.isFinite(one) && (i === 0 || one > thresholds[i - 1]));
  const fits = rising && thresholds.length === steps.length;
  expectNode(fits, node, `${steps.length} rising thresholds`, thresholds, "thresholds");
  const usable = scale > 0 && Math.fround(1 / scale) < Infinity && Math.fround(scale * 255) <= FLOAT32_MAX;
  expectNode(usable, node, "a scale and an inverse that float32 holds", scale, "scale");
  return { scale, levels, thresholds };
}

const levels = operator(TABLE, {
  evaluate(call) {
    const { scale, levels: table, thresholds } = tableOf(call);
    const inverse = Math.fround(call.attributes.inverse);
    return [
      map(call, required(call, 0), (x) => {
        const z = Math.fround(x * inverse);
        return Math.fround(scale * table[thresholds.filter((one) => z >= one).length]);
      }),
    ];
  },
  /** A float network is what is imported: the range is kept, and the network says how the file rounds. */
  convert(conversion) {
    const { scale, levels: table, thresholds } = tableOf(conversion);
    const held = clipped(conversion, onlyActivation(conversion), 0, Math.fround(scale * table[table.length - 1]));
    conversion.draft.encode(held.node, { kind: "levels", scale, levels: table, thresholds });
    return [held];
  },
});

export const LEVELS: Operators = { "shiftwise.Levels": levels };
