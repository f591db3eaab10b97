// table.ts: the prices of units of work: the table that is shipped, and the reading of others.
import { is, type Kind, ShiftwiseError } from "../../base/index.js";
import { FEATURE_NAMES, type Feature } from "./features.js";

/**
 * Nanoseconds of each unit of work, and where they were measured.
 * @internal
 */
export interface CostTable {
  readonly machine: string;
  readonly nanoseconds: { readonly [F in Feature]: number };
}

/**
 * A table, as a rule for arguments.
 * @internal
 */
export const COST_TABLE: Kind = is.record<CostTable>({
  machine: is.text,
  nanoseconds: is.record(
    Object.fromEntries(FEATURE_NAMES.map((name) => [name, is.within(0)])) as Record<Feature, Kind>,
  ),
});

/**
 * Reads the text of a table that `calibrate-costs` wrote.
 * @param where it was found, for messages
 * @throws BAD_FILE for what is no such table
 * @internal
 */
export function parseCosts(text: string, where: string): CostTable {
  const bad = (expected: string, found: unknown): ShiftwiseError =>
    new ShiftwiseError("BAD_FILE", "not a table of costs", { where, expected, found: String(found) });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad("JSON that calibrate-costs wrote", (cause as Error).message);
  }
  const { machine, nanoseconds } = (json ?? {}) as { machine?: unknown; nanoseconds?: Record<string, unknown> };
  if (typeof machine !== "string") throw bad("a text in `machine`", machine);
  if (typeof nanoseconds !== "object" || nanoseconds === null) throw bad("an object in `nanoseconds`", nanoseconds);
  const known = FEATURE_NAMES.map((name) => {
    const value = Object.hasOwn(nanoseconds, name) ? nanoseconds[name] : undefined;
    if (typeof value !== "number" || !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw bad(`a number of 0 or more in nanoseconds.${name}; a table of this version, by calibrate-costs`, value);
    }
    return [name, value] as const;
  });
  return { machine, nanoseconds: Object.fromEntries(known) as CostTable["nanoseconds"] };
}
