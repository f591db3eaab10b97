// compensate.ts: a whole network rounded with compensation, layer by layer, from unlabelled images.

import { decibels, given, is, ShiftwiseError } from "../base/index.js";
import { SAMPLES, type Samples, type SamplesByInput, type SamplesReader, samplesReader } from "../data/browser.js";
import { compileModule, createRoom, pause } from "../engine/index.js";
import { findChains, inputsOf, NETWORK, type Network } from "../graph/index.js";
import {
  type BatchNormNode,
  type ConvNode,
  type DenseNode,
  GRID,
  type Node,
  type Tensor,
  type WeightGrid,
  type WeightGrids,
} from "../ops/index.js";
import { fitScales, type LayerLevels, PORTION_STEP, type RowFits, SMALLEST_SCALE } from "../quantize/index.js";
import { aloneCrew, type Crew } from "./crew.js";
import { createRowRounding, energy, isExplored, priceFor, type RoundedRows, sampleOf } from "./group.js";
import { openLanes } from "./lanes.js";
import { type LayerPlan, type LevelsOf, planRounding, type RoundingStep } from "./layer-plan.js";
import { outputSnr, outputSums } from "./output-meter.js";
import { pickColumns } from "./part-sums.js";
import { inputVariances, isBlocked, type Part, partsOf } from "./parts.js";
import { createRounder, ROUND, type Rounder } from "./rounding.js";
import { type RowRounder, rowRounders } from "./row-rounder.js";
import type { Segment } from "./segments.js";
import { chunkOf } from "./walk.js";

/** Options of `compensate`. */
export interface CompensateOptions {
  /**
   * The levels of each conv and dense layer's weights, or the steps of a portion from planPortion: then the weights
   * chosen alone are rounded, those frozen before stay, and those that are still free take the errors up.
   */
  readonly levels: LevelsOf | readonly RoundingStep[];
  /**
   * Share of the mean diagonal of the covariance that is added to it. Default: by how much the images' covariances differ,
   * 0.01 to 10 (Ledoit and Wolf 2004).
   */
  readonly damping?: number;
  /** Sweeps of coordinate descent after each layer's compensated pass. Default 4. */
  readonly sweeps?: number;
  /**
   * Make up for what earlier layers have lost too: each layer's weights are first changed to those that do best on the
   * inputs that the quantized layers before it give. Default true.
   */
  readonly follow?: boolean;
  /**
   * Measure the outputs of every layer against the float network's, which is run for that, too, unless it is followed anyway.
   * Default true; without it `outputSnr` is null.
   */
  readonly measure?: boolean;
  /**
   * The network was trained with its quantize nodes, so what it does with them is what its rounded layers are to do; else
   * what it does without them. Default false.
   */
  readonly adapted?: boolean;
  /** Other levels to be tried on each layer, in its place in the network, and reported; the result is without them. */
  readonly explore?: (node: ConvNode | DenseNode) => readonly LayerLevels[];
}

const OPTIONS = is.record<CompensateOptions>({
  levels: is.either((value) => typeof value === "function", is.callback, is.list(PORTION_STEP(GRID))),
  damping: is.optional(is.within(0)),
  sweeps: is.optional(is.integer(0, 1000)),
  follow: is.optional(is.boolean),
  measure: is.optional(is.boolean),
  adapted: is.optional(is.boolean),
  explore: is.optional(is.callback),
});
/**
 * Checks the records of a rounding.
 * @internal
 */
export const LAYER_RECORDS = is.record<LayerRecords>({ get: is.callback, put: is.callback });
const CONTROL = is.record<CompensateControl>({
  records: is.optional(LAYER_RECORDS),
  signal: is.optional(is.signal),
  onProgress: is.optional(is.callback),
  crew: is.optional(is.record<Crew>({ threads: is.integer(1), ask: is.callback, end: is.callback })),
});

/**
 * The result of rounding one layer. Ratios of signal to noise are in decibels: 300 for no error, null where there is no signal,
 * as of outputs that are the same for all samples.
 */
export interface LayerReport {
  readonly name: string;
  readonly weights: number;
  /** Signal to noise of the weights themselves. */
  readonly weightSnr: number | null;
  /**
   * Signal to noise of the layer's outputs: by its own rounding alone, and with all that the layers before have lost.
   */
  readonly ownSnr: number | null;
  readonly outputSnr: number | null;
  /** The results of the levels to be explored, in their order. */
  readonly explored: readonly Explored[];
}

/** Levels that were tried on a layer: on up to 32 output channels of each of up to 32 groups, evenly spread. */
export interface Explored {
  /** ownSnr of those channels. */
  readonly snr: number | null;
  /** The codes of their weights, (channels, weights of a channel): code c of channel r is level tables[of[r]][c]. */
  readonly codes: Uint8Array;
  readonly of: Uint8Array;
  /** Levels of scale 1, ascending. */
  readonly tables: readonly (readonly number[])[];
}

/** The result of `compensate`. */
export interface CompensateResult {
  /** The network given with rounded weights and corrected biases; the one given is not changed. */
  readonly network: Network;
  readonly grids: WeightGrids;
  readonly layers: readonly LayerReport[];
}

/** The result of rounding a layer: with the levels that it was rounded to, its weights follow from it. */
export interface LayerRecord {
  /** The code of each weight: code c of output channel r is level c of table of[r], times scale[r]. */
  readonly codes: Uint8Array;
  readonly scale: Float32Array;
  readonly of: Uint8Array;
  /** The loss of each channel's mean output. */
  readonly shift: Float64Array;
  readonly report: LayerReport;
}

/** The layers of one rounding that are done, by name. */
export interface LayerRecords {
  get(layer: string): LayerRecord | undefined;
  put(layer: string, record: LayerRecord): void | Promise<void>;
}

/** Progress and abort of `compensate`. */
export interface CompensateControl {
  /**
   * Layers that an earlier run with the same network, samples and options has rounded, which are taken as they are, and where
   * those of this run are put; no portion's.
   * @internal
   */
  readonly records?: LayerRecords;
  /**
   * Threads to share the work with; default: this one alone.
   * @internal
   */
  readonly crew?: Crew;
  /** Stops before the next layer. */
  readonly signal?: AbortSignal;
  /** Layers done, of how many. */
  readonly onProgress?: (done: number, total: number, layer: string) => void | Promise<void>;
}

/**
 * Rounds every conv and dense layer with second-order compensation, in network order, each on what the layers already
 * rounded give it, quantize nodes included. The mean of every output channel is kept by the layer's bias or the batch norm
 * that alone reads it; a layer that has neither is rounded so that the mean error counts as any other.
 * @param network with its quantize nodes, if activations are to be integers.
 * @throws BAD_DATA for images of another shape or none, and for a layer whose inputs overflow; BAD_OPTION for levels out of range; OVERFLOW; ABORTED.
 */
export async function compensate(
  network: Network,
  samples: Samples | SamplesByInput,
  options: CompensateOptions,
  control: CompensateControl = {},
): Promise<CompensateResult> {
  given(
    { network, samples, options, control },
    { network: NETWORK, samples: SAMPLES, options: OPTIONS, control: CONTROL },
  );
  const reader = readerOf(network, samples);
  const module = compileModule();
  const room = createRoom(module);
  const { follow = true, measure = true } = options;
  const twin = follow || measure ? (options.adapted ? "same" : "bare") : null;
  const { records, crew = aloneCrew() } = control;
  const lanes = await openLanes(network, twin, reader, chunkOf(network, reader.count), module, crew);
  const settings: Settings = {
    ...options,
    rounderOf: rowRounders(
      crew,
      lanes.threads,
      keepLast((n) => createRounder(n, room)),
    ),
  };
  const nodes = new Map(network.nodes.map((node) => [node.name, node]));
  const norms = new Map(findChains(network).map(({ head, norm }) => [head.name, norm]));
  const grids = new Map<string, WeightGrid>();
  const layers: LayerReport[] = [];
  const isKnown = ({ nodes: [head] }: Segment): boolean =>
    (head.op !== "conv" && head.op !== "dense") ||
    records?.get(head.name) !== undefined ||
    planRounding(head, settings.levels) === null;
  // where all layers are known, nothing needs their inputs
  const runs = !records || !lanes.segments.every(isKnown);
  for (const [i, segment] of lanes.segments.entries()) {
    const [head] = segment.nodes;
    const plan = head.op === "conv" || head.op === "dense" ? planRounding(head, settings.levels) : null;
    const norm = norms.get(head.name) ?? null;
    const known = plan && !plan.states ? records?.get(head.name) : undefined;
    const variances = plan && !known && isBlocked(plan.node) ? await inputVariances(plan.node, lanes) : null;
    const rounded =
      plan &&
      (known
        ? layerOf(plan, norm, known)
        : await roundLayer(plan, norm, partsOf(plan.node, head, i, lanes, settings), variances, settings));
    const changed = rounded?.nodes ?? [];
    for (const node of segment.nodes) nodes.set(node.name, changed.find(({ name }) => name === node.name) ?? node);
    const outputs =
      twin && measure && rounded && !known ? outputSums(lanes.shapes.get(head.name)!, lanes.allocate) : null;
    if (runs) await lanes.run(i, changed, outputs);
    if (rounded) {
      const report = known?.report ?? { ...rounded.report, outputSnr: outputs && outputSnr(outputs) };
      grids.set(head.name, rounded.grid);
      layers.push(report);
      if (records && !known && !plan.states) await records.put(head.name, { ...rounded.found, report });
    }
    await control.onProgress?.(i, lanes.segments.length - 1, head.name);
    if (control.signal?.aborted) throw new ShiftwiseError("ABORTED", "quantization was stopped", { where: head.name });
    await pause();
  }
  return { network: { ...network, nodes: network.nodes.map((node) => nodes.get(node.name)!) }, grids, layers };
}

interface Settings extends CompensateOptions {
  readonly rounderOf: (rows: number, n: number) => RowRounder;
}

/** Makes room for one size at a time, since its matrices are large, and again only where the size is another. */
function keepLast(create: (n: number) => Rounder): (n: number) => Rounder {
  let last: { readonly n: number; readonly rounder: Rounder } | null = null;
  return (n) => {
    if (last?.n === n) return last.rounder;
    last = null;
    const rounder = create(n);
    last = { n, rounder };
    return rounder;
  };
}

function readerOf(network: Network, samples: Samples | SamplesByInput): SamplesReader {
  const inputs = inputsOf(network);
  if (inputs.length === 0) throw new ShiftwiseError("BAD_GRAPH", "no input node", { where: network.name });
  const reader = samplesReader(inputs, samples, network.name);
  if (reader.count > 0) return reader;
  throw new ShiftwiseError("BAD_DATA", "no images to calibrate on", { where: "samples" });
}

interface RoundedNodes {
  /** The layer with its new weights and, where that keeps its mean outputs, the batch norm behind it. */
  readonly nodes: readonly Node[];
  readonly grid: WeightGrid;
  readonly report: Omit<LayerReport, "outputSnr">;
  readonly found: Omit<LayerRecord, "report">;
}

/** A layer as it was rounded before. */
function layerOf({ node, tables, grid }: LayerPlan, behind: BatchNormNode | null, known: LayerRecord): RoundedNodes {
  const { codes, scale, of, shift, report } = known;
  const { shape } = node.weight;
  const width = codes.length / shape[0];
  const data = new Float32Array(codes.length);
  for (let r = 0; r < shape[0]; r++) {
    const { levels } = tables[of[r]];
    for (let i = r * width; i < (r + 1) * width; i++) data[i] = scale[r] * levels[codes[i]];
  }
  const nodes = keepMean({ ...node, weight: { shape, data } }, node.bias ? null : behind, shift);
  return { nodes, grid: grid(scale, of), report, found: known };
}

/** @param variances of all inputs, where parts have some of them each; null: each part has all inputs of its channels */
async function roundLayer(
  wanted: LayerPlan,
  behind: BatchNormNode | null,
  parts: AsyncIterable<Part>,
  variances: Float64Array | null,
  settings: Settings,
): Promise<RoundedNodes> {
  const { node, states, grid } = wanted;
  const { sweeps = 4, rounderOf, explore = () => [] } = settings;
  const { data, shape } = node.weight;
  const width = data.length / shape[0];
  const norm = node.bias ? null : behind;
  const keepsMean = node.bias !== null || norm !== null;
  const weight: Tensor = { shape, data: new Float32Array(data.length) };
  const scale = new Float32Array(shape[0]);
  const of = new Uint8Array(shape[0]);
  const shift = new Float64Array(shape[0]);
  const codes = new Uint8Array(data.length);
  const scaled = (plan: LayerPlan) => (variances ? { ...plan, fits: sharedFits(plan, variances) } : plan);
  const plan = scaled(wanted);
  const others = sharingTables(explore(node).map((levels) => scaled(planRounding(node, () => levels)!)));
  const errors = new Float64Array(others.length);
  const tried = others.map(({ tables }) => createExplored(tables, width));
  let [signal, error, sampled] = [0, 0, 0];
  for await (const { from, rows, first, n, moments } of parts) {
    const { mean, covariance, drift } = moments;
    const damping = settings.damping ?? moments.damping;
    const columns = <T extends Float32Array | Uint8Array>(all: T): T =>
      pickColumns(all.subarray(from * width, (from + rows) * width) as T, width, first, n);
    checkCovariance(covariance, n, node.name);
    const rounder = rounderOf(rows, n);
    const original = Float64Array.from(columns(data));
    await rounder.prepare(keepsMean ? covariance : aboutZero(covariance, mean, mean), damping);
    const moved = drift && (keepsMean ? drift.covariance : aboutZero(drift.covariance, drift.mean, mean));
    const target = moved ? await rounder.follow(original, moved) : original;
    const spread = mean.reduce((sum, _, i) => sum + covariance[i * n + i] / n, 0);
    // above 0, and beside the others as good as 0
    const least = spread > 0 ? Math.min(TINY, TINY_SHARE * spread) : TINY;
    const importance = Float64Array.from(mean, (_, i) => covariance[i * n + i] + least);
    const channels = Array.from({ length: rows }, (_, r) => from + r);
    const chosen = states && columns(states);
    const group = { channels, original, target, products: await rounder.times(target), importance, states: chosen };
    const price =
      plan.zeros > 0 ? await priceFor(plan, createRowRounding(rounder, sampleOf(group), sweeps)) : plan.price;
    const result = await createRowRounding(rounder, group, sweeps)({ ...plan, price });
    error += result.error;
    signal += energy(group);
    if (others.length > 0 && isExplored(from / rows, shape[0] / rows)) {
      const sample = sampleOf(group);
      sampled += energy(sample);
      const round = createRowRounding(rounder, sample, sweeps);
      const done: RoundedRows[] = [];
      for (const [i, other] of others.entries()) {
        const same = others.findIndex(
          ({ tables, price, zeros }) => tables === other.tables && price === other.price && zeros === other.zeros,
        );
        const found = done[same] ?? (await round({ ...other, price: await priceFor(other, round) }));
        done.push(found);
        errors[i] += found.error;
        tried[i].add(sample.channels, first, found);
      }
    }
    for (let r = 0; r < rows; r++) {
      const s = Math.fround(result.scales[r]) || SMALLEST_SCALE;
      scale[from + r] = s;
      shift[from + r] += drift ? drift.mean[r] : 0;
      of[from + r] = result.of[r];
      const { levels } = plan.tables[result.of[r]];
      for (let i = 0; i < n; i++) {
        const at = r * n + i;
        const rounded = !chosen || chosen[at] === ROUND;
        const value = Math.fround(rounded ? s * levels[result.codes[at]] : result.values[at]);
        weight.data[(from + r) * width + first + i] = value;
        codes[(from + r) * width + first + i] = result.codes[at];
        shift[from + r] += (original[at] - value) * mean[i];
      }
    }
  }
  const report = {
    name: node.name,
    weights: data.length,
    weightSnr: weightSignalToNoise(data, weight.data),
    ownSnr: decibels(signal, error),
    explored: tried.map(({ read }, i) => ({ snr: decibels(sampled, errors[i]), ...read() })),
  };
  const nodes = keepMean({ ...node, weight }, norm, shift);
  return { nodes, grid: grid(scale, of), report, found: { codes, scale, of, shift } };
}

/** Plans that have the same levels share their tables. */
function sharingTables(plans: readonly LayerPlan[]): LayerPlan[] {
  const known = new Map<string, LayerPlan["tables"]>();
  return plans.map((plan) => {
    const key = plan.tables.map(({ levels }) => levels.join(" ")).join(", ");
    const tables = known.get(key) ?? plan.tables;
    known.set(key, tables);
    return { ...plan, tables };
  });
}

/** Scales and tables of output channels whose inputs are rounded in blocks: those that do best before anything makes up for errors. */
function sharedFits({ node, tables, fits }: LayerPlan, variances: Float64Array): RowFits {
  if (fits !== "fit") return fits;
  const width = node.weight.data.length / node.weight.shape[0];
  const least = variances.reduce((sum, v) => sum + v, 0) * (TINY_SHARE / width) || 1;
  const importance = variances.map((variance) => variance + least);
  // row by row: float64 copies of all weights would take twice their room
  const rows = node.weight.shape[0];
  const found = { scales: new Float64Array(rows), of: new Uint8Array(rows) };
  for (let r = 0; r < rows; r++) {
    const row = Float64Array.from(node.weight.data.subarray(r * width, (r + 1) * width));
    const fit = fitScales(row, importance, tables);
    found.scales.set(fit.scales, r);
    found.of.set(fit.of, r);
  }
  return found;
}

/** Collects the codes of channels that levels are tried on, some of their inputs at a time. */
function createExplored(tables: LayerPlan["tables"], width: number) {
  const rows = new Map<number, { readonly codes: Uint8Array; of: number }>();
  return {
    add(channels: readonly number[], first: number, { codes, of }: { codes: Uint8Array; of: Uint8Array }): void {
      const n = codes.length / channels.length;
      for (const [r, channel] of channels.entries()) {
        const row = rows.get(channel) ?? { codes: new Uint8Array(width), of: of[r] };
        row.codes.set(codes.subarray(r * n, (r + 1) * n), first);
        rows.set(channel, row);
      }
    },
    read(): Omit<Explored, "snr"> {
      const all = [...rows.values()];
      const codes = new Uint8Array(all.length * width);
      for (const [r, row] of all.entries()) codes.set(row.codes, r * width);
      return { codes, of: Uint8Array.from(all, (row) => row.of), tables: tables.map(({ levels }) => [...levels]) };
    },
  };
}

/** The least importance, and the least as a share of the others. */
const TINY = 1e-12;
const TINY_SHARE = 1e-6;

/** E[x_i y_j] from Cov(x_i, y_j). */
function aboutZero(covariance: Float64Array, x: Float64Array, y: Float64Array): Float64Array {
  return covariance.map((value, at) => value + x[Math.floor(at / y.length)] * y[at % y.length]);
}

/** @throws BAD_DATA for inputs whose squares are beyond all numbers. */
function checkCovariance(covariance: Float64Array, n: number, layer: string): void {
  let greatest = 0;
  for (let i = 0; i < n; i++) greatest = Math.max(greatest, covariance[i * n + i]);
  if (Number.isFinite(greatest)) return;
  throw new ShiftwiseError("BAD_DATA", "the inputs of a layer are too large for their squares to be numbers", {
    where: layer,
    expected: "weights and samples of ordinary size: check the layers before this one",
    found: greatest,
  });
}

/** Takes what each channel's mean output has lost into the bias, or into the mean that the batch norm subtracts. */
function keepMean(node: ConvNode | DenseNode, norm: BatchNormNode | null, shift: Float64Array): Node[] {
  const { bias } = node;
  if (bias) return [{ ...node, bias: { shape: bias.shape, data: bias.data.map((b, c) => b + shift[c]) } }];
  if (!norm) return [node];
  return [node, { ...norm, mean: { shape: norm.mean.shape, data: norm.mean.data.map((m, c) => m - shift[c]) } }];
}

function weightSignalToNoise(before: Float32Array, after: Float32Array): number | null {
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < before.length; i++) {
    signal += before[i] ** 2;
    noise += (before[i] - after[i]) ** 2;
  }
  return decibels(signal, noise);
}
