// moments.ts: first and second moments of what a conv or dense layer reads, summed over calibration images.
import { plus, roundUp } from "../base/index.js";
import {
  createArena,
  denseGeometry,
  forwardPass,
  geometryOf,
  imagesPerBlock,
  MomentJob,
  paddedInput,
  plane,
  planPadding,
  type Room,
  runsOf,
  volume,
} from "../engine/index.js";
import type { ConvNode, DenseNode, Shape } from "../ops/index.js";
import { planDrift } from "./drift.js";
import { addRow, dampingBy, type Evidence, noEvidence } from "./evidence.js";
import { type Allocate, announce, awaitWord, inTurn, unshared } from "./turns.js";

/**
 * Moments of one group, over all output positions of all images; x is the vector of the inputs of one output, padding
 * zeros among them, n long, x' the same of the twin, and d = w (x' - x) what the layer's weights make of the difference.
 */
export interface GroupMoments {
  /** E[x], and Cov(x_i, x_j), n x n. */
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
  /** The damping that suits the covariance, as a share of its mean diagonal. */
  readonly damping: number;
  /** E[d], and Cov(d_r, x_j), rows x n; null where there is no twin. */
  readonly drift: { readonly mean: Float64Array; readonly covariance: Float64Array } | null;
}

/** Writes the values of some images, (count, channels, height, width). */
export type Fill = (into: Float32Array) => void;

export interface MomentSums {
  /**
   * Adds some images. Others may add to the same totals at the same time: each waits for the chunks before its own.
   * @param x the layer's input
   * @param twin the same tensor in the network to be followed, or null in all calls
   * @param chunk which images they are; all but the last have as many. Default: those that come next
   */
  add(x: Fill, twin: Fill | null, count: number, chunk?: number): void;
  /** Moments of group after group, once all images are added: they take the sums' place. */
  read(): GroupMoments[];
}

/** Sums over all images, group after group, which threads add to. */
export interface MomentTotals {
  /** x_i x_j, and x. */
  readonly products: Float64Array;
  readonly means: Float64Array;
  /** d_r x_j, and d; empty where there is no twin. */
  readonly driftProducts: Float64Array;
  readonly driftMeans: Float64Array;
  /** Squares and traces of the chunks' covariances; see Evidence. */
  readonly evidence: Float64Array;
  /** Output positions, and chunks. */
  readonly counts: Float64Array;
  /** The chunk whose turn it is to add, the one whose turn it is to choose the unit, and the unit: see UNIT. */
  readonly words: Int32Array;
}

/** Places in `words`. */
const TURN = 0;
const UNIT_TURN = 1;
const UNIT = 2;
/** The unit is 2^(word - UNIT_ONE); 0: only zeros were seen. */
const UNIT_ONE = 1024;

/** Groups of a layer, output channels of a group, and inputs of each. */
export interface GroupSizes {
  readonly groups: number;
  readonly rows: number;
  readonly depth: number;
}

function sizesOf(node: ConvNode | DenseNode): GroupSizes {
  const groups = node.op === "conv" ? node.groups : 1;
  const outputs = node.weight.shape[0];
  return { groups, rows: outputs / groups, depth: node.weight.data.length / outputs };
}

/** Makes empty sums. */
export function momentTotals({ groups, rows, depth }: GroupSizes, withTwin: boolean, allocate: Allocate): MomentTotals {
  const numbers = (count: number) => new Float64Array(allocate(count * 8));
  return {
    products: numbers(groups * depth * depth),
    means: numbers(groups * depth),
    driftProducts: numbers(withTwin ? groups * rows * depth : 0),
    driftMeans: numbers(withTwin ? groups * rows : 0),
    evidence: numbers(2 * groups),
    counts: numbers(2),
    words: new Int32Array(allocate(12)),
  };
}

/** Moments of group after group, from the sums over all images, whose place they take. */
export function readMoments({ groups, rows, depth }: GroupSizes, totals: MomentTotals): GroupMoments[] {
  const { products, means, driftProducts, driftMeans, evidence, counts, words } = totals;
  const [samples, chunks] = counts;
  const scale = words[UNIT] === 0 ? 1 : 2 ** (words[UNIT] - UNIT_ONE);
  const meansOf = (from: Float64Array, length: number, group: number) =>
    Float64Array.from(from.subarray(group * length, (group + 1) * length), (sum) => (sum / samples) * scale);
  const part = (from: Float64Array, height: number, group: number) =>
    from.subarray(group * height * depth, (group + 1) * height * depth);
  const count = samples / scale ** 2;
  return Array.from({ length: groups }, (_, group) => {
    const mean = meansOf(means, depth, group);
    const covariance = mirrored(centre(part(products, depth, group), mean, mean, count), depth);
    const [squares, traces] = evidence.subarray(2 * group, 2 * group + 2);
    const inUnits: Evidence = { blocks: chunks, squares: squares * scale ** 4, traces: traces * scale ** 2 };
    const damping = dampingBy(inUnits, covariance, depth);
    if (driftMeans.length === 0) return { mean, covariance, damping, drift: null };
    const driftMean = meansOf(driftMeans, rows, group);
    const varied = centre(part(driftProducts, rows, group), driftMean, mean, count);
    return { mean, covariance, damping, drift: { mean: driftMean, covariance: varied } };
  });
}

/** Squares of values within 2^-40..2^40 are summed as they are: float32 has room for them. */
const OCTAVES = 40;
/** The bits of a float32 number's magnitude: the exponent, of 127 for 1, stands above the 23 bits of the mantissa. */
const MAGNITUDE = 0x7fffffff;
const MANTISSA = 23;

/** The power of two in which values are summed up: 1 where float32 has room for their squares. Null for zeros, which have any. */
function unitOf(values: Float32Array): number | null {
  let largest = 0;
  for (const word of new Int32Array(values.buffer, values.byteOffset, values.length)) {
    if ((word & MAGNITUDE) > largest) largest = word & MAGNITUDE;
  }
  if (largest === 0) return null;
  const exponent = (largest >> MANTISSA) - 127;
  return exponent < 128 && Math.abs(exponent) > OCTAVES ? 2 ** exponent : 1;
}

/**
 * @param batch most images of one `add`.
 * @param step only every step-th row of output positions is looked at, other ones from block to block of images.
 * @param weighs whether the damping that suits the covariance is wanted; else it is the least one.
 * @param room that the sums take until others take it
 * @param totals that the sums of these images are added to
 * @throws OVERFLOW when the sums need more than 4 GiB.
 */
export function createMoments(
  node: ConvNode | DenseNode,
  input: Shape,
  batch: number,
  withTwin: boolean,
  step: number,
  room: Room,
  weighs = true,
  totals: MomentTotals = momentTotals(sizesOf(node), withTwin, unshared),
): MomentSums {
  const g = node.op === "conv" ? geometryOf(node, input) : denseGeometry(node);
  const rows = g.groupOutputs;
  const images = imagesPerBlock(plane(g.output), batch);
  const tables = forwardPass(g, images);
  const depth = tables.taps.length;
  const depthRounded = roundUp(depth, 8);
  const outer = paddedInput(g);
  const arena = createArena();
  const padding = planPadding(arena, g.input, outer, images);
  const taps = arena.table(Array.from({ length: depthRounded }, (_, k) => tables.taps[Math.min(k, depth - 1)]));
  const phases = Array.from({ length: step }, (_, phase) => {
    const [height, width] = [g.output[1], g.output[2]];
    const inputs = tables.inputs.filter((_, p) => (Math.floor(p / width) % height) % step === phase);
    // pixels of so many images, for a last block that is shorter
    const pixels = (count: number) => count * width * Math.ceil((height - phase) / step);
    return { inputs, runs: arena.table(runsOf(inputs)), pixels };
  });
  const imageBytes = volume(g.input) * 4;
  const place = () => ({ from: arena.reserve(batch * imageBytes), room: arena.reserve(padding.bytes) });
  const [own, other] = [place(), withTwin ? place() : null];
  const groupFloats = depthRounded * depthRounded;
  const sums = arena.reserve(g.groups * groupFloats * 4);
  const means = arena.reserve(g.groups * depth * 8);
  const scratch = arena.reserve(images * plane(g.output) * 32);
  const job = arena.record(MomentJob, { taps, depth, scratch });
  const drift = withTwin ? planDrift(arena, g, tables, node.weight.data, job, { taps, scratch }, phases) : null;
  const { kernels, memory } = room(arena.size());
  arena.fill(memory.buffer);
  drift?.pack(kernels);

  let next = 0;
  const floats = (at: number, length: number) => new Float32Array(memory.buffer, at, length);
  const sumsOf = (at: number, length: number) => new Float64Array(memory.buffer, at, length);

  /** Adds [m / 8][k][m % 8] to [m][k], for k below 8 (m / 8 + 1) where the sums are symmetric, which others are not. */
  const drain = (from: number, height: number, symmetric: boolean, into: Float64Array): void => {
    const size = roundUp(height, 8) * depthRounded;
    const values = floats(from, g.groups * size);
    for (let group = 0; group < g.groups; group++) {
      for (let m = 0; m < height; m++) {
        const count = symmetric ? m + 1 : depth;
        const at = group * size + (m >> 3) * depthRounded * 8 + (m & 7);
        addEighths(values, at, count, into, (group * height + m) * depth);
      }
    }
    values.fill(0);
  };
  const drainMeans = (from: number, into: Float64Array): void => {
    const values = sumsOf(from, into.length);
    addAll(values, into);
    values.fill(0);
  };

  /** Returns how trustworthy a chunk's images make the covariance. */
  const weigh = (pixels: number): Evidence[] => {
    const values = floats(sums, g.groups * groupFloats);
    const own = sumsOf(means, g.groups * depth).map((sum) => sum / pixels);
    return Array.from({ length: g.groups }, (_, group) => {
      const evidence = noEvidence();
      const averages = own.subarray(group * depth, (group + 1) * depth);
      for (let m = 0; m < depth; m++) {
        const at = group * groupFloats + (m >> 3) * depthRounded * 8 + (m & 7);
        addRow(evidence, values, at, m, averages, pixels);
      }
      return evidence;
    });
  };

  /** The unit of all sums, which the first chunk chooses that is not all zeros. */
  const unitAt = (chunk: number, unit: () => number | null): number => {
    const { words } = totals;
    const known = () => Atomics.load(words, UNIT) !== 0;
    if (!known()) {
      const own = unit();
      awaitWord(words, UNIT_TURN, () => known() || Atomics.load(words, UNIT_TURN) === chunk);
      if (!known()) {
        if (own !== null) Atomics.store(words, UNIT, Math.round(Math.log2(own)) + UNIT_ONE);
        announce(words, UNIT_TURN, chunk + 1);
      }
    }
    return known() ? 2 ** (Atomics.load(words, UNIT) - UNIT_ONE) : 1;
  };

  return {
    add(x, twin, count, chunk = next) {
      next = chunk + 1;
      const values = floats(own.from, count * volume(g.input));
      x(values);
      let difference: Float32Array | null = null;
      if (other && twin) {
        difference = floats(other.from, values.length);
        twin(difference);
      }
      const unit = unitAt(chunk, () => unitOf(values) ?? (difference && unitOf(difference)));
      if (difference) subtract(difference, values);
      if (unit !== 1) for (const all of [values, difference]) if (all) divide(all, unit);
      const groupBytes = g.groupInputs * outer[0] * outer[1] * 4;
      let seen = 0;
      let blocks = chunk * Math.ceil(batch / images);
      for (let n = 0; n < count; n += images, blocks++) {
        const block = Math.min(images, count - n);
        const phase = blocks % step;
        const { runs } = phases[phase];
        const pixels = phases[phase].pixels(block);
        seen += pixels;
        const planes = padding.run(kernels, plus(own.from, n * imageBytes), block, own.room);
        const lost = other && padding.run(kernels, plus(other.from, n * imageBytes), block, other.room);
        for (let group = 0; group < g.groups; group++) {
          const ours = plus(planes, group * groupBytes);
          kernels.productSums(job, ours, runs, pixels, plus(sums, group * groupFloats * 4));
          kernels.tapSums(job, ours, runs, pixels, plus(means, group * depth * 8));
          if (drift) drift.add(kernels, group, plus(lost!, group * groupBytes), ours, phase, pixels);
        }
      }
      const evidence = weighs ? weigh(seen) : [];
      // float32 sums of one call go into float64 ones, so that their rounding does not grow with the images
      inTurn(totals.words, TURN, chunk, () => {
        drain(sums, depth, true, totals.products);
        drainMeans(means, totals.means);
        if (drift) drain(drift.sums, rows, false, totals.driftProducts);
        if (drift) drainMeans(drift.totals, totals.driftMeans);
        for (const [group, { squares, traces }] of evidence.entries()) {
          totals.evidence[2 * group] += squares;
          totals.evidence[2 * group + 1] += traces;
        }
        totals.counts[0] += seen;
        if (weighs) totals.counts[1]++;
      });
    },
    read: () => readMoments(sizesOf(node), totals),
  };
}

// loops over values stand in functions of their own: one that each layer made anew would be compiled anew, too

function divide(values: Float32Array, by: number): void {
  for (let i = 0; i < values.length; i++) values[i] /= by;
}

function subtract(values: Float32Array, less: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] -= less[i];
}

function addAll(values: Float64Array, into: Float64Array): void {
  for (let i = 0; i < values.length; i++) into[i] += values[i];
}

/** Adds every eighth value. */
function addEighths(values: Float32Array, at: number, count: number, into: Float64Array, to: number): void {
  for (let k = 0; k < count; k++, at += 8) into[to + k] += values[at];
}

/** sums[i][j] / samples - a[i] b[j], in place */
function centre(sums: Float64Array, a: Float64Array, b: Float64Array, samples: number): Float64Array {
  const n = b.length;
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < n; j++) sums[i * n + j] = sums[i * n + j] / samples - a[i] * b[j];
  }
  return sums;
}

/** The lower triangle in place of the upper one, too: by squares, since columns are far apart. */
function mirrored(matrix: Float64Array, n: number): Float64Array {
  for (let rows = 0; rows < n; rows += SQUARE) {
    for (let columns = 0; columns <= rows; columns += SQUARE) {
      for (let i = rows; i < Math.min(rows + SQUARE, n); i++) {
        for (let j = columns; j < Math.min(columns + SQUARE, i); j++) matrix[j * n + i] = matrix[i * n + j];
      }
    }
  }
  return matrix;
}

const SQUARE = 32;
