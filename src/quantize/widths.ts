// widths.ts: how many bits each layer's weights get: in a shape along the network, or by measured sensitivity.
import { given, is, ShiftwiseError } from "../base/index.js";
import { allocateBits } from "./allocate.js";

/**
 * Shapes along the depth of a network (WEQ, section 4): convex has the fewest bits in the middle, concave the most there;
 * inc rises from the first layer to the last, dec falls.
 */
export type WidthShape = "convex" | "concave" | "inc" | "dec";

/** A layer that gets a width: its name and the number of its weights. */
export interface WidthLayer {
  readonly name: string;
  /** Number of weights. */
  readonly count: number;
}

/** The cost of quantizing a layer alone: the drop by bits, of which smaller is better. */
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

const LAYERS = is.list(is.record<WidthLayer>({ name: is.text, count: is.number }));
const SENSITIVITIES = is.list(
  is.record<LayerSensitivity>({ name: is.text, count: is.number, drops: is.map(is.number, is.number) }),
);

/** Bits of all weights together divided by their number. */
export function averageBits(layers: readonly WidthLayer[], bits: ReadonlyMap<string, number>): number {
  given({ layers, bits }, { layers: LAYERS, bits: is.map(is.number) });
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
  given({ layers, shape, average }, { layers: LAYERS, shape: is.oneOf(...Object.keys(PROFILES)), average: is.number });
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
 * Bits for each layer with a small sum of drops while the average over all weights stays within a budget.
 * @throws BAD_OPTION for an average that the measured widths cannot have
 */
export function budgetBits(layers: readonly LayerSensitivity[], average: number): Map<string, number> {
  given({ layers, average }, { layers: SENSITIVITIES, average: is.number });
  checkAverage(average);
  const choices = layers.map(({ name, count, drops }) => ({
    name,
    weights: count,
    choices: [...drops].map(([bits, noise]) => ({ bits, noise })).sort((a, b) => a.bits - b.bits),
  }));
  const chosen = allocateBits(choices, average);
  return new Map(choices.map(({ name, choices: own }) => [name, own[chosen.get(name)!].bits]));
}
