// moments.ts: first and second moments of what a conv or dense layer reads, summed over calibration images.
import { NOWHERE, plus, roundUp } from "../base/index.js";
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

/**
 * Moments of one group, over all output positions of all images; x is the vector of the inputs of one output, padding
 * zeros among them, n long, and x' the same of the twin.
 */
export interface GroupMoments {
  /** E[x] and E[x']. */
  readonly mean: Float64Array;
  readonly twinMean: Float64Array;
  /** Cov(x_i, x_j), n x n, and Cov(x'_i, x_j); the latter is `covariance` itself where there is no twin. */
  readonly covariance: Float64Array;
  readonly cross: Float64Array;
}

export interface MomentSums {
  /**
   * Adds some images.
   * @param x the layer's input, (count, channels, height, width)
   * @param twin the same tensor in the network to be followed, or null in all calls
   */
  add(x: Float32Array, twin: Float32Array | null, count: number): void;
  /** Moments of group after group, once all images are added: they take the sums' place. */
  read(): GroupMoments[];
}

/** Squares of values within 2^-40..2^40 are summed as they are: float32 has room for them. */
const OCTAVES = 40;

/** The power of two in which values are summed up: 1 where float32 has room for their squares. */
function unitOf(values: Float32Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const exponent = Math.floor(Math.log2(largest));
  return Number.isFinite(exponent) && Math.abs(exponent) > OCTAVES ? 2 ** exponent : 1;
}

/**
 * @param batch most images of one `add`.
 * @param step only every step-th row of output positions is looked at, other ones from block to block of images.
 * @throws OVERFLOW when the sums need more than 4 GiB.
 */
export function createMoments(
  node: ConvNode | DenseNode,
  input: Shape,
  batch: number,
  withTwin: boolean,
  step: number,
  module: WebAssembly.Module,
): MomentSums {
  const g = node.op === "conv" ? geometryOf(node, input) : denseGeometry(node);
  const images = imagesPerBlock(plane(g.output), batch);
  const tables = forwardPass(g, images);
  const depth = tables.taps.length;
  const depthRounded = roundUp(depth, 8);
  const outer = paddedInput(g);
  const arena = createArena();
  const padding = planPadding(arena, g.input, outer, images);
  const taps = arena.table(Array.from({ length: depthRounded }, (_, k) => tables.taps[Math.min(k, depth - 1)]));
  const passes = Array.from({ length: step }, (_, phase) => {
    const [height, width] = [g.output[1], g.output[2]];
    const inputs = tables.inputs.filter((_, p) => (Math.floor(p / width) % height) % step === phase);
    // pixels of so many images, for a last block that is shorter
    const pixels = (count: number) => count * width * Math.ceil((height - phase) / step);
    return { runs: arena.table(runsOf(inputs)), pixels };
  });
  const imageBytes = volume(g.input) * 4;
  const place = () => ({ from: arena.reserve(batch * imageBytes), room: arena.reserve(padding.bytes) });
  const own = place();
  const other = withTwin ? place() : own;
  const groupFloats = depthRounded * depthRounded;
  const sums = arena.reserve(g.groups * groupFloats * 4);
  const crossSums = withTwin ? arena.reserve(g.groups * groupFloats * 4) : NOWHERE;
  const means = arena.reserve(g.groups * depth * 8);
  const twinMeans = withTwin ? arena.reserve(g.groups * depth * 8) : means;
  const job = arena.record(MomentJob, { taps, depth, scratch: arena.reserve(images * plane(g.output) * 32) });
  const { kernels, memory } = instantiate(module, arena.size());
  arena.fill(memory.buffer);

  // float32 sums of one call go into float64 ones, so that their rounding does not grow with the images
  const totals = new Float64Array(g.groups * depth * depth);
  const crossTotals = withTwin ? new Float64Array(totals.length) : totals;
  let samples = 0;
  let blocks = 0;
  let unit: number | null = null;
  const load = (at: number, values: Float32Array): void => {
    const into = new Float32Array(memory.buffer, at, values.length);
    into.set(values);
    if (unit !== null && unit !== 1) for (let i = 0; i < into.length; i++) into[i] /= unit;
  };

  /** sums[m / 8][k][m % 8] to [k][m]; the symmetric ones hold k below 8 (m / 8 + 1) only. */
  const drain = (from: number, into: Float64Array, symmetric: boolean): void => {
    const floats = new Float32Array(memory.buffer, from, g.groups * groupFloats);
    for (let group = 0; group < g.groups; group++) {
      const [source, target] = [group * groupFloats, group * depth * depth];
      for (let k = 0; k < depth; k++) {
        for (let m = 0; m < depth; m++) {
          const [a, b] = symmetric && m < k ? [m, k] : [k, m];
          into[target + k * depth + m] += floats[source + ((b >> 3) * depthRounded + a) * 8 + (b & 7)];
        }
      }
    }
    floats.fill(0);
  };

  return {
    add(x, twin, count) {
      // zeros are zeros in any unit
      if (unit === null && x.some((value) => value !== 0)) unit = unitOf(x);
      load(own.from, x);
      if (withTwin && twin) load(other.from, twin);
      const groupBytes = g.groupInputs * outer[0] * outer[1] * 4;
      for (let n = 0; n < count; n += images) {
        const block = Math.min(images, count - n);
        const pass = passes[blocks++ % step];
        const { runs } = pass;
        const pixels = pass.pixels(block);
        samples += pixels;
        const planes = padding.run(kernels, plus(own.from, n * imageBytes), block, own.room);
        const twins = withTwin ? padding.run(kernels, plus(other.from, n * imageBytes), block, other.room) : planes;
        for (let group = 0; group < g.groups; group++) {
          const at = group * groupBytes;
          const to = group * groupFloats * 4;
          const [ours, theirs] = [plus(planes, at), plus(twins, at)];
          kernels.productSums(job, ours, ours, runs, pixels, 1, plus(sums, to));
          kernels.tapSums(job, ours, runs, pixels, plus(means, group * depth * 8));
          if (!withTwin) continue;
          kernels.productSums(job, theirs, ours, runs, pixels, 0, plus(crossSums, to));
          kernels.tapSums(job, theirs, runs, pixels, plus(twinMeans, group * depth * 8));
        }
      }
      drain(sums, totals, true);
      if (withTwin) drain(crossSums, crossTotals, false);
    },
    read() {
      const scale = unit ?? 1;
      const meansOf = (from: number, group: number) =>
        new Float64Array(memory.buffer, from + group * depth * 8, depth).map((sum) => (sum / samples) * scale);
      return Array.from({ length: g.groups }, (_, group) => {
        const mean = meansOf(means, group);
        const twinMean = meansOf(twinMeans, group);
        const part = (from: Float64Array) => from.subarray(group * depth * depth, (group + 1) * depth * depth);
        const count = samples / scale ** 2;
        const covariance = centre(part(totals), mean, mean, count);
        const cross = withTwin ? centre(part(crossTotals), twinMean, mean, count) : covariance;
        return { mean, twinMean, covariance, cross };
      });
    },
  };
}

/** sums[i][j] / samples - a[i] b[j], in place */
function centre(sums: Float64Array, a: Float64Array, b: Float64Array, samples: number): Float64Array {
  const n = a.length;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) sums[i * n + j] = sums[i * n + j] / samples - a[i] * b[j];
  }
  return sums;
}
