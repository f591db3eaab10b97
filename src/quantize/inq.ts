// inq.ts: one step of incremental network quantization (INQ algorithm 1, steps 2 to 4).

import { createRandom, frozenCopy, given, is, type Kind, type Random, ShiftwiseError } from "../base/index.js";
import { NETWORK, type Network } from "../graph/index.js";
import { type ConvNode, type DenseNode, GRIDS, WEIGHT_NODE, type WeightGrid, type WeightGrids } from "../ops/index.js";
import { weightNodes } from "./apply.js";
import { levelTable, nearest, powerLevels } from "./channels.js";
import {
  chooseExponent,
  defaultRule,
  type ExponentRule,
  largestMagnitude,
  powersOfTwo,
  quantizeToLevel,
  RULE,
} from "./levels.js";
import { frozenCount, type Partition, selectLargest, selectRandom } from "./partition.js";
import { checkBits, WIDTHS } from "./portions.js";
import { QUANTIZER, type Quantizer } from "./quantizer.js";
import { powersPaper } from "./quantizers/powers-paper.js";
import { fitScales } from "./scale-fits.js";

/** Options of a portion of INQ. */
export interface PortionOptions {
  /**
   * The levels of each layer: those of its fit to all weights at the first portion, to the nearest of which each portion
   * then rounds. Default: `powers-paper`, INQ's own, of which `rule` and `scale` say more; they concern no other.
   */
  readonly quantizer?: Quantizer;
  /**
   * One width for every conv and dense node, or a width for each by node name; a node that such a map does not name
   * stays float.
   */
  readonly bits: number | ReadonlyMap<string, number>;
  /** Accumulated share of the weights that is on the grid afterwards, in (0, 1]. */
  readonly portion: number;
  /** Default "magnitude", the better of the two in the paper. */
  readonly partition?: Partition;
  /**
   * The weights that a portion is a share of: every layer's (the paper), or of all layers' together, magnitudes then
   * being counted in root mean squares of their layer. Default "layer".
   */
  readonly ranking?: "layer" | "global";
  /** Default "max" (the paper's Eq. 3) at 4 and 5 bits, "mse" at 2 and 3. Of no account with scale "channel". */
  readonly rule?: ExponentRule;
  /**
   * "layer": one n1 for the layer. "channel": every output channel has a real scale times 2^n2..1, the one with the least
   * squared rounding error; it goes to the epilogue. Default "layer".
   */
  readonly scale?: "layer" | "channel";
  /** Masks by node name: 1 for each weight that is zero for good. Portions are shares of the others. Default: none. */
  readonly pruned?: ReadonlyMap<string, Uint8Array>;
  /** Only the random partition uses it. Default 0. */
  readonly seed?: number;
}

/** The change that a portion makes to one layer. */
export interface PortionStep {
  readonly node: ConvNode | DenseNode;
  /** The layer's grid when it is done: the chosen weights frozen too. */
  readonly grid: WeightGrid;
  /** Weights to be rounded, rising indices. */
  readonly chosen: Uint32Array;
  /** Whether none but pruned weights were on the grid before, so that its scales may still change. */
  readonly first: boolean;
}

const INTEGER = is.integer(Number.MIN_SAFE_INTEGER);

/**
 * The kinds of the options that a portion has and a retraining, too.
 * @internal
 */
export const PORTION_FIELDS = frozenCopy({
  bits: WIDTHS,
  quantizer: is.optional(QUANTIZER),
  partition: is.optional(is.oneOf("magnitude", "random")),
  ranking: is.optional(is.oneOf("layer", "global")),
  rule: is.optional(RULE),
  scale: is.optional(is.oneOf("layer", "channel")),
  pruned: is.optional(is.map(is.bytes)),
} as const);

const PORTION_OPTIONS = is.record<PortionOptions>({
  ...PORTION_FIELDS,
  portion: is.number,
  seed: is.optional(INTEGER),
});

/**
 * Makes the check of one step of a portion on grids of a kind.
 * @internal
 */
export const PORTION_STEP = (grid: Kind): Kind =>
  is.record<PortionStep>({
    node: WEIGHT_NODE,
    grid,
    chosen: is.array("Uint32Array"),
    first: is.boolean,
  });

/**
 * Puts the next share of every conv and dense layer on its grid: rounds the chosen weights in place and marks them
 * frozen. Weights frozen before stay as they are, whatever their size. Biases and batch norm are not touched. First and
 * last layers are quantized like all others.
 *
 * n1, or the channels' scales, of a layer are fixed at its first portion from all of its weights. In magnitude order that
 * is also the paper's "P_l based on A1", A1 then holding the largest weight; in random order it is the reading of Eq. 3
 * that does not depend on the draw. A weight that retraining has let grow beyond the largest level clamps to it.
 *
 * @param grids what the portion before returned; null at the first.
 * @returns new grids, one for each layer; those given are not changed.
 * @throws what planPortion throws. No weight has changed then.
 */
export function advancePortion(network: Network, grids: WeightGrids | null, options: PortionOptions): WeightGrids {
  const steps = planPortion(network, grids, options);
  for (const { node, grid, chosen } of steps) {
    const { data, shape } = node.weight;
    const depth = data.length / shape[0];
    const toLevel = rounderOf(grid);
    for (const index of chosen) {
      const channel = Math.floor(index / depth);
      const scale = grid.scale ? grid.scale[channel] : 1;
      data[index] = Math.fround(scale * toLevel(data[index] / scale, channel));
    }
  }
  return gridsOf(steps);
}

/** The function that takes a weight, in units of its scale, to the nearest level of its channel. */
function rounderOf(grid: WeightGrid): (value: number, channel: number) => number {
  if (grid.kind === "codebook") {
    const { levels, books } = grid;
    const tables = (books?.tables ?? [levels]).map(levelTable);
    return (value, channel) => {
      const table = tables[books ? books.of[channel] : 0];
      return table.levels[nearest(table.midpoints, value)];
    };
  }
  const powers = powersOfTwo(grid.bits, grid.n1);
  return (value) => quantizeToLevel(value, powers);
}

/** The grids when the steps are done, by node name. */
function gridsOf(steps: readonly PortionStep[]): WeightGrids {
  return new Map(steps.map(({ node, grid }) => [node.name, grid]));
}

/**
 * Chooses the weights of a portion and the grids they go on, changing nothing.
 * @throws BAD_OPTION for bits outside 2..5 or other than before, a portion outside (0, 1] or below the one before, a
 *   layer that `grids` lacks, a name in `bits` or `pruned` that is no conv or dense node, or a pruned weight that is not
 *   zero; BAD_DATA for a weight that is not finite; what the quantizer throws.
 */
export function planPortion(
  network: Network,
  grids: WeightGrids | null,
  options: PortionOptions,
): readonly PortionStep[] {
  given({ network, grids, options }, { network: NETWORK, grids: is.nullable(GRIDS), options: PORTION_OPTIONS });
  const { portion, ranking = "layer", pruned = new Map() } = options;
  if (!(portion > 0 && portion <= 1)) {
    throw new ShiftwiseError("BAD_OPTION", "portion out of range", {
      expected: "a share in (0, 1]",
      found: portion,
      where: "portion",
    });
  }
  const layers = weightLayers(network, options);
  for (const name of pruned.keys()) {
    if (!layers.some(({ node }) => node.name === name)) throw maskError(name, "a layer that is quantized", name);
  }
  const started = layers.map(({ node, bits }): Started => {
    largestMagnitude(node.weight.data, `${node.name}.weight`);
    const mask = pruned.get(node.name) ?? null;
    if (mask) checkMask(node, mask);
    const dead = mask ? countFrozen(mask) : 0;
    const grid = grids ? gridBefore(grids.get(node.name), node, bits, options) : firstGrid(node, bits, mask, options);
    return { node, grid, alive: node.weight.data.length - dead, dead };
  });
  const random = createRandom(options.seed ?? 0);
  const groups = ranking === "layer" ? started.map((layer) => [layer]) : [started];
  const chosen = groups.flatMap((group) => chooseNext(group, options, random));
  return started.map(({ node, grid }, i) => {
    const frozen = grid.frozen.slice();
    for (const index of chosen[i]) frozen[index] = 1;
    return { node, grid: { ...grid, frozen }, chosen: chosen[i], first: grids === null };
  });
}

/** A layer before the portion. */
interface Started {
  readonly node: ConvNode | DenseNode;
  readonly grid: WeightGrid;
  /** Weights that are not pruned, and those that are. */
  readonly alive: number;
  readonly dead: number;
}

/** The next weights of layers that are ranked together, layer by layer. */
function chooseNext(
  layers: readonly Started[],
  { portion, partition = "magnitude" }: PortionOptions,
  random: Random,
): Uint32Array[] {
  const sum = (of: (layer: Started) => number) => layers.reduce((total, layer) => total + of(layer), 0);
  const length = sum(({ grid }) => grid.frozen.length);
  const already = sum(({ grid, dead }) => countFrozen(grid.frozen) - dead);
  const alive = sum((layer) => layer.alive);
  const count = frozenCount(alive, portion) - already;
  if (count < 0) {
    throw new ShiftwiseError("BAD_OPTION", "portion below the one before", {
      expected: `at least ${already / alive}`,
      found: portion,
      where: layers.length === 1 ? `grid of ${layers[0].node.name}` : "portion",
    });
  }
  const frozen = new Uint8Array(length);
  const values = new Float32Array(length);
  const starts: number[] = [];
  let at = 0;
  for (const { node, grid } of layers) {
    const { data } = node.weight;
    const unit = layers.length === 1 ? 1 : rootMeanSquare(data);
    frozen.set(grid.frozen, at);
    for (let i = 0; i < data.length; i++) values[at + i] = data[i] / unit;
    starts.push(at);
    at += data.length;
  }
  const chosen = partition === "magnitude" ? selectLargest(values, frozen, count) : selectRandom(frozen, count, random);
  return layers.map(({ node }, i) => {
    const end = starts[i] + node.weight.data.length;
    return chosen.filter((index) => index >= starts[i] && index < end).map((index) => index - starts[i]);
  });
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length) || 1;
}

/** The grid of a layer none of whose weights is on it yet, pruned ones apart. */
function firstGrid(
  node: ConvNode | DenseNode,
  width: number,
  pruned: Uint8Array | null,
  options: PortionOptions,
): WeightGrid {
  const { data, shape } = node.weight;
  const where = `${node.name}.weight`;
  const frozen = pruned ? pruned.slice() : new Uint8Array(data.length);
  const { quantizer = powersPaper } = options;
  if (!quantizer.exponents) {
    const { levels, scale, books } = quantizer.fit(data, { name: node.name, shape, bits: width });
    if (pruned?.includes(1) && !levels.includes(0)) throw maskError(node.name, "levels with 0 among them", levels);
    return { kind: "codebook", levels, scale, frozen, ...(books && { books }) };
  }
  const bits = checkBits(width);
  const rule = options.rule ?? defaultRule(bits);
  const n1 = chooseExponent(data, bits, rule, where);
  if (options.scale !== "channel") return { kind: "powers", bits, n1, scale: null, frozen };
  const even = new Float64Array(data.length / shape[0]).fill(1);
  const scale = Float32Array.from(fitScales(Float64Array.from(data), even, [levelTable(powerLevels(bits, 0))]).scales);
  return { kind: "powers", bits, n1: 0, scale, frozen };
}

function maskError(where: string, expected: string, found: unknown): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", "mask of another layer", { where: `pruned.${where}`, expected, found });
}

function checkMask(node: ConvNode | DenseNode, mask: Uint8Array): void {
  const { data } = node.weight;
  if (mask.length !== data.length) throw maskError(node.name, `${data.length} weights`, mask.length);
  const alive = data.findIndex((weight, i) => mask[i] === 1 && weight !== 0);
  if (alive >= 0) throw maskError(`${node.name}[${alive}]`, "a weight of 0", data[alive]);
}

function weightLayers(
  network: Network,
  { bits, quantizer = powersPaper }: PortionOptions,
): readonly { node: ConvNode | DenseNode; bits: number }[] {
  const nodes = weightNodes(network);
  // other quantizers have bits of their own, and check them
  const checked = (width: number, where?: string): number => (quantizer.exponents ? checkBits(width, where) : width);
  if (typeof bits === "number") {
    const width = checked(bits);
    return nodes.map((node) => ({ node, bits: width }));
  }
  for (const name of bits.keys()) {
    if (!nodes.some((node) => node.name === name)) {
      throw new ShiftwiseError("BAD_OPTION", "bits for a layer that has no weights", {
        expected: nodes.map((node) => node.name).join(", "),
        found: name,
        where: "bits",
      });
    }
  }
  return nodes.flatMap((node) => {
    const width = bits.get(node.name);
    return width === undefined ? [] : [{ node, bits: checked(width, `bits of ${node.name}`) }];
  });
}

/** The grid of the portion before, which must be one that this portion can go on from. */
function gridBefore(
  before: WeightGrid | undefined,
  node: ConvNode | DenseNode,
  bits: number,
  { scale = "layer", quantizer = powersPaper }: PortionOptions,
): WeightGrid {
  const count = node.weight.data.length;
  const where = `grid of ${node.name}`;
  const fits = quantizer.exponents
    ? before?.kind === "powers" && (before.scale !== null) === (scale === "channel")
    : before?.kind === "codebook";
  if (!before || !fits) {
    const expected = quantizer.exponents ? `scale "${scale}"` : `levels of ${quantizer.name}`;
    throw new ShiftwiseError("BAD_OPTION", "no grid from the portion before", { where, expected });
  }
  if (before.frozen.length !== count) {
    throw new ShiftwiseError("BAD_OPTION", "grid of another layer", {
      expected: `${count} weights`,
      found: before.frozen.length,
      where,
    });
  }
  if (before.kind === "powers" && before.bits !== bits) {
    throw new ShiftwiseError("BAD_OPTION", "bit width changed between portions", {
      expected: before.bits,
      found: bits,
      where,
    });
  }
  return before;
}

function countFrozen(frozen: Uint8Array): number {
  let count = 0;
  for (const flag of frozen) count += flag;
  return count;
}
