// fields.ts: typed reading of untrusted JSON: each function returns the value as its type or throws BAD_FILE.
import { type ErrorCode, ShiftwiseError } from "../base/index.js";

export type Json = Readonly<Record<string, unknown>>;

/** Joins a file name and a place inside it; either may be empty. */
export function at(where: string, place: string): string {
  return typeof where === "string" && where && place ? `${where}: ${place}` : where || place;
}

/** Throws BAD_FILE (or `code`) for the field at `where` unless `ok`. */
export function expect(
  ok: boolean,
  where: string,
  expected: string,
  found: unknown,
  code: ErrorCode = "BAD_FILE",
): asserts ok {
  if (!ok) throw new ShiftwiseError(code, "unexpected value", { where, expected, found });
}

/** The type of `expect`, for code that is loaded later and is given it. */
export type Expect = typeof expect;

/** A JSON object that has every key of `required`, and besides them only keys of `optional`. */
export function record(
  value: unknown,
  where: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Json {
  const object = dictionary(value, where);
  for (const key of required) expect(Object.hasOwn(object, key), where, `field "${key}"`, "none");
  for (const key of Object.keys(object)) {
    expect(required.includes(key) || optional.includes(key), where, "no other field", key);
  }
  return object;
}

/** A JSON object with any keys. */
export function dictionary(value: unknown, where: string): Json {
  expect(typeof value === "object" && value !== null && !Array.isArray(value), where, "an object", value);
  return value as Json;
}

/** A JSON object whose values are all strings. */
export function texts(value: unknown, where: string): Record<string, string> {
  const entries = Object.entries(dictionary(value, where));
  return Object.fromEntries(entries.map(([key, entry]) => [identifier(key, where), text(entry, `${where}.${key}`)]));
}

/** A string of whole characters: half a surrogate pair is none that UTF-8 could hold. */
export function text(value: unknown, where: string): string {
  expect(typeof value === "string", where, "a string", value);
  expect(!/\p{Cs}/u.test(value), where, "a string without lone surrogates", value);
  return value;
}

/** Most characters of a name in a graph. */
export const NAME_LIMIT = 200;

/** A name of a layer, tensor, port or field: 1 to `limit` characters, none of them a control character. */
export function identifier(value: unknown, where: string, limit = NAME_LIMIT): string {
  const name = text(value, where);
  const ok = /^\P{Cc}+$/u.test(name) && [...name].length <= limit && name !== "__proto__";
  expect(ok, where, `a name of 1 to ${limit} printable characters`, name);
  return name;
}

/** true or false. */
export function boolean(value: unknown, where: string): boolean {
  expect(typeof value === "boolean", where, "true or false", value);
  return value;
}

export function oneOf<T extends string | number>(value: unknown, where: string, choices: readonly T[]): T {
  // the text is made only where it is needed: fields are read by the thousand
  if (!choices.includes(value as T)) expect(false, where, `one of ${choices.join(", ")}`, value);
  return value as T;
}

/** A finite number other than -0, which JSON writers tell from 0 or not. */
export function number(value: unknown, where: string): number {
  expect(typeof value === "number" && Number.isFinite(value), where, "a finite number", value);
  expect(!Object.is(value, -0), where, "a number other than -0", value);
  return value;
}

/** An integer in low..high. */
export function integer(value: unknown, where: string, low = 0, high = 0x7fffffff): number {
  const n = number(value, where);
  expect(Number.isInteger(n) && n >= low && n <= high, where, `an integer in ${low}..${high}`, value);
  return n;
}

/** An array; with `length`, of exactly that many elements; each element read by `item`. */
export function list<T>(
  value: unknown,
  where: string,
  item: (value: unknown, where: string) => T,
  length?: number,
): T[] {
  expect(
    Array.isArray(value) && (length === undefined || value.length === length),
    where,
    length === undefined ? "an array" : `an array of ${length}`,
    value,
  );
  return (value as unknown[]).map((entry, index) => item(entry, `${where}[${index}]`));
}

/** Two integers >= low: (height, width) or (vertical, horizontal). */
export function pair(value: unknown, where: string, low = 1): readonly [number, number] {
  const [a, b] = list(value, where, (entry, place) => integer(entry, place, low), 2);
  return [a, b];
}

/** Three integers >= low: (channels, height, width). */
export function triple(value: unknown, where: string, low = 1): readonly [number, number, number] {
  const [a, b, c] = list(value, where, (entry, place) => integer(entry, place, low), 3);
  return [a, b, c];
}

/** Four integers >= 0: (top, left, bottom, right). */
export function quad(value: unknown, where: string): readonly [number, number, number, number] {
  const [a, b, c, d] = list(value, where, (entry, place) => integer(entry, place), 4);
  return [a, b, c, d];
}
