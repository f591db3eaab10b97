// network.ts: a float network made ready for its images: input, batch norm, quantize nodes.
import { frozenCopy, given, is, looseCopy, ShiftwiseError } from "../base/index.js";
import { checkDataset, DATASET, type Dataset, sampleImages, samplesOf } from "../data/browser.js";
import {
  demoNetwork,
  inferShapes,
  inputsOf,
  insertQuantizers,
  NETWORK,
  type Network,
  quantizationPoints,
  resnet20,
  validateNetwork,
  vgg,
} from "../graph/index.js";
import { type InputNode, NORMALIZATION, type Node, type Normalization } from "../ops/index.js";
import {
  type CalibrationOptions,
  calibrate,
  collectHistograms,
  SMALLEST_WEIGHT,
  weightNodes,
} from "../quantize/index.js";
import { activations, recoverNorms } from "../training/index.js";
import { interruptible } from "./interruptible.js";

/**
 * The names of architectures.
 * @internal
 */
export const NETWORKS = frozenCopy(["demo", "resnet20", "vgg"] as const);
/** The name of an architecture of freshNetwork. */
export type NetworkName = (typeof NETWORKS)[number];

/** More are no picture. */
const MOST_CHANNELS = 2 ** 20;
/** Training images whose statistics put a folded batch norm back. */
const RECOVERY_IMAGES = 512;
/** Activation ranges are fitted to this many training images. */
const CALIBRATION_IMAGES = 512;

/**
 * Makes a fresh network for a data set, which takes its pixels and carries its class names.
 * @param width channels of the first layer of demo, default 16, and of vgg, default 24; resnet20 has none to choose.
 * @throws BAD_OPTION for another name, and as demoNetwork, resnet20 and vgg
 */
export function freshNetwork(name: NetworkName, dataset: Dataset, seed: number, width?: number): Network {
  given({ name, dataset }, { name: is.oneOf(...NETWORKS), dataset: DATASET });
  const { shape, classes, normalization, classNames } = looseCopy(dataset);
  const network = { demo: demoNetwork, resnet20, vgg }[name](shape, classes, seed, width);
  return { ...withNormalization(network, normalization), ...(classNames && { labels: classNames }) };
}

/**
 * The network with an input that takes pixels and normalizes them so.
 * @param input the name of one input, where there are several; all unless given
 */
export function withNormalization(network: Network, normalization: Normalization, input?: string): Network {
  given(
    { network, normalization, input },
    { network: NETWORK, normalization: NORMALIZATION, input: is.optional(is.text) },
  );
  const nodes = network.nodes.map((node) =>
    node.op === "input" && (input === undefined || node.name === input)
      ? { ...node, normalization: looseCopy(normalization) }
      : node,
  );
  return { ...network, nodes };
}

/**
 * The normalization that exports were most often trained with where they do not say it, of pixel / 255: ImageNet's statistics
 * for colours, 0..1 for the rest.
 */
export function usualNormalization(channels: number): Normalization {
  given({ channels }, { channels: is.integer(1, MOST_CHANNELS) });
  if (channels !== 3) return { mean: Array<number>(channels).fill(0), std: Array<number>(channels).fill(1) };
  return { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
}

/**
 * Finds the one input of a network that is to learn from labels.
 * @throws BAD_GRAPH for none, UNSUPPORTED for several
 * @internal
 */
export function inputOf(network: Network): InputNode {
  const [input, ...others] = inputsOf(network);
  if (!input) throw new ShiftwiseError("BAD_GRAPH", "no input node", { where: network.name });
  if (others.length === 0) return input;
  throw new ShiftwiseError("UNSUPPORTED", "training takes networks of one input", {
    where: network.name,
    expected: "quantize --calibrate, in code quantizeFromImages",
    found: [input, ...others].map(({ name }) => name).join(", "),
  });
}

/**
 * The network with zeros for the weights of layers in which all are too small to be quantized, as training leaves them in
 * layers that do nothing.
 */
export function withoutTiny(network: Network, warn: (text: string) => void): Network {
  const nodes = network.nodes.map((node): Node => {
    if (node.op !== "conv" && node.op !== "dense") return node;
    const { shape, data } = node.weight;
    const largest = data.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    if (largest === 0 || largest >= SMALLEST_WEIGHT) return node;
    warn(
      `the weights of ${node.name} are at most ${largest.toPrecision(3)}, too small for float32 to hold levels of them, and became 0: if the layer matters, multiply its weights and divide what follows by as much`,
    );
    return { ...node, weight: { shape, data: new Float32Array(data.length) } };
  });
  return { ...network, nodes };
}

/** @throws BAD_GRAPH for what is no complete network, is quantized already or has no weights */
export function checkFloat(network: Network): void {
  if (!Array.isArray(network?.nodes) || !Array.isArray(network.outputs)) {
    throw new ShiftwiseError("BAD_GRAPH", "not a float network", {
      where: "network",
      expected: "what importOnnx, decodeNetwork or buildNetwork return",
      found: network,
    });
  }
  validateNetwork(network);
  const quantized = network.nodes.find((node) => node.op === "quantize");
  if (quantized) throw new ShiftwiseError("BAD_GRAPH", "already quantized", { where: quantized.name });
  if (weightNodes(network).length > 0) return;
  throw new ShiftwiseError("BAD_GRAPH", "no weights to quantize", {
    where: network.name,
    expected: "a convolution or a dense layer",
  });
}

/**
 * The network, with an input that takes the set's pixels where it says nothing about pixels.
 * @throws BAD_DATA for what is no set
 */
export function taking(network: Network, dataset: Dataset): Network {
  checkDataset(dataset, "dataset");
  const { normalization } = dataset;
  return inputOf(network).normalization || !normalization ? network : withNormalization(network, normalization);
}

/** A network that ends in logits, and what puts the softmax back behind it. */
export interface Logits {
  readonly network: Network;
  /** @param trained the network after a training, with or without quantize nodes */
  whole(trained: Network): Network;
}

/** The network without the softmax that makes its one output of a vector: labels are held against logits. */
export function logitsOf(network: Network): Logits {
  const [output, ...more] = network.outputs;
  const last = network.nodes.find(({ name }) => name === output);
  const isVector = inferShapes(network)
    .get(output)!
    .slice(1)
    .every((n) => n === 1);
  if (last?.op !== "softmax" || more.length > 0 || !isVector) return { network, whole: (trained) => trained };
  const { ports, ...rest } = network;
  const { [output]: _, ...others } = ports ?? {};
  const nodes = network.nodes.filter((node) => node !== last);
  return {
    network: { ...rest, nodes, outputs: [last.input], ...(ports && { ports: others }) },
    whole: (trained) => ({ ...trained, nodes: [...trained.nodes, last], outputs: [output], ...(ports && { ports }) }),
  };
}

/**
 * The set normalized as the network expects, which need not be what the set's own images call for.
 * @throws UNSUPPORTED for a network that does not say.
 */
export function normalizedFor(network: Network, dataset: Dataset): Dataset {
  given({ network, dataset }, { network: NETWORK, dataset: DATASET });
  const { normalization } = inputOf(network);
  if (normalization) return { ...dataset, normalization };
  throw new ShiftwiseError("UNSUPPORTED", "the network says nothing about pixels", {
    where: network.name,
    expected: "an input with normalization",
  });
}

/**
 * Retraining needs batch norm, which most exports have folded away: where a network has none, every convolution gets one,
 * and the function stays. A network that needs none is returned itself.
 * @param dataset training images.
 * @throws UNSUPPORTED for a network whose input says nothing about pixels.
 */
export function withNorms(network: Network, dataset: Dataset, seed: number): Network {
  given({ network, dataset, seed }, { network: NETWORK, dataset: DATASET, seed: is.integer(0) });
  const has = (op: string) => network.nodes.some((node) => node.op === op);
  if (has("batchNorm") || !has("conv")) return network;
  return recoverNorms(network, samplesOf(sampleImages(normalizedFor(network, dataset), RECOVERY_IMAGES, seed)));
}

/** The network with quantize nodes, fitted to what it makes of some of the images. Weights are shared with the one given. */
export async function withQuantizers(
  network: Network,
  dataset: Dataset,
  options: CalibrationOptions,
  seed: number,
  signal?: AbortSignal,
): Promise<Network> {
  const points = quantizationPoints(network);
  const images = sampleImages(dataset, CALIBRATION_IMAGES, seed);
  const histograms = await collectHistograms(points, interruptible(activations(network, images, points), signal));
  return insertQuantizers(network, calibrate(network, histograms, options));
}
