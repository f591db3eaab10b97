// widths.ts: how many bits each layer's weights get: in a shape along the network, or by measured sensitivity.
import { ShiftwiseError } from "../format/index.js";

/**
 * Shapes along the depth of a network (WEQ, section 4): convex has the fewest bits in the middle, concave the most there;
 * inc rises from the first layer to the last, dec falls.
 */
export type WidthShape = "convex" | "concave" | "inc" | "dec";

export interface WidthLayer {
  readonly name: string;
  /** Number of weights. */
  readonly count: number;
}

/** What quantizing a layer alone to some bits costs: drop by bits, smaller is better. */
export interface LayerSensitivity extends WidthLayer {
  readonly drops: ReadonlyMap<number, number>;
}

const LEAST = 1;
const MOST = 5;
/** Bits between the ends of a shape. */
const SPREAD = 3;

const PROFILES: Readonly<Record<WidthShape, (x: number) => number>> = {
  convex: (x) => Math.abs(2 * x - 1),
  concave: (x) => 1 - Math.abs(2 * x - 1),
  inc: (x) => x,
  dec: (x) => 1 - x,
};

/** Bits of all weights together divided by their number. */
export function averageBits(layers: readonly WidthLayer[], bits: ReadonlyMap<string, number>): number {
  let sum = 0;
  let count = 0;
  for (const layer of layers) {
    sum += layer.count * bits.get(layer.name)!;
    count += layer.count;
  }
  return sum / count;
}

/** @throws BAD_OPTION for an average that no widths of 1..5 can have */
function checkAverage(average: number): void {
  if (average >= LEAST && average <= MOST) return;
  throw new ShiftwiseError("BAD_OPTION", "average bits out of range", {
    expected: `a number in ${LEAST}..${MOST}`,
    found: average,
    where: "bits",
  });
}

/**
 * Bits 1..5 that follow a shape with a spread of 3 bits: the shape, lifted as far as an average over all weights allows; in the
 * last step, where not all layers can rise, those that fit, the first ones first.
 * @throws BAD_OPTION
 */
export function shapedBits(layers: readonly WidthLayer[], shape: WidthShape, average: number): Map<string, number> {
  checkAverage(average);
  const at = (lift: number): Map<string, number> =>
    new Map(
      layers.map(({ name }, i) => {
        const bits = Math.round(lift + SPREAD * PROFILES[shape](i / Math.max(layers.length - 1, 1)));
        return [name, Math.min(Math.max(bits, LEAST), MOST)];
      }),
    );
  const best = at(LEAST - SPREAD);
  for (let lift = LEAST - SPREAD; lift <= MOST; lift += 1 / 64) {
    let full = false;
    for (const [name, bits] of at(lift)) {
      const before = best.get(name)!;
      best.set(name, bits);
      if (averageBits(layers, best) <= average) continue;
      best.set(name, before);
      full = true;
    }
    if (full) break;
  }
  return best;
}

/**
 * Bits for each layer with the least sum of drops while the average over all weights stays within a budget. From the
 * fewest bits of every layer, the step along a layer's lower convex hull that saves the most drop for its bits is taken
 * as long as one fits: on the hulls that is the best there is, up to the last step.
 * @throws BAD_OPTION for an average that the measured widths cannot have
 */
export function budgetBits(layers: readonly LayerSensitivity[], average: number): Map<string, number> {
  checkAverage(average);
  const total = layers.reduce((sum, { count }) => sum + count, 0);
  const hulls = layers.map(({ drops }) => lowerHull([...drops].sort(([a], [b]) => a - b)));
  const places = layers.map(() => 0);
  let room = average * total - layers.reduce((sum, { count }, i) => sum + count * hulls[i][0][0], 0);
  if (room < 0) {
    throw new ShiftwiseError("BAD_OPTION", "a budget below the fewest bits measured", {
      found: average,
      where: "bits",
    });
  }
  while (true) {
    let chosen = -1;
    let most = 0;
    for (const [i, { count }] of layers.entries()) {
      const next = hulls[i][places[i] + 1];
      if (!next) continue;
      const [bits, drop] = hulls[i][places[i]];
      const cost = count * (next[0] - bits);
      const gain = (drop - next[1]) / cost;
      if (cost > room || gain <= most) continue;
      most = gain;
      chosen = i;
    }
    if (chosen < 0) return new Map(layers.map(({ name }, i) => [name, hulls[i][places[i]][0]]));
    const [before, after] = [hulls[chosen][places[chosen]][0], hulls[chosen][places[chosen] + 1][0]];
    room -= layers[chosen].count * (after - before);
    places[chosen]++;
  }
}

type Point = readonly [bits: number, drop: number];

/** The points below all lines between others, from the fewest bits on, while the drop falls. */
function lowerHull(points: readonly Point[]): Point[] {
  const hull: Point[] = [];
  for (const point of points) {
    if (hull.length > 0 && point[1] >= hull[hull.length - 1][1]) continue;
    while (hull.length > 1) {
      const [a, b] = hull.slice(-2);
      if ((b[1] - a[1]) * (point[0] - a[0]) < (point[1] - a[1]) * (b[0] - a[0])) break;
      hull.pop();
    }
    hull.push(point);
  }
  return hull;
}
