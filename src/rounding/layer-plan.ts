// layer-plan.ts: which weights of a layer are rounded next, and to what.

import { given, is } from "../base/index.js";
import type { Network } from "../graph/index.js";
import type { ConvNode, DenseNode, WeightGrid, WeightGrids } from "../ops/index.js";
import {
  checkBits,
  chooseExponent,
  defaultRule,
  frozenCount,
  LAYER_LEVELS,
  type LayerLevels,
  type PortionStep,
  powerLevels,
  selectLargest,
} from "../quantize/index.js";
import { FIXED, FREE, ROUND } from "./rounding.js";

/** The levels that a layer's weights are rounded to; null leaves it float. */
export type LevelsOf = (node: ConvNode | DenseNode) => LayerLevels | null;

export interface LayerPlan {
  readonly node: ConvNode | DenseNode;
  /** Levels of scale 1, ascending. */
  readonly levels: Float64Array;
  /** One an output channel, or "fit": to be found. */
  readonly scales: Float32Array | "fit";
  /** See RoundingTask; null where all weights are rounded. */
  readonly states: Uint8Array | null;
  /** The grid afterwards, given the scales of all output channels. */
  readonly grid: (scale: Float32Array) => WeightGrid;
}

/** A PortionStep on any grid. */
export type RoundingStep = Omit<PortionStep, "grid"> & { readonly grid: WeightGrid };

/**
 * @returns null for a layer that stays float.
 * @throws BAD_OPTION for levels out of range; what chooseExponent throws.
 */
export function planRounding(node: ConvNode | DenseNode, wanted: LevelsOf | readonly RoundingStep[]): LayerPlan | null {
  if (typeof wanted === "function") return planWhole(node, wanted(node));
  const step = wanted.find((candidate) => candidate.node.name === node.name);
  if (!step) return null;
  const { grid, chosen, first } = step;
  const states = grid.frozen.map((flag) => (flag === 1 ? FIXED : FREE));
  for (const index of chosen) states[index] = ROUND;
  const fit = first && grid.scale !== null;
  return {
    node,
    levels: grid.kind === "powers" ? powerLevels(grid.bits, grid.n1) : Float64Array.from(grid.levels),
    scales: fit ? "fit" : (grid.scale ?? new Float32Array(node.weight.shape[0]).fill(1)),
    states: chosen.length === states.length ? null : states,
    grid: (scale) => ({ ...grid, scale: grid.scale && scale }) as WeightGrid,
  };
}

/**
 * A portion of every layer, its largest weights first, on whatever levels each layer is to have.
 * @param grids of the portion before; null at the first.
 * @throws BAD_OPTION for levels out of range.
 */
export function portionSteps(
  network: Network,
  grids: WeightGrids | null,
  levels: LevelsOf,
  portion: number,
): RoundingStep[] {
  return network.nodes.flatMap((node) => {
    if (node.op !== "conv" && node.op !== "dense") return [];
    const { data, shape } = node.weight;
    const plan = grids ? null : planRounding(node, levels);
    const before = grids?.get(node.name) ?? plan?.grid(new Float32Array(shape[0]).fill(1));
    if (!before) return [];
    const frozen = grids ? before.frozen.slice() : new Uint8Array(data.length);
    const already = frozen.reduce((sum, flag) => sum + flag, 0);
    const chosen = selectLargest(data, frozen, frozenCount(data.length, portion) - already);
    for (const index of chosen) frozen[index] = 1;
    return [{ node, grid: { ...before, frozen }, chosen, first: grids === null }];
  });
}

function planWhole(node: ConvNode | DenseNode, wanted: LayerLevels | null): LayerPlan | null {
  given({ levels: wanted }, { levels: is.nullable(LAYER_LEVELS) });
  if (!wanted) return null;
  const frozen = new Uint8Array(node.weight.data.length).fill(1);
  if (wanted.kind === "codebook") {
    const grid = (scale: Float32Array): WeightGrid => ({ kind: "codebook", levels: wanted.levels, scale, frozen });
    return { node, levels: Float64Array.from(wanted.levels), scales: "fit", states: null, grid };
  }
  // a scale of its own makes a channel's largest level any number: n1 = 0 will do
  const perChannel = wanted.scale === "channel";
  const bits = checkBits(wanted.bits, `bits of ${node.name}`);
  const rule = wanted.rule ?? defaultRule(bits);
  const n1 = perChannel ? 0 : chooseExponent(node.weight.data, bits, rule, `${node.name}.weight`);
  const grid = (scale: Float32Array): WeightGrid => ({
    kind: "powers",
    bits,
    n1,
    scale: perChannel ? scale : null,
    frozen,
  });
  const scales = perChannel ? "fit" : new Float32Array(node.weight.shape[0]).fill(1);
  return { node, levels: powerLevels(bits, n1), scales, states: null, grid };
}
