// layer-plan.ts: which weights of a layer are rounded next, and to what.

import { given, is, ShiftwiseError } from "../base/index.js";
import type { Network } from "../graph/index.js";
import { type ConvNode, type DenseNode, levelsOfTables, type WeightGrid, type WeightGrids } from "../ops/index.js";
import {
  checkBits,
  chooseExponent,
  defaultRule,
  frozenCount,
  LAYER_LEVELS,
  type LayerLevels,
  type LevelTable,
  levelTable,
  type PortionStep,
  powerLevels,
  type RowFits,
  selectLargest,
} from "../quantize/index.js";
import { TABLE, TABLES } from "./layout.js";
import { FIXED, FREE, ROUND } from "./rounding.js";

/** The levels that a layer's weights are rounded to; null leaves it float. */
export type LevelsOf = (node: ConvNode | DenseNode) => LayerLevels | null;

export interface LayerPlan {
  readonly node: ConvNode | DenseNode;
  /** Levels of scale 1; every output channel has those of one table. */
  readonly tables: readonly LevelTable[];
  /** The scale and the table of every output channel, or "fit": to be found. */
  readonly fits: RowFits | "fit";
  /** The price of a weight that is not 0; see LayerLevels. */
  readonly price: number;
  /** The share of weights that are to be 0, for which a price is to be found; 0: `price` it is. */
  readonly zeros: number;
  /** See RoundingTask; null where all weights are rounded. */
  readonly states: Uint8Array | null;
  /** The grid afterwards, given the scales and tables of all output channels. */
  readonly grid: (scale: Float32Array, of: Uint8Array) => WeightGrid;
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
  const [outputs] = node.weight.shape;
  const books = grid.kind === "codebook" ? grid.books : undefined;
  const fits = {
    scales: Float64Array.from(grid.scale ?? new Float64Array(outputs).fill(1)),
    of: books?.of ?? new Uint8Array(outputs),
  };
  return {
    node,
    tables: tablesOf(grid),
    fits: first && grid.scale ? "fit" : fits,
    price: 0,
    zeros: 0,
    states: chosen.length === states.length ? null : states,
    grid: (scale, of) =>
      ({ ...grid, scale: grid.scale && scale, ...(books && { books: { ...books, of } }) }) as WeightGrid,
  };
}

/** The tables of levels that the channels of a grid have. */
function tablesOf(grid: WeightGrid): LevelTable[] {
  if (grid.kind === "powers") return [levelTable(powerLevels(grid.bits, grid.n1))];
  return (grid.books?.tables ?? [grid.levels]).map(levelTable);
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
    const before = grids?.get(node.name) ?? plan?.grid(new Float32Array(shape[0]).fill(1), new Uint8Array(shape[0]));
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
  const { price = 0, zeros = 0 } = wanted;
  // made where a grid is: levels that are only tried need none
  const frozen = () => new Uint8Array(node.weight.data.length).fill(1);
  if (wanted.kind === "codebook") {
    const grid = (scale: Float32Array): WeightGrid => ({
      kind: "codebook",
      levels: wanted.levels,
      scale,
      frozen: frozen(),
    });
    return { node, tables: [levelTable(wanted.levels)], fits: "fit", price, zeros, states: null, grid };
  }
  if (wanted.kind === "codebooks") {
    const { tables } = wanted;
    checkTables(tables, node.name);
    const levels = levelsOfTables(tables);
    const grid = (scale: Float32Array, of: Uint8Array): WeightGrid =>
      tables.length === 1
        ? { kind: "codebook", levels, scale, frozen: frozen() }
        : { kind: "codebook", levels, scale, frozen: frozen(), books: { tables, of } };
    return { node, tables: tables.map(levelTable), fits: "fit", price, zeros, states: null, grid };
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
    frozen: frozen(),
  });
  const [outputs] = node.weight.shape;
  const ones = { scales: new Float64Array(outputs).fill(1), of: new Uint8Array(outputs) };
  const tables = [levelTable(powerLevels(bits, n1))];
  return { node, tables, fits: perChannel ? "fit" : ones, price, zeros, states: null, grid };
}

/** @throws BAD_OPTION unless there are some tables, of 2 to 256 levels each */
function checkTables(tables: readonly (readonly number[])[], where: string): void {
  const fit = tables.every((table) => table.length >= 2 && table.length <= TABLE);
  if (tables.length >= 1 && tables.length <= TABLES && fit) return;
  const expected = `1 to ${TABLES} tables of 2 to ${TABLE} levels`;
  const found = `${tables.length} of ${tables.map(({ length }) => length).join(", ")}`;
  throw new ShiftwiseError("BAD_OPTION", "tables of levels out of range", { where, expected, found });
}
