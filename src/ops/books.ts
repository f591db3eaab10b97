// books.ts: tables of levels for single output channels: what a layer has of them, and indices into them.
import { isArray } from "../base/index.js";
import { type Check, LEVELS_MAX } from "../format/index.js";
import type { ChannelBooks } from "./tensor.js";

/** All levels of some tables, ascending. */
export const levelsOfTables = (tables: readonly (readonly number[])[]): number[] =>
  [...new Set(tables.flat())].sort((a, b) => a - b);

/** The most levels that a channel has. */
export const longestTable = ({ tables }: Pick<ChannelBooks, "tables">): number =>
  Math.max(...tables.map((table) => table.length));

/** Checks that the tables are as ChannelBooks says, of all these levels and no others. */
export function checkBooks(
  { tables, of }: ChannelBooks,
  levels: readonly number[],
  outputs: number,
  place: string,
  check: Check,
): void {
  // a byte tells a channel's table
  check(tables.length <= 256, `${place}.tables`, "256 tables or fewer", tables.length);
  tables.forEach((table, i) => {
    const { length } = table;
    const rising = Array.isArray(table) && table.every((level, k) => k === 0 || level > table[k - 1]);
    check(
      rising && length > 1 && length <= LEVELS_MAX,
      `${place}.tables[${i}]`,
      `2 to ${LEVELS_MAX} ascending levels`,
      table,
    );
  });
  const all = levelsOfTables(tables);
  check(`${all}` === `${levels}`, `${place}.tables`, `the levels ${levels}`, all);
  const named = of.length === outputs && of.every((table) => table < tables.length);
  check(
    isArray(of, "Uint8Array") && named,
    `${place}.of`,
    `${outputs} tables below ${tables.length} in Uint8Array`,
    of,
  );
}

/**
 * Maps codes channel by channel.
 * @param inward from indices into the layer's levels to those into each channel's own, or back
 * @returns 255 for a code that has no counterpart
 */
export function mapCodes(
  codes: Uint8Array,
  levels: readonly number[],
  books: ChannelBooks,
  inward: boolean,
): Uint8Array {
  const { tables, of } = books;
  const depth = codes.length / of.length;
  const map = new Uint8Array(256);
  let channel = -1;
  return codes.map((code, i) => {
    if (i === (channel + 1) * depth) {
      map.fill(255);
      tables[of[++channel]].forEach((level, own) => {
        const all = levels.indexOf(level);
        map[inward ? all : own] = inward ? own : all;
      });
    }
    return map[code];
  });
}
