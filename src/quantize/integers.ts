// integers.ts: integers that stand for a layer's real levels and that the bucket sums take in few parts.
//
// The kernels meet the levels from the largest |level| down. Where n is a power of two times the next, n', the lanes are
// doubled on the way; otherwise a part of the sum ends, which costs a multiplication a pixel (docs/arithmetic.md, 5a and 5b).
// Both signs share an integer for nothing. For one scale the cheapest integers within the tolerance are a shortest path
// through the levels, largest first; the scale is tried too.

/** The distance at which an integer may lie from its level, as a share of it. */
const TOLERANCE = 0.02;
/** The largest level becomes an integer in this range: coarse enough to share integers, fine enough for the small levels. */
const TOP_MIN = 64;
const TOP_MAX = 512;
/** Ratio of one scale tried to the next. */
const TOP_RATIO = 1.19;
/** The cost of the end of a part, in doublings of the lanes. */
const PART_COST = 4;
/** Levels of one sign that meet are merged, and those that cross are in the wrong order: worse than any part. */
const CLASH_COST = 4 * PART_COST;
/** The cost of a whole tolerance of error, squared: it decides between equals. */
const ERROR_COST = 0.01;

export interface IntegerLevels {
  /** Integers in the order of the levels given. */
  readonly integers: readonly number[];
  /** Real value of 1. */
  readonly step: number;
}

interface Candidate {
  readonly size: number;
  /** The cost of the path up to here. */
  cost: number;
  before: Candidate | null;
}

/**
 * @param real at least one of them not 0
 * @param room largest integer allowed
 */
export function integerLevels(real: Float64Array, room: number): IntegerLevels {
  const order = [...real.keys()].filter((k) => real[k] !== 0).sort((a, b) => Math.abs(real[b]) - Math.abs(real[a]));
  const top = Math.abs(real[order[0]]);
  let best: Candidate | null = null;
  let step = 1;
  const least = Math.min(TOP_MIN, room);
  for (let most = least; most <= Math.min(TOP_MAX, room); most = Math.floor(most * TOP_RATIO) + 1) {
    const end = cheapestPath(
      order.map((k) => (real[k] / top) * most),
      room,
    );
    if (best && end.cost >= best.cost) continue;
    best = end;
    step = top / most;
  }
  const integers = new Array<number>(real.length).fill(0);
  for (const k of order.reverse()) {
    integers[k] = best ? Math.sign(real[k]) * best.size : 0;
    best = best?.before ?? null;
  }
  return { integers, step };
}

/** The last candidate of the cheapest path through levels of falling size. */
function cheapestPath(levels: readonly number[], room: number): Candidate {
  let column: Candidate[] = [];
  for (const [j, level] of levels.entries()) {
    const same = j > 0 && Math.sign(level) === Math.sign(levels[j - 1]);
    const next = candidatesOf(Math.abs(level), room);
    for (const candidate of next) {
      const error = (candidate.size / Math.abs(level) - 1) / TOLERANCE;
      if (j === 0) candidate.cost = ERROR_COST * error * error;
      for (const before of column) {
        const cost = before.cost + between(before.size, candidate.size, same) + ERROR_COST * error * error;
        if (cost >= candidate.cost) continue;
        candidate.cost = cost;
        candidate.before = before;
      }
    }
    column = next;
  }
  return column.reduce((a, b) => (b.cost < a.cost ? b : a));
}

/** The nearest integer and those within the tolerance. */
function candidatesOf(level: number, room: number): Candidate[] {
  const reach = TOLERANCE * level;
  const sizes = new Set([Math.min(Math.max(Math.round(level), 1), room)]);
  for (let n = Math.ceil(level - reach); n <= level + reach && n <= room; n++) if (n > 0) sizes.add(n);
  return [...sizes].map((size) => ({ size, cost: Number.POSITIVE_INFINITY, before: null }));
}

/** The cost of what lies between two buckets. */
function between(size: number, next: number, same: boolean): number {
  if (next > size) return CLASH_COST * (next - size);
  if (next === size) return same ? CLASH_COST : 0;
  const doubles = Math.log2(size / next);
  return Number.isInteger(doubles) ? Math.min(doubles, PART_COST) : PART_COST;
}
