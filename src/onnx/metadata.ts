// metadata.ts: how pixels become a model's input, and how its classes are called, where the file's metadata says it.
import { classCount, type Network, parseLabels } from "../graph/index.js";
import type { Normalization } from "../ops/index.js";
import type { OnnxModel } from "./model.js";

/** A normalization, and who says it. */
export interface Stated {
  readonly normalization: Normalization;
  readonly by: string;
}

/** Means and deviations above this are of pixels 0..255, not of 0..1. */
const LARGEST_SHARE = 2;

/**
 * The normalization of an input of pictures: what our own export writes by input; mean and std, as timm and others call them; 0..1,
 * with which Ultralytics trains. The last two are of a file's only input.
 * @returns null where the metadata says nothing that fits
 */
export function statedNormalization({ metadata, inputs }: OnnxModel, name: string, channels: number): Stated | null {
  if (!metadata) return null;
  const own = metadata.get(`${name}.normalization`);
  if (own !== undefined) return stated(fromJson(own), channels, `${name}.normalization`);
  if (inputs.length !== 1) return null;
  const [mean, std] = ["mean", "std"].map((key) => numbersIn(metadata.get(key)));
  if (mean && std) {
    const scale = [...mean, ...std].some((value) => value > LARGEST_SHARE) ? 255 : 1;
    const [m, s] = [mean, std].map((list) => list.map((value) => value / scale));
    return stated({ mean: m, std: s }, channels, "mean, std");
  }
  if (metadata.get("author") !== "Ultralytics" || (channels !== 3 && channels !== 1)) return null;
  return stated({ mean: [0], std: [1] }, channels, "author Ultralytics");
}

/** "[0.485, 0.456, 0.406]", with any brackets or none. */
function numbersIn(text: string | undefined): number[] | null {
  const list = text?.replace(/[[\](){}\s]/g, "").split(",");
  const values = list?.map((part) => (part === "" ? Number.NaN : Number(part)));
  return values?.every(Number.isFinite) ? values : null;
}

function fromJson(text: string): Partial<Normalization> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<Normalization>;
  } catch {
    return {};
  }
}

/** Null for numbers that are not one a channel, or one for all. */
function stated({ mean, std }: Partial<Normalization>, channels: number, by: string): Stated | null {
  const lists = [mean, std].map((list) => {
    if (!Array.isArray(list) || !list.every(Number.isFinite)) return [];
    return list.length === 1 ? new Array<number>(channels).fill(list[0]) : list;
  });
  const [m, s] = lists;
  const fits = m.length === channels && s.length === channels && s.every((value) => value > 0);
  return fits ? { normalization: { mean: m, std: s }, by } : null;
}

/** The key under which an export keeps the names of classes. */
export const LABELS = "names";
/** Keys under which exporters keep the names of classes; Ultralytics' is the first. */
const NAMES = [LABELS, "classes", "labels", "class_names", "id2label"] as const;

/** The names of classes, and the key that says them. */
export interface StatedLabels {
  readonly labels: readonly string[];
  readonly by: string;
}

/**
 * The names of a network's classes: a list or dict in JSON or as Python prints it, lines, or names with commas.
 * @returns null where the metadata has none, or none that fit a network that ends in one vector
 */
export function statedLabels({ metadata }: OnnxModel, network: Network): StatedLabels | null {
  const classes = classCount(network);
  for (const by of NAMES) {
    const text = metadata?.get(by)?.trim();
    if (!text) continue;
    const labels = labelsIn(/^[[{(]|\n/.test(text) ? text : text.replaceAll(",", "\n"));
    if (labels && labels.length > 1 && (classes === null || classes === labels.length)) return { labels, by };
  }
  return null;
}

function labelsIn(text: string): readonly string[] | null {
  try {
    return parseLabels(text);
  } catch {
    // what is no list of names is something else of the exporter's
    return null;
  }
}
