// weighted-entropy.ts: weighted-entropy clusters of weights (WEQ, algorithm 1): few levels, where large weights count more.
//
// Importance of a weight: w^2. With P_n the share of the weights in cluster n and I_n their mean importance, the boundaries
// maximise
//
//     S = - sum over n of I_n P_n ln P_n,        I_n P_n = (sum of w^2 in cluster n) / (number of weights)             (1)
//
// Clusters are runs of the sorted magnitudes; prefix sums in float64 give each term in a few operations. A cluster's level
// is its root mean square, its boundary the smallest magnitude in it.
import { given, is, ShiftwiseError } from "../base/index.js";
import { checkWeights } from "./quantizer.js";
import { sortMagnitudes } from "./sort.js";

/**
 * The form of weighted-entropy clusters.
 * - paper: negative and non-negative weights are clustered apart, each boundary goes to the best place between its
 *   neighbours.
 * - code: what the authors released. Signs pooled, levels +-r; boundaries found by bisection on the slope of (1), which
 *   finds the best place where (1) has one hill; ln(P_n / 2) for the two signs. An odd number of levels adds an exact
 *   zero, whose cluster (1) leaves out.
 */
export type WeqForm = "paper" | "code";

/** Options of `fitWeq`. */
export interface WeqOptions {
  /** 2..32. */
  readonly levels: number;
  /** Default "paper". */
  readonly form?: WeqForm;
  /** The boundaries of the fit before, from which the search of the form "code" starts. */
  readonly start?: readonly number[];
}

const OPTIONS = is.record<WeqOptions>({
  levels: is.number,
  form: is.optional(is.oneOf("paper", "code")),
  start: is.optional(is.list(is.number)),
});

/** Weights as indices into rising real levels. */
export interface Clustering {
  readonly levels: Float64Array;
  readonly codes: Uint8Array;
  /** Numbers of sorted magnitudes under each inner boundary; form "code" only. */
  readonly boundaries: readonly number[];
}

/** Sorted magnitudes with the prefix sums of their squares: sums[i] belongs to the first i. */
interface Sorted {
  readonly magnitudes: Float32Array;
  readonly sums: Float64Array;
}

/** The terms that an entropy is counted over: ln(share P), and whether the first cluster is left out. */
interface Objective {
  readonly share: number;
  readonly zero: boolean;
}

/** A boundary search that raises (1) by less than this share has ended; rounding alone gives 1e-16. */
const RISE_MIN = 1e-12;
/** Runs that the search for a boundary first looks at. */
const RUNS = 32;

/**
 * Clusters the weights of one layer.
 * @param where layer for error messages
 * @returns fewer levels than asked for where there are fewer distinct magnitudes; at least two.
 * @throws BAD_OPTION for levels outside 2..32, BAD_DATA for a weight that is not finite or a layer without weights
 */
export function fitWeq(weights: Float32Array, options: WeqOptions, where: string): Clustering {
  given({ weights, options, where }, { weights: is.floats, options: OPTIONS, where: is.text });
  const { levels, form = "paper", start } = options;
  if (!Number.isInteger(levels) || levels < 2 || levels > 32) {
    throw new ShiftwiseError("BAD_OPTION", "number of levels out of range", {
      expected: "an integer in 2..32",
      found: levels,
      where,
    });
  }
  checkWeights(weights, where);
  return form === "paper" ? fitApart(weights, levels) : fitPooled(weights, levels, start);
}

/** Negative and other weights apart; without branches, which signs would mislead. */
function split(weights: Float32Array): [negative: Float32Array, positive: Float32Array] {
  const negative = new Float32Array(weights.length);
  const positive = new Float32Array(weights.length);
  let at = 0;
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i];
    negative[at] = w;
    positive[i - at] = w;
    at += Number(w < 0);
  }
  return [negative.subarray(0, at), positive.subarray(0, weights.length - at)];
}

function fitApart(weights: Float32Array, levels: number): Clustering {
  const [negative, positive] = split(weights).map(sorted);
  const objective = { share: 1, zero: false };
  // The exhaustive search starts from where bisection ends: a hundred cheap rounds instead of dear ones.
  const find = (side: Sorted, clusters: number): number[] => {
    const near = search(side, clusters, objective, moveByBisection);
    return search(side, clusters, objective, moveExhaustively, near.slice(1, -1));
  };
  const below = find(negative, Math.floor(levels / 2));
  const above = find(positive, Math.ceil(levels / 2));
  return encode(weights, clustersOf(negative, below, false), clustersOf(positive, above, false), []);
}

function fitPooled(weights: Float32Array, levels: number, start?: readonly number[]): Clustering {
  const all = sorted(weights);
  const zero = levels % 2 === 1;
  const objective = { share: 0.5, zero };
  const boundaries = search(all, Math.floor((levels + 1) / 2), objective, moveByBisection, start);
  const clusters = clustersOf(all, boundaries, zero);
  return encode(weights, clusters, clusters, boundaries.slice(1, -1));
}

function sorted(weights: Float32Array): Sorted {
  const magnitudes = sortMagnitudes(weights);
  const sums = new Float64Array(magnitudes.length + 1);
  let sum = 0;
  for (let i = 0; i < magnitudes.length; i++) {
    sum += magnitudes[i] * magnitudes[i];
    sums[i + 1] = sum;
  }
  return { magnitudes, sums };
}

/** Returns the best place of the boundary between low and high, given where it is. */
type Move = (sums: Float64Array, low: number, at: number, high: number, first: boolean, objective: Objective) => number;

/**
 * Boundaries 0 = c_0 < c_1 < ... < c_count = number of weights, from equal counts or `start`, each moved in turn while (1)
 * rises. With fewer weights than clusters, as many clusters as weights.
 */
function search(
  { magnitudes, sums }: Sorted,
  clusters: number,
  objective: Objective,
  move: Move,
  start?: readonly number[],
): number[] {
  const { length } = magnitudes;
  const count = Math.min(clusters, length);
  let c = Array.from({ length: count + 1 }, (_, k) => Math.floor((length * k) / Math.max(count, 1)));
  if (start && start.length === count - 1) {
    const given = [0, ...start, length];
    if (given.every((at, k) => k === 0 || at > given[k - 1])) c = given;
  }
  let before = entropy(sums, c, objective);
  while (count > 1) {
    const next = c.slice();
    for (let k = 1; k < count; k++) {
      if (next[k + 1] - next[k - 1] > 2) {
        next[k] = move(sums, next[k - 1], next[k], next[k + 1], k === 1, objective);
      }
    }
    const after = entropy(sums, next, objective);
    if (!(after > before * (1 + RISE_MIN))) break;
    c = next;
    before = after;
  }
  return c;
}

/** One cluster's term of (1), times the number of weights. 0 for an empty one. */
function term(importance: number, size: number, total: number, share: number): number {
  return size === 0 ? 0 : -importance * Math.log((share * size) / total);
}

/** (1), times the number of weights. */
export function entropy(sums: Float64Array, c: readonly number[], { share, zero }: Objective): number {
  const total = sums.length - 1;
  let sum = 0;
  for (let k = zero ? 1 : 0; k < c.length - 1; k++) {
    sum += term(sums[c[k + 1]] - sums[c[k]], c[k + 1] - c[k], total, share);
  }
  return sum;
}

/** The two terms of (1) on both sides of a boundary. */
function pairEntropy(
  sums: Float64Array,
  low: number,
  at: number,
  high: number,
  first: boolean,
  { share, zero }: Objective,
): number {
  const total = sums.length - 1;
  const above = term(sums[high] - sums[at], high - at, total, share);
  return first && zero ? above : above + term(sums[at] - sums[low], at - low, total, share);
}

/**
 * Every place between the neighbours, and the one with the largest (1); of equals the present one, then the lowest. Runs of
 * places that cannot hold it are passed over at once: for at in a..b the importance under the boundary is at most that
 * under b, the share at least that under a, and the other way round above it, so the pair is at most
 *
 *     - A(b) ln P(a) - (A(high) - A(a)) ln P(high - b)
 */
const moveExhaustively: Move = (sums, low, at, high, first, objective) => {
  const { share, zero } = objective;
  const total = sums.length - 1;
  let best = at;
  let most = pairEntropy(sums, low, at, high, first, objective);
  const visit = (place: number): void => {
    const found = pairEntropy(sums, low, place, high, first, objective);
    if (found > most) {
      most = found;
      best = place;
    }
  };
  const within = (a: number, b: number): void => {
    if (b < a) return;
    const middle = (a + b) >> 1;
    visit(middle);
    if (a === b) return;
    const above = -(sums[high] - sums[a]) * Math.log((share * (high - b)) / total);
    const below = first && zero ? 0 : -(sums[b] - sums[low]) * Math.log((share * (a - low)) / total);
    // not below it: rounding must not pass over an equal
    if (above + below < most) return;
    within(a, middle - 1);
    within(middle + 1, b);
  };
  const run = Math.ceil((high - low - 1) / RUNS);
  for (let a = low + 1; a < high; a += run) visit(a);
  for (let a = low + 1; a < high; a += run) within(a, Math.min(a + run, high) - 1);
  return best;
};

/** The top of the hill, if (1) is one between the neighbours. */
const moveByBisection: Move = (sums, low, at, high, first, objective) => {
  const value = (place: number) => pairEntropy(sums, low, place, high, first, objective);
  let a = low + 1;
  let b = high - 1;
  while (b > a) {
    const middle = (a + b) >> 1;
    if (value(middle + 1) > value(middle)) a = middle + 1;
    else b = middle;
  }
  return value(a) > value(at) ? a : at;
};

interface Clusters {
  /** Root mean squares, rising; the first may be 0. */
  readonly levels: readonly number[];
  /** Smallest magnitude of every cluster but the first. */
  readonly bounds: readonly number[];
}

/**
 * Levels and bounds. A boundary inside a run of equal magnitudes moves under the run, since equal weights cannot take
 * different levels; clusters that are empty then are dropped.
 */
function clustersOf({ magnitudes, sums }: Sorted, boundaries: readonly number[], zero: boolean): Clusters {
  const { length } = magnitudes;
  const edges = [0];
  for (const boundary of boundaries.slice(1, -1)) {
    let at = boundary;
    while (at > 0 && magnitudes[at - 1] === magnitudes[at]) at--;
    if (at > edges[edges.length - 1]) edges.push(at);
  }
  edges.push(length);
  const levels = edges.slice(1).map((end, k) => {
    if (length === 0 || (zero && k === 0 && edges.length > 2)) return 0;
    return Math.sqrt((sums[end] - sums[edges[k]]) / (end - edges[k]));
  });
  return { levels, bounds: edges.slice(1, -1).map((edge) => magnitudes[edge]) };
}

/** Codes by sign and magnitude; weights of 0 and more are on the positive side. */
function encode(weights: Float32Array, below: Clusters, above: Clusters, boundaries: readonly number[]): Clustering {
  const real = [...new Set([...below.levels.map((r) => 0 - r), ...above.levels])].sort((a, b) => a - b);
  // two levels at least: an all-zero or one-sided layer gets one that nothing takes
  if (real.length === 1) real.push(real[0] + (Math.abs(real[0]) || 1));
  const levels = Float64Array.from(real);
  const sides = [above, below].map((clusters, side) => {
    const sign = side === 0 ? 1 : -1;
    return searchTable(clusters, (level) => levels.findIndex((r) => r === sign * level));
  });
  const codes = new Uint8Array(weights.length);
  const bits = new Uint32Array(weights.buffer, weights.byteOffset, weights.length);
  for (let i = 0; i < weights.length; i++) {
    const negative = Number(weights[i] < 0);
    const { bounds, codes: found } = sides[negative];
    const magnitude = bits[i] & 0x7fffffff;
    let k = 0;
    // the sign of a difference instead of a branch, since weights follow no pattern
    for (let step = (bounds.length + 1) >> 1; step > 0; step >>= 1) {
      k += step & ~((magnitude - bounds[k + step - 1]) >> 31);
    }
    codes[i] = found[k];
  }
  return { levels, codes, boundaries };
}

/** Bounds as the bits of floats, 2^n - 1 of them with infinities at the end, and the code above each, for a binary search. */
function searchTable({ levels, bounds }: Clusters, codeOf: (level: number) => number) {
  const places = 2 ** Math.ceil(Math.log2(Math.max(levels.length, 1)));
  const edges = new Float32Array(places - 1).fill(Number.POSITIVE_INFINITY);
  edges.set(bounds);
  const codes = new Uint8Array(places);
  levels.forEach((level, k) => {
    codes[k] = codeOf(level);
  });
  return { bounds: new Int32Array(edges.buffer), codes };
}
