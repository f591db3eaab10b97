// tables.ts: quantizers whose levels are fixed tables of integers, of which every output channel takes the one that errs least.

import { is } from "../../base/index.js";
import { levelsOfTables } from "../../ops/index.js";
import { levelTable, nearest } from "../channels.js";
import { codesOf } from "../codes-of.js";
import { checkQuantizerBits, checkWeights, integerFit, type Quantizer } from "../quantizer.js";
import { fitScales } from "../scale-fits.js";

/** Tables of levels for each width. */
export type TablesOfWidths = ReadonlyMap<number, readonly (readonly number[])[]>;

/**
 * Makes the quantizer of tables. A channel's scale is the one with the least squared error, and a weight goes to the nearest
 * level of the channel's table.
 */
export function tableQuantizer(name: string, about: string, widths: TablesOfWidths): Quantizer {
  const tables = (bits: number): number[][] => {
    const own = widths.get(bits);
    if (!own) throw is.refused("bits", [...widths.keys()].join(", "), bits);
    return own.map((table) => [...table]);
  };
  const quantizer: Quantizer = {
    name,
    about,
    bits: [...widths.keys()],
    tables,
    fit(weights, layer) {
      checkQuantizerBits(layer.bits, quantizer.bits, layer);
      checkWeights(weights, layer.name);
      const own = tables(layer.bits);
      const known = own.map(levelTable);
      const levels = levelsOfTables(own);
      const depth = weights.length / layer.shape[0];
      const { scales, of } = fitScales(Float64Array.from(weights), new Float64Array(depth).fill(1), known);
      const scale = Float32Array.from(scales);
      const codes = codesOf(weights, (w, i) => {
        const c = Math.floor(i / depth);
        const table = of[c];
        return levels.indexOf(own[table][nearest(known[table].midpoints, w / scale[c])]);
      });
      return { ...integerFit(levels, codes, scale, layer), books: { tables: own, of } };
    },
  };
  return quantizer;
}

/** Tables, and each with all signs turned. */
export const withMirrors = (tables: readonly (readonly number[])[]): (readonly number[])[] =>
  tables.flatMap((table) => [table, table.map((level) => (level === 0 ? 0 : -level)).reverse()]);
