// settings.ts: the settings and callbacks of a conversion, checked before any work begins.
import { ShiftwiseError } from "../base/index.js";
import type { Network } from "../graph/index.js";
import { type Quantizer, weightNodes } from "../quantize/index.js";

/** The values that a setting may have, in words and as a test. */
export type Rule = readonly [expected: string, holds: (value: unknown) => boolean];

const whole = (value: unknown, low: number, high = Number.POSITIVE_INFINITY): boolean =>
  Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
const finite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

export const atLeast = (low: number): Rule => [`an integer of ${low} or more`, (value) => whole(value, low)];
export const within = (low: number, high: number): Rule => [
  `an integer in ${low}..${high}`,
  (value) => whole(value, low, high),
];
export const above0: Rule = ["a number above 0", (value) => finite(value) && value > 0];
export const not0less: Rule = ["a number of 0 or more", (value) => finite(value) && value >= 0];
export const share: Rule = ["a share in 0..1", (value) => finite(value) && value >= 0 && value <= 1];
export const shareBelow1: Rule = ["a share from 0 to below 1", (value) => finite(value) && value >= 0 && value < 1];
export const words = (known: readonly unknown[]): Rule => [known.join(" or "), (value) => known.includes(value)];
/** The rule for what the parts of a conversion check themselves. */
export const any: Rule = ["", () => true];
export const list: Rule = ["an array", Array.isArray];
export const object: Rule = ["an object", isObject];
export const orNull = ([expected, holds]: Rule): Rule => [
  `${expected}, or null`,
  (value) => value === null || holds(value),
];
export const scheme: Rule = [
  '{ kind: "linear", bits: 1 to 8 }, or kind "log" or "weq" with 2 to 6 bits and a largest level of 31 or 255',
  (value) =>
    isObject(value) &&
    (value.kind === "linear"
      ? whole(value.bits, 1, 8)
      : ["log", "weq"].includes(value.kind as string) &&
        whole(value.bits, 2, 6) &&
        [31, 255].includes(value.largest as number)),
];
/** The rule for a map, whose contents checkLayers looks into. */
export const map: Rule = ["a Map from names of layers to bits", (value) => value instanceof Map];
const callable: Rule = ["a function", (value) => typeof value === "function"];

/** Every control has these. */
export const CONTROL = {
  signal: ["an AbortSignal", (value: unknown) => isObject(value) && typeof value.addEventListener === "function"],
  onStep: callable,
  onProgress: callable,
  onWarning: callable,
} as const satisfies Record<string, Rule>;

/**
 * Checks an object of settings against a table with a rule for each. What is undefined counts as not given.
 * @throws BAD_OPTION for another kind of value, a setting that the table lacks, and one that breaks its rule.
 */
export function checkSettings<T extends object>(given: T, rules: { readonly [K in keyof T]-?: Rule }, what: string) {
  if (!isObject(given)) throw bad(what, "an object", given);
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(rules, name)) {
      throw new ShiftwiseError("BAD_OPTION", `${what} has no such field`, {
        where: name,
        expected: Object.keys(rules).join(", "),
      });
    }
    const [expected, holds] = rules[name as keyof T];
    if (value !== undefined && !holds(value)) throw bad(name, expected, value);
  }
}

/** @throws BAD_OPTION for bits that a quantizer has not */
export function checkBits(bits: number, quantizer: Quantizer): void {
  if (!quantizer.bits.includes(bits)) throw bad("bits", `${quantizer.bits.join(", ")} for ${quantizer.name}`, bits);
}

/** @throws BAD_OPTION for bits of a layer that the network has not, or another width than the known ones */
export function checkLayers(network: Network, layers: ReadonlyMap<string, number>, widths: readonly number[]): void {
  const known = weightNodes(network).map((node) => node.name);
  for (const [name, width] of layers) {
    if (!known.includes(name)) {
      throw new ShiftwiseError("BAD_OPTION", "bits for a layer that has no weights", {
        where: "layers",
        expected: known.join(", "),
        found: name,
      });
    }
    if (!widths.includes(width)) throw bad(`layers ${name}`, `one of ${widths.join(", ")}`, width);
  }
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/**
 * The fields that are given, so that a spread replaces no default by undefined.
 * @internal
 */
export function defined<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function bad(where: string, expected: string, found: unknown): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", "option out of range", { where, expected, found });
}
