// moments.ts: first and second moments of what a conv or dense layer reads, summed over calibration images.
import { plus, roundUp } from "../base/index.js";
import {
  createArena,
  denseGeometry,
  forwardPass,
  geometryOf,
  imagesPerBlock,
  instantiate,
  MomentJob,
  paddedInput,
  plane,
  planPadding,
  runsOf,
  volume,
} from "../engine/index.js";
import type { ConvNode, DenseNode, Shape } from "../ops/index.js";
import { planDrift } from "./drift.js";
import { addRow, dampingBy, type Evidence, noEvidence } from "./evidence.js";

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
   * Adds some images.
   * @param x the layer's input
   * @param twin the same tensor in the network to be followed, or null in all calls
   */
  add(x: Fill, twin: Fill | null, count: number): void;
  /** Moments of group after group, once all images are added: they take the sums' place. */
  read(): GroupMoments[];
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
 * @throws OVERFLOW when the sums need more than 4 GiB.
 */
export function createMoments(
  node: ConvNode | DenseNode,
  input: Shape,
  batch: number,
  withTwin: boolean,
  step: number,
  module: WebAssembly.Module,
  weighs = true,
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
  const { kernels, memory } = instantiate(module, arena.size());
  arena.fill(memory.buffer);
  drift?.pack(kernels);

  // float32 sums of one call go into float64 ones, so that their rounding does not grow with the images
  const totals = new Float64Array(g.groups * depth * depth);
  const driftTotals = new Float64Array(drift ? g.groups * rows * depth : 0);
  let samples = 0;
  let blocks = 0;
  let unit: number | null = null;
  const floats = (at: number, length: number) => new Float32Array(memory.buffer, at, length);
  const scaled = (values: Float32Array): void => {
    if (unit !== null && unit !== 1) divide(values, unit);
  };

  /** [m / 8][k][m % 8] to [m][k], for k below 8 (m / 8 + 1) where the sums are symmetric, which others are not. */
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

  const evidence = Array.from({ length: g.groups }, noEvidence);
  const before = new Float64Array(g.groups * depth);
  const weigh = (count: number): void => {
    const values = floats(sums, g.groups * groupFloats);
    const all = new Float64Array(memory.buffer, means, g.groups * depth);
    const own = all.map((sum, i) => (sum - before[i]) / count);
    for (let group = 0; group < g.groups; group++) {
      const averages = own.subarray(group * depth, (group + 1) * depth);
      for (let m = 0; m < depth; m++) {
        const at = group * groupFloats + (m >> 3) * depthRounded * 8 + (m & 7);
        addRow(evidence[group], values, at, m, averages, count);
      }
      evidence[group].blocks++;
    }
    before.set(all);
  };

  return {
    add(x, twin, count) {
      const had = samples;
      const values = floats(own.from, count * volume(g.input));
      x(values);
      unit ??= unitOf(values);
      let difference: Float32Array | null = null;
      if (other && twin) {
        difference = floats(other.from, values.length);
        twin(difference);
        unit ??= unitOf(difference);
        subtract(difference, values);
        scaled(difference);
      }
      scaled(values);
      const groupBytes = g.groupInputs * outer[0] * outer[1] * 4;
      for (let n = 0; n < count; n += images, blocks++) {
        const block = Math.min(images, count - n);
        const phase = blocks % step;
        const { runs } = phases[phase];
        const pixels = phases[phase].pixels(block);
        samples += pixels;
        const planes = padding.run(kernels, plus(own.from, n * imageBytes), block, own.room);
        const lost = other && padding.run(kernels, plus(other.from, n * imageBytes), block, other.room);
        for (let group = 0; group < g.groups; group++) {
          const ours = plus(planes, group * groupBytes);
          kernels.productSums(job, ours, runs, pixels, plus(sums, group * groupFloats * 4));
          kernels.tapSums(job, ours, runs, pixels, plus(means, group * depth * 8));
          if (drift) drift.add(kernels, group, plus(lost!, group * groupBytes), ours, phase, pixels);
        }
      }
      if (weighs) weigh(samples - had);
      drain(sums, depth, true, totals);
      if (drift) drain(drift.sums, rows, false, driftTotals);
    },
    read() {
      const scale = unit ?? 1;
      const meansOf = (from: number, length: number, group: number) =>
        new Float64Array(memory.buffer, from + group * length * 8, length).map((sum) => (sum / samples) * scale);
      const part = (from: Float64Array, height: number, group: number) =>
        from.subarray(group * height * depth, (group + 1) * height * depth);
      const count = samples / scale ** 2;
      return Array.from({ length: g.groups }, (_, group) => {
        const mean = meansOf(means, depth, group);
        const covariance = mirrored(centre(part(totals, depth, group), mean, mean, count), depth);
        const { blocks: seen, squares, traces } = evidence[group];
        const inUnits: Evidence = { blocks: seen, squares: squares * scale ** 4, traces: traces * scale ** 2 };
        const damping = dampingBy(inUnits, covariance, depth);
        if (!drift) return { mean, covariance, damping, drift: null };
        const driftMean = meansOf(drift.totals, rows, group);
        const varied = centre(part(driftTotals, rows, group), driftMean, mean, count);
        return { mean, covariance, damping, drift: { mean: driftMean, covariance: varied } };
      });
    },
  };
}

// loops over values stand in functions of their own: one that each layer made anew would be compiled anew, too

function divide(values: Float32Array, by: number): void {
  for (let i = 0; i < values.length; i++) values[i] /= by;
}

function subtract(values: Float32Array, less: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] -= less[i];
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
