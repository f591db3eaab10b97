// layer-plan.ts: which weights of a layer are rounded next, and to what.
import { ShiftwiseError } from "../format/index.js";
import type { ConvNode, DenseNode, WeightGrid } from "../graph/index.js";
import { checkBits, chooseExponent, frozenCount, powerLevels, selectLargest } from "../quantize/index.js";
import type { CompensateOptions } from "./compensate.js";
import { FIXED, FREE, ROUND } from "./rounding.js";

export interface LayerPlan {
  readonly node: ConvNode | DenseNode;
  /** Of scale 1, ascending. */
  readonly levels: Float64Array;
  /** One an output channel, or "fit": to be found. */
  readonly scales: Float32Array | "fit";
  /** See RoundingTask; null where all weights are rounded. */
  readonly states: Uint8Array | null;
  /** The grid afterwards, given the scales of all output channels. */
  readonly grid: (scale: Float32Array) => WeightGrid;
}

/**
 * @returns null for a layer that stays float.
 * @throws BAD_OPTION for a portion out of range or below the one before; what chooseExponent throws.
 */
export function planLayer(node: ConvNode | DenseNode, options: CompensateOptions): LayerPlan | null {
  const { portion = 1, grids } = options;
  if (!(portion > 0 && portion <= 1)) throw outOfRange("a share in (0, 1]", portion);
  const before = grids?.get(node.name);
  const frozen = before ? before.frozen.slice() : new Uint8Array(node.weight.data.length);
  const states = choose(node.weight.data, frozen, portion);
  if (before) {
    const levels = before.kind === "powers" ? powerLevels(before.bits, before.n1) : Float64Array.from(before.levels);
    const scales = before.scale ?? new Float32Array(node.weight.shape[0]).fill(1);
    return { node, levels, scales, states, grid: () => ({ ...before, frozen }) };
  }
  const wanted = options.levels(node);
  if (!wanted) return null;
  if (wanted.kind === "codebook") {
    const grid = (scale: Float32Array): WeightGrid => ({ kind: "codebook", levels: wanted.levels, scale, frozen });
    return { node, levels: Float64Array.from(wanted.levels), scales: "fit", states, grid };
  }
  // a scale of its own makes a channel's largest level any number: n1 = 0 will do
  const perChannel = wanted.scale === "channel";
  const bits = checkBits(wanted.bits, `bits of ${node.name}`);
  const rule = wanted.rule ?? (bits >= 4 ? "max" : "mse");
  const n1 = perChannel ? 0 : chooseExponent(node.weight.data, bits, rule, `${node.name}.weight`);
  const grid = (scale: Float32Array): WeightGrid => ({
    kind: "powers",
    bits,
    n1,
    scale: perChannel ? scale : null,
    frozen,
  });
  const scales = perChannel ? "fit" : new Float32Array(node.weight.shape[0]).fill(1);
  return { node, levels: powerLevels(bits, n1), scales, states, grid };
}

/** Marks the next weights in `frozen`; the states of all, or null where none was frozen before and none stays free. */
function choose(values: Float32Array, frozen: Uint8Array, portion: number): Uint8Array | null {
  const already = frozen.reduce((sum, flag) => sum + flag, 0);
  const count = frozenCount(values.length, portion) - already;
  if (count < 0) throw outOfRange(`at least ${already / values.length}, the portion before`, portion);
  const states = frozen.map((flag) => (flag === 1 ? FIXED : FREE));
  for (const index of selectLargest(values, frozen, count)) {
    states[index] = ROUND;
    frozen[index] = 1;
  }
  return count === values.length ? null : states;
}

function outOfRange(expected: string, found: number): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", "portion out of range", { where: "portion", expected, found });
}
