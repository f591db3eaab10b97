// arguments.ts: the words of a command line to checked values; each parser throws BAD_OPTION naming its option.
import { Option } from "commander";
import { alternatives, ShiftwiseError } from "../base/index.js";
import type { Augmentation } from "../data/index.js";
import type { InputShape } from "../onnx/index.js";
import { DEFAULTS, type Goal, NARROW_LEVELS } from "../pipeline/index.js";
import {
  type ActivationScheme,
  checkBits,
  checkPortions,
  MOST_ZEROS,
  QUANTIZERS,
  type Quantizer,
} from "../quantize/index.js";

function bad(option: string, expected: string, found: string): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", "bad value", { where: option, expected, found });
}

/** An integer in low..high, in plain digits. */
export function integer(option: string, low: number, high = 2 ** 31 - 1): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= low && value <= high)) throw bad(option, `an integer in ${low}..${high}`, text);
    return value;
  };
}

/** Reads an even integer. */
export function evenInteger(option: string, low: number, high: number): (text: string) => number {
  const parse = integer(option, low, high);
  return (text) => {
    const value = parse(text);
    if (value % 2 !== 0) throw bad(option, "an even integer", text);
    return value;
  };
}

/** A finite number above 0. */
export function positive(option: string): (text: string) => number {
  return (text) => {
    const value = numeric(text);
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw bad(option, "a number above 0", text);
    return value;
  };
}

/** A finite number of 0 or more. */
export function notNegative(option: string): (text: string) => number {
  return (text) => {
    const value = numeric(text);
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw bad(option, "a number of 0 or more", text);
    return value;
  };
}

/** The word "all", which stands for `everything`, or what `parse` takes. */
export function allOr<T, All>(everything: All, parse: (text: string) => T): (text: string) => T | All {
  return (text) => (text === "all" ? everything : parse(text));
}

/** A number in 0..1. */
export function share(option: string): (text: string) => number {
  return (text) => {
    const value = numeric(text);
    if (!(value >= 0 && value <= 1)) throw bad(option, "a share in 0..1", text);
    return value;
  };
}

/** A share of zeros that leaves some weights. */
export function zeroShare(option: string): (text: string) => number {
  return (text) => {
    const value = numeric(text);
    if (!(value >= 0 && value <= MOST_ZEROS)) throw bad(option, `a share in 0..${MOST_ZEROS}`, text);
    return value;
  };
}

/** Numbers of epochs with commas: one for all portions, or one a portion. */
export function epochList(text: string): readonly number[] {
  return text.split(",").map(integer("--epochs", 0));
}

/** Finite numbers with commas: one a channel, or one for all. */
export function numberList(option: string): (text: string) => readonly number[] {
  return (text) => {
    const values = text.split(",").map((part) => (part.startsWith("-") ? -numeric(part.slice(1)) : numeric(part)));
    if (!values.every(Number.isFinite)) throw bad(option, "numbers with commas", text);
    return values;
  };
}

/** "3x224x224", "1x8000"; again and again with a name before: "audio=1x8000". */
export function inputShapeOption(text: string, known?: InputShape): InputShape {
  const [, name, list = ""] = /^(?:(.+)=)?(\d{1,7}(?:x\d{1,7})*)$/.exec(text) ?? [];
  const sizes = list.split("x").map(Number);
  const mixed = known !== undefined && (Array.isArray(known) || name === undefined);
  if (sizes.some((size) => size < 1) || mixed) {
    throw bad("--input-shape", "such as 3x224x224 or 1x8000, once, or name=1x8000 for each input", text);
  }
  return name === undefined ? sizes : { ...known, [name]: sizes };
}

/** Names with commas. */
export function nameList(option: string): (text: string) => readonly string[] {
  return (text) => {
    const names = text.split(",").map((name) => name.trim());
    if (names.some((name) => name === "")) throw bad(option, "names with commas", text);
    return names;
  };
}

/** "name=number" or "name=number,number" again and again. */
export function constantOption(
  text: string,
  known: Readonly<Record<string, readonly number[]>> = {},
): Readonly<Record<string, readonly number[]>> {
  const at = text.lastIndexOf("=");
  if (at < 1) throw bad("--constant", "name=number", text);
  return { ...known, [text.slice(0, at)]: numberList("--constant")(text.slice(at + 1)) };
}

/** "name=bits" again and again: 1 to 8, of which a quantizer has some. */
export function layerBits(text: string, known: ReadonlyMap<string, number> = new Map()): ReadonlyMap<string, number> {
  const [, name, bits] = /^(.+)=([1-8])$/.exec(text) ?? [];
  if (!name) throw bad("--layer", "name=1 to name=8", text);
  if (known.has(name)) throw bad("--layer", `${name} once`, `${name}=${known.get(name)} and ${text}`);
  return new Map([...known, [name, Number(bits)]]);
}

/** 2, 3, 4 or 5. */
export function weightBits(text: string): number {
  return checkBits(/^\d+$/.test(text) ? Number(text) : Number.NaN, `--bits ${text}`);
}

/** Accumulated shares such as ".5,.75,.875,1". */
export function portionList(text: string): readonly number[] {
  return checkPortions(text.split(",").map(numeric));
}

/**
 * "8": linear with so many bits, 1..8. "log4": LogQuant with so many bits, 2..6; "weq4": with levels by weighted entropy. Up
 * to 3 logarithmic bits the level table stays below 32, which the faster lanes need; more bits get all of 0..255.
 */
export function activationScheme(text: string): ActivationScheme {
  const match = /^(log|weq)?(\d)$/.exec(text);
  const bits = Number(match?.[2]);
  if (match && !match[1] && bits >= 1 && bits <= 8) return { kind: "linear", bits };
  if (match?.[1] && bits >= 2 && bits <= 6) {
    return { kind: match[1] === "log" ? "log" : "weq", bits, largest: bits <= 3 ? 31 : 255 };
  }
  throw bad("--activations", "1 to 8, log2 to log6, or weq2 to weq6", text);
}

/** A scheme in the words of the option. */
export function schemeName(scheme: ActivationScheme): string {
  return scheme.kind === "linear" ? String(scheme.bits) : `${scheme.kind}${scheme.bits}`;
}

/** --bits of all weights. */
export function bitsOption(): Option {
  return new Option("--bits <n>", "bits of the weights, 2 to 5")
    .argParser(weightBits)
    .default(DEFAULTS.retraining.bits);
}

/** --levels, with the name of every quantizer. Each way of quantizing has a default of its own. */
export function levelsOption(): Option {
  const names = QUANTIZERS.map(({ name }) => name);
  const { images, retraining } = DEFAULTS;
  return new Option(
    "--levels <name>",
    `quantizer whose levels the weights get: ${names.join(", ")}. The recipe tuned of --data takes ${NARROW_LEVELS} at 2 and 3 bits, and ${retraining.levels} at others. The recipe paper takes ${retraining.levels} at all bits (default: ${images.levels}; with --data: the recipe's)`,
  ).argParser(choice("--levels", names));
}

/** @throws BAD_OPTION for bits that a quantizer has not */
export function checkLevels(quantizer: Quantizer, bits: number): void {
  if (!quantizer.bits.includes(bits)) {
    const others = QUANTIZERS.filter((one) => one.bits.includes(bits)).map(({ name }) => name);
    const elsewhere = others.length > 0 ? `, or --levels ${others.join(" or ")} for ${bits}` : "";
    const own = `${alternatives(quantizer.bits)} with --levels ${quantizer.name}`;
    throw bad("--bits", `${own}${elsewhere}`, String(bits));
  }
}

/** --activations. */
export function activationsOption(): Option {
  return new Option("--activations <bits>", "1 to 8 linear bits, log2 to log6 for LogQuant, weq2 to weq6 for WEQ")
    .argParser(activationScheme)
    .default(DEFAULTS.activations, schemeName(DEFAULTS.activations));
}

/** "none", or a list such as "crop=4,flip". */
export function augmentation(text: string): Augmentation {
  if (text === "none") return {};
  const parts = text.split(",").map((part): Augmentation => {
    const [, name, length] = /^(crop|shift|cutout)=(\d+)$/.exec(part) ?? [];
    if (name) return { [name]: Number(length) };
    if (part === "flip") return { flip: true };
    throw bad("--augment", "none, or some of crop=N, shift=N, cutout=N and flip, with commas", text);
  });
  return Object.assign({}, ...parts);
}

/** An augmentation in the words of the option. */
export function augmentText(augment: Augmentation): string {
  return Object.entries(augment)
    .map(([name, length]) => (length === true ? name : `${name}=${length}`))
    .join(",");
}

/** A share of a time: "0.75" or "75%". */
export function shareOption(option: string): (text: string) => number {
  return (text) => {
    const [, number = "", unit] = /^(.+?)\s*(%)?$/.exec(text.trim()) ?? [];
    const value = unit ? Number((numeric(number) / 100).toPrecision(12)) : numeric(number);
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw bad(option, "a share, such as 0.75 or 75%", text);
    return value;
  };
}

/** The least number of --loss without a unit: less may be meant as a share. */
const LEAST_BARE = 3;

/** "24" dB or "98%" of equal answers, as a goal that keeps so much. */
export function lossOption(text: string): Goal {
  const [, number = "", unit] = /^([\d.]+)\s*(dB|%)?$/i.exec(text.trim()) ?? [];
  const value = numeric(number);
  if (unit === "%" && value > 0 && value <= 100) return { kind: "lossless", agreement: value / 100 };
  if (unit === undefined && value > 0 && value < LEAST_BARE) {
    const share = value <= 1 ? `${Number((100 * value).toPrecision(6))}%` : "98%";
    throw bad("--loss", `a share of equal answers, such as ${share}, or dB with their unit: ${value}dB`, text);
  }
  if (unit !== "%" && value > 0 && value < 300) return { kind: "lossless", snr: value };
  throw bad("--loss", "dB that every output keeps, such as 24, or a share of equal answers, such as 98%", text);
}

const UNITS = new Map([
  ["", 1],
  ["B", 1],
  ["KB", 1000],
  ["MB", 1e6],
  ["KIB", 1024],
  ["MIB", 1024 ** 2],
  ["GB", 1e9],
  ["GIB", 1024 ** 3],
]);

/** "300KB", "1.2MB", "250KiB" or a number of bytes. */
export function sizeOption(option: string): (text: string) => number {
  return (text) => {
    const [, number = "", unit = ""] = /^([\d.]+)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
    const bytes = numeric(number) * (UNITS.get(unit.toUpperCase()) ?? Number.NaN);
    if (!(bytes >= 1 && bytes < 2 ** 40)) throw bad(option, "bytes, such as 300KB or 1.2MB", text);
    return Math.floor(bytes);
  };
}

/** One of a few words. */
export function choice<T extends string>(option: string, words: readonly T[]): (text: string) => T {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw bad(option, words.join(" or "), text);
    return word;
  };
}

function numeric(text: string): number {
  return /^[+]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
