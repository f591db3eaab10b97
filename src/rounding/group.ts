// group.ts: output channels of one group, and how their weights are rounded to levels.
import { createScaleFitter, type LevelTable, priceOf, type RowFits } from "../quantize/index.js";
import type { LayerPlan } from "./layer-plan.js";
import type { RoundingResult } from "./rounding.js";
import type { RowRounder } from "./row-rounder.js";

/** Rows of one group, a row for each of its output channels, and what they are to come near to. */
export interface GroupRows {
  readonly channels: readonly number[];
  readonly original: Float64Array;
  readonly target: Float64Array;
  /** target H */
  readonly products: Float64Array;
  readonly importance: Float64Array;
  /** See RoundingTask; null where all weights are rounded. */
  readonly states: Uint8Array | null;
}

/** Rows that other levels are tried on, of each of as many groups. */
const EXPLORED = 32;

/** Returns whether other levels are tried on a group: up to EXPLORED ones, evenly spread, are. */
export function isExplored(group: number, groups: number): boolean {
  // the groups floor(i groups / EXPLORED): one of them is this, if i groups / EXPLORED lies in group..group + 1 for some i
  return groups <= EXPLORED || Math.floor((Math.ceil((group * EXPLORED) / groups) * groups) / EXPLORED) === group;
}

/** Returns up to EXPLORED rows of a group, evenly spread, all of whose weights are rounded. */
export function sampleOf(rows: GroupRows): GroupRows {
  const n = rows.importance.length;
  const { length } = rows.channels;
  if (length <= EXPLORED) return { ...rows, states: null };
  const picked = Array.from({ length: EXPLORED }, (_, i) => Math.floor((i * length) / EXPLORED));
  const pick = (from: Float64Array): Float64Array => {
    const some = new Float64Array(EXPLORED * n);
    for (const [i, r] of picked.entries()) some.set(from.subarray(r * n, (r + 1) * n), i * n);
    return some;
  };
  return {
    channels: picked.map((r) => rows.channels[r]),
    original: pick(rows.original),
    target: pick(rows.target),
    products: pick(rows.products),
    importance: rows.importance,
    states: null,
  };
}

/** Sum over rows of w H w^T, damping included: what errors are held against. */
export function energy({ target, products }: GroupRows): number {
  let sum = 0;
  for (let i = 0; i < target.length; i++) sum += target[i] * products[i];
  return sum;
}

/** The rows of a group rounded, with the table of each row. */
export type RoundedRows = RoundingResult & Pick<RowFits, "of">;

/**
 * Rounds the rows of a group to one choice of levels after the other. What does not depend on the levels, or on their price, is
 * found once: plans share what they have in common by sharing `tables`.
 * @param sweeps of coordinate descent
 */
export function createRowRounding(
  rounder: RowRounder,
  { channels, original, target, products, importance, states }: GroupRows,
  sweeps: number,
): (plan: LayerPlan) => Promise<RoundedRows> {
  const fitter = createScaleFitter(target, importance, original);
  const plainFits = new Map<readonly LevelTable[], RowFits>();
  const fitPlain = (tables: readonly LevelTable[]): RowFits => {
    const known = plainFits.get(tables) ?? fitter.fit(tables);
    plainFits.set(tables, known);
    return known;
  };
  return async ({ tables, fits, price: share }) => {
    const fitted = fits === "fit";
    const plain = fitted ? fitPlain(tables) : pickRows(fits, channels);
    const price = priceOf(share, plain.scales, importance);
    const own = fitted && price > 0 ? fitter.fit(tables, price) : plain;
    const result = await rounder.round({
      target,
      products,
      states,
      values: original,
      tables,
      fits: own,
      refit: fitted && !states,
      price,
      sweeps,
    });
    return { ...result, of: own.of };
  };
}

/** Prices that a share of zeros may take, as powers of two, and the steps in which one is found. */
const PRICES = { least: -6, most: 14 };
const HALVINGS = 10;

/** The least price, nearly, at which a sample of rows has as large a share of zeros as a plan asks for; its own where it asks for none. */
export async function priceFor(plan: LayerPlan, round: (plan: LayerPlan) => Promise<RoundedRows>): Promise<number> {
  if (plan.zeros === 0) return plan.price;
  const { tables } = plan;
  const zeroOf = tables.map(({ levels }) => levels.indexOf(0));
  const shareAt = async (price: number): Promise<number> => {
    const { codes, of } = await round({ ...plan, price });
    const n = codes.length / of.length;
    return codes.reduce((sum, code, i) => sum + (code === zeroOf[of[Math.floor(i / n)]] ? 1 : 0), 0) / codes.length;
  };
  if ((await shareAt(0)) >= plan.zeros) return 0;
  let { least, most } = PRICES;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (least + most) / 2;
    if ((await shareAt(2 ** middle)) >= plan.zeros) most = middle;
    else least = middle;
  }
  return 2 ** most;
}

/** The fits of some rows. */
function pickRows({ scales, of }: RowFits, rows: readonly number[]): RowFits {
  return { scales: Float64Array.from(rows, (r) => scales[r]), of: Uint8Array.from(rows, (r) => of[r]) };
}
