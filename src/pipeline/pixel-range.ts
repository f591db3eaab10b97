// pixel-range.ts: whether pixels become a network's input as in training, by the statistics that its batch norms have kept.
import { greatestOf } from "../base/index.js";
import { type Samples, samplesOf } from "../data/browser.js";
import { inferShapes, liveNodes, type Network } from "../graph/index.js";
import { type BatchNormNode, type InputNode, type Node, type Normalization, nodeInputs } from "../ops/index.js";
import { sampleActivations } from "../training/index.js";
import { usualNormalization, withNormalization } from "./network.js";

/** Pixels, image after image, and what is assumed of them. */
type Assumed = { readonly images: Uint8Array; readonly normalization: Normalization };

/** One way in which pixels become values. */
interface Candidate {
  readonly name: string;
  readonly normalization: Normalization;
}

/** Images whose statistics are compared. */
const IMAGES = 32;
/** Batch norms that are compared, the nearest to the input. */
const NORMS = 2;
/** Nats between two normal distributions: below, they may be the same; a candidate has to be this close to be named. */
const CLOSE = 0.5;
/** A candidate is named if it is so many times closer than what was given. */
const CLOSER = 4;

/**
 * Compares the values in front of the first batch norms, for these pixels, with the running statistics of training.
 * @returns a sentence that names the likelier way to make values of pixels; null where what was given fits, where nothing
 *   fits, and where the first layers have no batch norm
 */
export function unlikelyRange(network: Network, input: InputNode, { images, normalization }: Assumed): string | null {
  const norms = firstNorms(network, input);
  if (norms.length === 0) return null;
  const { shape } = input;
  const length = shape[0] * shape[1] * shape[2];
  const some = images.subarray(0, IMAGES * length);
  const head = headOf(network, input, norms);
  const distance = (candidate: Normalization): number => {
    const taking = withNormalization(head, candidate);
    return distanceFrom(taking, samplesOf({ images: some, shape, normalization: candidate }), norms);
  };
  const given = distance(normalization);
  if (given < CLOSE) return null;
  const rated = candidatesFor(shape[0]).map((one) => ({ ...one, nats: distance(one.normalization) }));
  const best = rated.reduce((least, one) => (one.nats < least.nats ? one : least));
  if (!(best.nats < CLOSE && best.nats * CLOSER < given)) return null;
  const [{ name }] = norms;
  return (
    `pixels become other values here than in training: the batch norm "${name}" has kept statistics from which these images lie ` +
    `${given.toFixed(1)} nats away, but only ${best.nats.toFixed(2)} with ${best.name}`
  );
}

/** The ranges and statistics that networks are most often trained with. */
function candidatesFor(channels: number): readonly Candidate[] {
  const all = (value: number): number[] => Array<number>(channels).fill(value);
  const candidates: Candidate[] = [
    { name: "pixels as 0..1 (--range 1)", normalization: { mean: all(0), std: all(1) } },
    { name: "pixels as -1..1 (--range 1 --mean 0.5 --std 0.5)", normalization: { mean: all(0.5), std: all(0.5) } },
    { name: "pixels as 0..255 (--range 255)", normalization: { mean: all(0), std: all(1 / 255) } },
  ];
  if (channels !== 3) return candidates;
  const usual = usualNormalization(channels);
  const name = `ImageNet's mean and deviation (--mean ${usual.mean.join(",")} --std ${usual.std.join(",")})`;
  return [...candidates, { name, normalization: usual }];
}

/** Kinds whose results still show the scale of the input. */
const TRANSPARENT: readonly Node["op"][] = ["conv", "batchNorm", "relu", "leakyRelu", "activation", "maxPool", "pad"];

/** The batch norms nearest to an input, reached through layers that follow one another. */
function firstNorms({ nodes }: Network, input: InputNode): readonly BatchNormNode[] {
  const reached = new Set<string>();
  const found: BatchNormNode[] = [];
  for (const node of nodes) {
    const follows = TRANSPARENT.includes(node.op) && nodeInputs(node).every((name) => reached.has(name));
    if (node !== input && !follows) continue;
    reached.add(node.name);
    if (node.op === "batchNorm") found.push(node);
    if (found.length === NORMS) break;
  }
  return found;
}

/** The network up to what the batch norms read. */
function headOf(network: Network, input: InputNode, norms: readonly BatchNormNode[]): Network {
  const outputs = norms.map(({ input }) => input);
  const nodes = liveNodes(network.nodes, outputs).filter((node) => node.op !== "input" || node === input);
  return { name: network.name, outputs, nodes };
}

/** Sums over all values of a channel, for each channel. */
interface Sums {
  readonly values: Float64Array;
  readonly squares: Float64Array;
  /** Values a channel. */
  count: number;
}

/** Nats between the running statistics and those of the samples, on average over channels, for the worst batch norm. */
function distanceFrom(head: Network, samples: Samples, norms: readonly BatchNormNode[]): number {
  const planes = inferShapes(head);
  const sums = norms.map(({ mean: { data } }): Sums => {
    return { values: new Float64Array(data.length), squares: new Float64Array(data.length), count: 0 };
  });
  for (const batch of sampleActivations(head, samples, head.outputs)) {
    for (const [i, { input }] of norms.entries()) {
      const [, height, width] = planes.get(input)!;
      addTo(sums[i], batch.get(input)!, height * width);
    }
  }
  return greatestOf(norms.map((norm, i) => divergence(norm, sums[i])));
}

/** Adds a batch, (count, channels, plane). */
function addTo(sums: Sums, data: Float32Array, plane: number): void {
  const channels = sums.values.length;
  for (let at = 0; at < data.length; at += plane) {
    let [value, square] = [0, 0];
    for (const x of data.subarray(at, at + plane)) {
      value += x;
      square += x * x;
    }
    const c = (at / plane) % channels;
    sums.values[c] += value;
    sums.squares[c] += square;
  }
  sums.count += data.length / channels;
}

/** Symmetric Kullback-Leibler divergence of two normal distributions, on average over the channels. */
function divergence({ mean, variance, epsilon }: BatchNormNode, { values, squares, count }: Sums): number {
  let total = 0;
  for (let c = 0; c < mean.data.length; c++) {
    const found = values[c] / count;
    const [a, b] = [Math.max(squares[c] / count - found * found, 0) + epsilon, variance.data[c] + epsilon];
    const gap = (found - mean.data[c]) ** 2;
    total += ((a + gap) / b + (b + gap) / a - 2) / 2;
  }
  return total / mean.data.length;
}
