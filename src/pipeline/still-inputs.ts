// still-inputs.ts: layers whose inputs are the same for all samples, on which no rounding is better than another.
import type { Network } from "../graph/index.js";
import { type ChannelRanges, weightNodes } from "../quantize/index.js";

/** The variance that is rounding error, as a share of the largest square. */
const NOTHING = 1e-12;
/** Layers that the warning names. */
const NAMED = 3;

/** The first layer whose inputs do not vary, and a sentence on all of them. */
export interface StillInputs {
  readonly first: string;
  readonly text: string;
}

/**
 * Names the layers whose inputs do not vary, and the likeliest cause.
 * @param ranges of the tensors that layers read, over all samples
 * @param samples their number
 * @returns null where all inputs vary
 */
export function stillInputs(
  network: Network,
  ranges: ReadonlyMap<string, ChannelRanges>,
  samples: number,
): StillInputs | null {
  const isStill = (tensor: string): boolean => {
    const own = ranges.get(tensor);
    return own?.variance.every((v, c) => v <= NOTHING * Math.max(own.low[c] ** 2, own.high[c] ** 2)) ?? false;
  };
  const still = weightNodes(network).filter(({ input }) => isStill(input));
  if (still.length === 0) return null;
  const names = still.slice(0, NAMED).map(({ name }) => `"${name}"`);
  const more = still.length > NAMED ? ` and ${still.length - NAMED} more` : "";
  const inputs = network.nodes.filter(({ op }) => op === "input");
  const stillOnes = inputs.filter(({ name }) => isStill(name)).map(({ name }) => `"${name}"`);
  const cause =
    samples === 1
      ? "there is one sample only to calibrate with"
      : stillOnes.length === 0
        ? "the samples may be all alike, their range may be wrong, or the layers before are dead"
        : inputs.length === stillOnes.length
          ? "the samples are all the same value: are they black, or empty?"
          : `all samples of input ${stillOnes.join(", ")} are the same value`;
  const text = `the inputs of ${names.join(", ")}${more} do not vary over the samples, so nothing says how to round there: ${cause}`;
  return { first: still[0].name, text };
}
