// memory.ts: the memory that rounding a network takes, from its shapes alone.
import { volume } from "../engine/index.js";
import { inferShapes, type Network, removeQuantizers } from "../graph/index.js";
import { type ConvNode, type DenseNode, elements } from "../ops/index.js";
import { blockInputs } from "./parts.js";
import { lastReaders, segmentsOf, tensorEncodings } from "./segments.js";

/** Bytes that `compensate` takes: for each sample, beside them on one thread, and for each further thread. */
export interface RoundingMemory {
  readonly sample: number;
  readonly fixed: number;
  /** Bytes of each thread beside the first. */
  readonly thread: number;
}

/** Bytes of the engine, of two pieces of a network, each with the tensors of a batch, and of what a process has anyway. */
const BASE = 400e6;
/** Bytes of a further thread: its program, and pieces of its own. */
const THREAD = 350e6;
/** Bytes of a number of the covariance that each thread has: float32 sums, and then two float64 matrices in their place. */
const MATRICES = 16;
/** Bytes of a weight: as it is, rounded, and whether it is frozen. */
const WEIGHT = 9;
/** Bytes of a weight of the layer at work: in both pieces of the network, and packed. */
const AT_WORK = 12;
/** Bytes of a number of the covariance, and of a weight of the part at work: float64 copies and float32 sums. */
const COVARIANCE = 32;
const PART = 80;

/**
 * Predicts the memory of `compensate`.
 * @param network with its quantize nodes
 */
export function roundingMemory(network: Network): RoundingMemory {
  const layers = network.nodes.filter(
    (node): node is ConvNode | DenseNode => node.op === "conv" || node.op === "dense",
  );
  const most = (of: (node: ConvNode | DenseNode) => number) => layers.reduce((max, node) => Math.max(max, of(node)), 0);
  const weights = layers.reduce((sum, { weight }) => sum + elements(weight.shape), 0);
  const part = (node: ConvNode | DenseNode): number => {
    const n = blockInputs(node);
    const rows = node.weight.shape[0] / (node.op === "conv" ? node.groups : 1);
    return COVARIANCE * n * n + PART * n * rows;
  };
  return {
    sample: storedBytes(network) + storedBytes(removeQuantizers(network)),
    fixed: BASE + WEIGHT * weights + AT_WORK * most(({ weight }) => elements(weight.shape)) + most(part),
    thread:
      THREAD +
      4 * weights +
      AT_WORK * most(({ weight }) => elements(weight.shape)) +
      MATRICES * most((node) => blockInputs(node) ** 2),
  };
}

/** The most bytes of tensors of one sample that are kept at a time, from the segment that makes them to the last that reads them. */
function storedBytes(network: Network): number {
  const shapes = inferShapes(network);
  const encodings = tensorEncodings(network);
  const segments = segmentsOf(network);
  const bytes = (name: string) => volume(shapes.get(name)!) * (encodings.get(name)!.kind === "float32" ? 4 : 1);
  const lastReader = lastReaders(segments);
  let [now, most] = [0, 0];
  for (const [i, { reads, gives }] of segments.entries()) {
    for (const name of gives) now += bytes(name);
    most = Math.max(most, now);
    for (const name of reads) if (lastReader.get(name) === i) now -= bytes(name);
  }
  return most;
}
