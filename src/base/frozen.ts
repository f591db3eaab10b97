// frozen.ts: copies that share nothing that can change with what they were made of.
import { ownView } from "./kinds.js";

/**
 * Copies plain objects and arrays down to their ends, and freezes the copies. Functions are the same ones.
 * @param arrays whether typed arrays, which cannot be frozen, are copied; otherwise they are the same ones
 * @param seal what becomes of every copy in place of freezing it
 */
export function frozenCopy<T>(value: T, arrays = false, seal: (copy: object) => object = Object.freeze): T {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value))
    return arrays ? ((ownView(value as never) as Float32Array | null)?.slice() as T) : value;
  const part = <U>(given: U): U => frozenCopy(given, arrays, seal);
  return seal(
    Array.isArray(value)
      ? value.map(part)
      : Object.fromEntries(Object.entries(value).map(([key, given]) => [key, part(given)])),
  ) as T;
}

/** Copies plain objects and arrays down to their ends, as things that their owner may change; typed arrays are the same ones. */
export function looseCopy<T>(value: T): T {
  return frozenCopy(value, false, (copy) => copy);
}
