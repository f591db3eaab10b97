// pixel-head.ts: whether a network's own first nodes scale pixels 0..255, as those that divide by 255 do.
import type { Samples } from "../data/browser.js";
import { inferShapes, inputsOf, liveNodes, type Network, readersOf } from "../graph/index.js";
import { elements, type InputNode, type Node, type Normalization, nodeInputs } from "../ops/index.js";
import { sampleActivations } from "../training/index.js";

/** The first nodes of a network that scale its pixels. */
export interface PixelHead {
  /** The last of them. */
  readonly last: string;
  /** The values that 0 and 255 become, over all channels. */
  readonly low: number;
  readonly high: number;
  /** Leaves pixels as they are, for these nodes to scale. */
  readonly normalization: Normalization;
  /** A sentence that says so. */
  readonly text: string;
}

/** Kinds of nodes that scale values, or only move them. */
const SCALING: readonly Node["op"][] = ["elementwise", "binary"];
const MOVING: readonly Node["op"][] = ["permute", "gather"];
/** Values that 0 and 255 are apart in training: 1 for 0..1, 4.4 for ImageNet's statistics. */
const SPREAD = [0.4, 16] as const;
/** The largest difference from a line, of the spread. */
const BENT = 1e-3;

/**
 * Finds the nodes, each alone reading the one before, and looks at what they make of pixels.
 * @returns null where there are none, and where they make anything but small numbers of 0..255, along a line
 * @internal
 */
export function pixelHead(network: Network, input: InputNode): PixelHead | null {
  const readers = readersOf(network.nodes);
  const constants = new Set(network.nodes.flatMap(({ op, name }) => (op === "constant" ? [name] : [])));
  /** The one node that reads a tensor and constants. */
  const behind = (name: string): Node | null => {
    const [reader, ...others] = readers.get(name) ?? [];
    const alone = reader !== undefined && others.length === 0 && !network.outputs.includes(name);
    return alone && nodeInputs(reader).every((one) => one === name || constants.has(one)) ? reader : null;
  };
  let last: string | null = null;
  for (let node = behind(input.name); node !== null; node = behind(node.name)) {
    if (SCALING.includes(node.op)) last = node.name;
    else if (!MOVING.includes(node.op)) break;
  }
  return last === null ? null : measured(network, input, last);
}

function measured(network: Network, input: InputNode, last: string): PixelHead | null {
  // of several inputs only this one is read here
  const nodes = liveNodes(network.nodes, [last]).filter((node) => node.op !== "input" || node === input);
  const head: Network = { name: network.name, nodes, outputs: [last] };
  const length = elements(input.shape);
  const levels = [0, 127.5, 255];
  const samples: Samples = {
    shape: input.shape,
    count: levels.length,
    read: (from, count) =>
      Float32Array.from({ length: count * length }, (_, i) => levels[from + Math.floor(i / length)]),
  };
  const values: Float32Array[] = [];
  for (const batch of sampleActivations(head, samples, [last], 1)) values.push(batch.get(last)!.slice());
  const [dark, middle, bright] = values;
  const size = elements(inferShapes(head).get(last)!);
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < size; i++) {
    const spread = Math.abs(bright[i] - dark[i]);
    const straight = Math.abs(middle[i] - (dark[i] + bright[i]) / 2) <= BENT * spread;
    // not above the upper bound, and no NaN
    if (!(spread >= SPREAD[0] && spread <= SPREAD[1] && straight)) return null;
    low = Math.min(low, dark[i], bright[i]);
    high = Math.max(high, dark[i], bright[i]);
  }
  const [channels] = input.shape;
  const normalization = { mean: Array<number>(channels).fill(0), std: Array<number>(channels).fill(1 / 255) };
  const [from, to] = [low, high].map((value) => Number(value.toPrecision(3)));
  const of = inputsOf(network).length > 1 ? ` of ${input.name}` : "";
  const text = `the network's own first nodes, up to "${last}", make ${from}..${to} of pixels 0..255: pixels${of} go in as they are`;
  return { last, low, high, normalization, text };
}
