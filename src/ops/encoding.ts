// encoding.ts: encodings, normalizations and taps in a file: read from JSON, and checked by themselves.

import { type Check, checker, isFloat32, fields as json } from "../format/index.js";
import { pixelToReal } from "./numeric.js";
import type { AxisWeights, Encoding, Normalization } from "./tensor.js";

/** Fields of each kind of encoding in the order of the file. */
const ENCODING_FIELDS: { readonly [K in Encoding["kind"]]: readonly string[] } = {
  float32: ["kind"],
  linear: ["kind", "scale", "zero", "max"],
  levels: ["kind", "scale", "levels", "thresholds"],
};
const KINDS = Object.keys(ENCODING_FIELDS) as Encoding["kind"][];

/** Reads the JSON of an Encoding; `validateEncoding` checks its values. @throws BAD_FILE */
export function readEncoding(value: unknown, where: string): Encoding {
  const named = json.text(json.dictionary(value, where).kind, `${where}.kind`);
  const kind = json.oneOf(named as Encoding["kind"], `${where}.kind`, KINDS);
  const given = json.record(value, where, ENCODING_FIELDS[kind]);
  const number = (field: string): number => json.number(given[field], `${where}.${field}`);
  const numbers = (field: string): number[] => json.list(given[field], `${where}.${field}`, json.number);
  if (kind === "float32") return { kind };
  if (kind === "linear") return { kind, scale: number("scale"), zero: number("zero"), max: number("max") };
  return { kind, scale: number("scale"), levels: numbers("levels"), thresholds: numbers("thresholds") };
}

/** The JSON of an Encoding: its fields in the order of the file. */
export function writeEncoding(encoding: Encoding): object {
  const values = encoding as unknown as Readonly<Record<string, unknown>>;
  return Object.fromEntries(ENCODING_FIELDS[encoding.kind].map((field) => [field, values[field]]));
}

/** Reads the JSON of a Normalization; lengths are for the caller to check. @throws BAD_FILE */
export function readNormalization(value: unknown, where: string): Normalization {
  const given = json.record(value, where, ["mean", "std"]);
  const numbers = (field: string): number[] => json.list(given[field], `${where}.${field}`, json.number);
  return { mean: numbers("mean"), std: numbers("std") };
}

/** The JSON of a Normalization. */
export function writeNormalization({ mean, std }: Normalization): object {
  return { mean, std };
}

/** @throws BAD_GRAPH unless there is a finite mean and a positive deviation for each channel */
export function checkNormalization({ mean, std }: Normalization, channels: number, place: string, check: Check): void {
  check(mean.length === channels && mean.every(Number.isFinite), place, `${channels} finite means`, mean);
  const positive = std.length === channels && std.every((s) => s > 0 && s < Infinity);
  check(positive, place, `${channels} positive stds`, std);
  for (let c = 0; c < channels; c++) {
    const ends = [0, 255].map((pixel) => pixelToReal(pixel, c, { mean, std }));
    check(ends.every(Number.isFinite), place, "pixels that float32 holds", { mean: mean[c], std: std[c] });
  }
}

/** Reads the JSON of AxisWeights; which indices there are is for the caller to check. @throws BAD_FILE */
export function readAxisWeights(value: unknown, where: string): AxisWeights {
  const { indices, weights } = json.record(value, where, ["indices", "weights"]);
  return {
    indices: json.list(indices, `${where}.indices`, (entry, place) => json.integer(entry, place)),
    weights: json.list(weights, `${where}.weights`, json.number),
  };
}

/** The JSON of AxisWeights. */
export function writeAxisWeights({ indices, weights }: AxisWeights): object {
  return { indices, weights };
}

/**
 * Checks an activation encoding by itself.
 * @throws BAD_GRAPH
 */
export function validateEncoding(encoding: Encoding, where = ""): void {
  checkEncoding(encoding, checker(where));
}

/** The check of an encoding as part of a model or network. */
export function checkEncoding(encoding: Encoding, check: Check): void {
  check(KINDS.includes(encoding.kind), "kind", `one of ${KINDS.join(", ")}`, encoding.kind);
  if (encoding.kind === "float32") return;
  check(encoding.scale > 0 && encoding.scale < Infinity, "scale", "finite and positive", encoding.scale);
  if (encoding.kind === "linear") {
    const { zero, max } = encoding;
    check(Number.isInteger(max) && max >= 1 && max <= 255, "max", "an integer in 1..255", max);
    check(Number.isInteger(zero) && zero >= 0 && zero <= max, "zero", `an integer in 0..${max}`, zero);
    checkScale(encoding.scale, Math.max(zero, max - zero), check);
    return;
  }
  const { levels, thresholds } = encoding;
  check(levels.length >= 2 && Object.is(levels[0], 0), "levels", "two or more, the first 0", levels);
  levels.forEach((level, i) => {
    const ok = Number.isInteger(level) && level <= 255 && (i === 0 || level > levels[i - 1]);
    check(ok, `levels[${i}]`, "ascending integers up to 255", level);
  });
  check(thresholds.length === levels.length - 1, "thresholds", `${levels.length - 1} values`, thresholds.length);
  thresholds.forEach((threshold, i) => {
    const ok = isFloat32(threshold) && (i === 0 || threshold > thresholds[i - 1]);
    check(ok, `thresholds[${i}]`, "ascending finite float32 values", threshold);
  });
  checkScale(encoding.scale, levels[levels.length - 1], check);
}

/** Values are scaled in float32, so a scale, its inverse and every real value that it makes are numbers there. */
function checkScale(scale: number, farthest: number, check: Check): void {
  const inverse = Math.fround(1 / scale);
  const inFloat32 = Math.fround(scale) > 0 && inverse > 0 && inverse < Infinity;
  check(inFloat32, "scale", "a scale and an inverse that float32 holds", scale);
  const real = Math.fround(Math.fround(scale) * farthest);
  check(real < Infinity, "scale", `a real value of ${farthest} steps that float32 holds`, scale);
}
