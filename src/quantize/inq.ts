// inq.ts: one step of incremental network quantization (INQ algorithm 1, steps 2 to 4).
import { type CodeBits, ShiftwiseError } from "../format/index.js";
import {
  type ConvNode,
  createRandom,
  type DenseNode,
  type Network,
  type Random,
  type WeightGrid,
  type WeightGrids,
} from "../graph/index.js";
import { type Codebook, chooseExponent, codebook, type ExponentRule, quantizeToLevel } from "./levels.js";
import { frozenCount, type Partition, selectLargest, selectRandom } from "./partition.js";
import { checkBits } from "./portions.js";

type PowersGrid = Extract<WeightGrid, { kind: "powers" }>;

export interface PortionOptions {
  /**
   * One width for every conv and dense node, or a width for each by node name; a node that such a map does not name
   * stays float.
   */
  readonly bits: number | ReadonlyMap<string, number>;
  /** Accumulated share of every layer that is on the grid afterwards, in (0, 1]. */
  readonly portion: number;
  /** Default "magnitude", the better of the two in the paper. */
  readonly partition?: Partition;
  /** Default "max" (the paper's Eq. 3) at 4 and 5 bits, "mse" at 2 and 3. */
  readonly rule?: ExponentRule;
  /** Only the random partition uses it. Default 0. */
  readonly seed?: number;
}

/**
 * Puts the next share of every conv and dense layer on its grid: rounds the chosen weights in place and marks them
 * frozen. Weights frozen before stay as they are, whatever their size. Biases and batch norm are not touched. First and
 * last layers are quantized like all others.
 *
 * n1 of a layer is fixed at its first portion from all of its weights. In magnitude order that is also the paper's "P_l
 * based on A1", A1 then holding the largest weight; in random order it is the reading of Eq. 3 that does not depend on
 * the draw. A weight that retraining has let grow beyond 1.5 * 2^n1 clamps to 2^n1.
 *
 * @param grids what the portion before returned; null at the first.
 * @returns new grids, one for each layer; those given are not changed.
 * @throws BAD_OPTION for bits outside 2..5 or other than before, a portion outside (0, 1] or below the one before, a
 *   layer that `grids` lacks, or a name in `bits` that is no conv or dense node; BAD_DATA for a weight that is not finite. No weight has changed then.
 */
export function advancePortion(network: Network, grids: WeightGrids | null, options: PortionOptions): WeightGrids {
  const { portion, partition = "magnitude", seed = 0 } = options;
  if (!(portion > 0 && portion <= 1)) {
    throw new ShiftwiseError("BAD_OPTION", "portion out of range", {
      expected: "a share in (0, 1]",
      found: portion,
      where: "portion",
    });
  }
  const layers = weightLayers(network, options.bits);
  const plans = layers.map(({ node, bits }) => {
    const before = grids ? gridBefore(grids.get(node.name), node, bits, portion) : undefined;
    const rule = options.rule ?? (bits >= 4 ? "max" : "mse");
    const n1 = chooseExponent(node.weight.data, bits, rule, `${node.name}.weight`);
    return { node, before, book: codebook(bits, before ? before.n1 : n1) };
  });
  const random = createRandom(seed);
  const after = new Map<string, WeightGrid>();
  for (const { node, before, book } of plans) {
    after.set(node.name, freezeNext(node.weight.data, before, book, portion, partition, random));
  }
  return after;
}

function freezeNext(
  values: Float32Array,
  before: PowersGrid | undefined,
  book: Codebook,
  portion: number,
  partition: Partition,
  random: Random,
): WeightGrid {
  const frozen = before ? before.frozen.slice() : new Uint8Array(values.length);
  const count = frozenCount(values.length, portion) - countFrozen(frozen);
  const chosen = partition === "magnitude" ? selectLargest(values, frozen, count) : selectRandom(frozen, count, random);
  for (const index of chosen) {
    values[index] = quantizeToLevel(values[index], book);
    frozen[index] = 1;
  }
  return { kind: "powers", bits: book.bits, n1: book.n1, scale: null, frozen };
}

function weightLayers(
  network: Network,
  bits: number | ReadonlyMap<string, number>,
): readonly { node: ConvNode | DenseNode; bits: CodeBits }[] {
  const nodes = network.nodes.filter((node) => node.op === "conv" || node.op === "dense");
  if (typeof bits === "number") {
    const width = checkBits(bits);
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
    return width === undefined ? [] : [{ node, bits: checkBits(width, `bits of ${node.name}`) }];
  });
}

/** The grid of the portion before, which must be one that this portion can go on from. */
function gridBefore(
  before: WeightGrid | undefined,
  node: ConvNode | DenseNode,
  bits: CodeBits,
  portion: number,
): PowersGrid {
  const count = node.weight.data.length;
  const where = `grid of ${node.name}`;
  if (before?.kind !== "powers" || before.scale) {
    throw new ShiftwiseError("BAD_OPTION", "no grid from the portion before", { where });
  }
  if (before.frozen.length !== count) {
    throw new ShiftwiseError("BAD_OPTION", "grid of another layer", {
      expected: `${count} weights`,
      found: before.frozen.length,
      where,
    });
  }
  if (before.bits !== bits) {
    throw new ShiftwiseError("BAD_OPTION", "bit width changed between portions", {
      expected: before.bits,
      found: bits,
      where,
    });
  }
  const already = countFrozen(before.frozen);
  if (frozenCount(count, portion) < already) {
    throw new ShiftwiseError("BAD_OPTION", "portion below the one before", {
      expected: `at least ${already / count}`,
      found: portion,
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
