// given.ts: the check that stands first in every public function: what it was given, against what it takes.
import { guarded } from "./error.js";
import type { Kind } from "./is.js";

/**
 * Checks the arguments of a function by their names: `given({ bits, n1 }, { bits: is.number, n1: is.number })`.
 * @throws BAD_OPTION naming argument and field, what was expected and what was found; what the kinds of a room throw
 */
export function given<Name extends string>(
  values: { readonly [K in Name]: unknown },
  kinds: { readonly [K in NoInfer<Name>]: Kind },
): void {
  for (const name of Object.keys(values) as Name[]) {
    // an option is known by its own name
    const where = name === "options" ? "" : name;
    guarded(() => kinds[name](values[name], where), "BAD_OPTION", "a value that cannot be read", { where });
  }
}
