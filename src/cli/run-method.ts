// run-method.ts: one of the methods that compare runs: from a float network to a model.
import { type Dataset, sampleImages, size } from "../data/index.js";
import { decodeNetwork, encodeNetwork, lower, type Network } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import type { WeightGrids } from "../ops/index.js";
import {
  type ActivationScheme,
  averageBits,
  budgetBits,
  type CalibrationOptions,
  huffmanBytes,
  type LayerBits,
  portionsFor,
  type Quantizer,
  quantizeWeights,
  shapedBits,
  weightNodes,
} from "../quantize/index.js";
import {
  type CommonOptions,
  type Control,
  layerSensitivity,
  retrain,
  retrainStraightThrough,
} from "../training/index.js";
import type { Method } from "./methods.js";
import { commonSettings, withQuantizers } from "./quantization.js";

export interface MethodSettings {
  readonly epochs: number;
  /** Of straight-through retraining and of INQ's portions. */
  readonly training: CommonOptions;
}

export interface MethodResult {
  readonly model: ModelDef;
  /** Average over all weights. */
  readonly weightBits: number;
  readonly activationBits: number;
  /** Bytes of the weights after Deep Compression's last stage; null for the other methods. */
  readonly huffmanBytes: number | null;
}

/** Images whose loss tells a layer's sensitivity. */
const SENSITIVITY_IMAGES = 2000;
const AUTO_WIDTHS = [1, 2, 3, 4, 5];

/**
 * Turns a copy of a float network into a model.
 * @param dataset training images, normalized as the network expects.
 * @throws what the method's parts throw; ABORTED
 */
export async function runMethod(
  float: Network,
  dataset: Dataset,
  method: Method,
  settings: MethodSettings,
  control: Control,
): Promise<MethodResult> {
  const network = decodeNetwork(encodeNetwork(float)).network;
  const epochs = method.epochs ?? settings.epochs;
  const bits = await widthsFor(network, dataset, method, settings);
  const { simulated, grids } = method.quantizer
    ? await straightThrough(network, dataset, method, method.quantizer, bits, epochs, settings, control)
    : await incremental(network, dataset, method, bits, epochs, settings, control);
  const layers = weightNodes(network).map(({ name, weight }) => ({ name, count: weight.data.length }));
  const all = typeof bits === "number" ? new Map(layers.map(({ name }) => [name, bits])) : bits;
  const model = { ...lower(simulated, { grids }), notes: { method: method.name } };
  return {
    model,
    weightBits: averageBits(layers, all),
    activationBits: method.activations.bits,
    huffmanBytes: method.quantizer?.name === "deepcompression" ? sparseBytes(model) : null,
  };
}

async function widthsFor(
  network: Network,
  dataset: Dataset,
  { widths, quantizer }: Method,
  { training }: MethodSettings,
): Promise<LayerBits> {
  if (widths.kind === "uniform") return widths.bits;
  const layers = weightNodes(network).map(({ name, weight }) => ({ name, count: weight.data.length }));
  if (widths.kind === "given") return new Map(layers.map(({ name }, i) => [name, widths.bits[i]]));
  const { average, kind } = widths;
  if (kind !== "auto") return shapedBits(layers, kind, average);
  const known = AUTO_WIDTHS.filter((bits) => quantizer!.bits.includes(bits));
  const images = sampleImages(dataset, SENSITIVITY_IMAGES, training.seed ?? 1);
  const measured = await layerSensitivity(network, images, quantizer!, known, { threads: training.threads ?? 1 });
  return budgetBits(measured, average);
}

interface Trained {
  /** With quantize nodes. */
  readonly simulated: Network;
  readonly grids: WeightGrids;
}

/** As in the papers, what a ReLU makes has the method's bits, sums and means have 8. */
function calibrationFor(activations: ActivationScheme): CalibrationOptions {
  return { activations, others: { bits: 8 } };
}

/**
 * Straight-through retraining. Activation encodings are fitted anew before each epoch and stay as the last fit left them
 * (WEQ, algorithm 2): first to what the float network makes, then to what the network with its quantized weights does. Those
 * weights do not go with the batch norm statistics of the float network, so before the first epoch they would tell nothing.
 * The rate falls along one cosine.
 */
async function straightThrough(
  network: Network,
  dataset: Dataset,
  { activations: scheme }: Method,
  quantizer: Quantizer,
  bits: LayerBits,
  epochs: number,
  { training }: MethodSettings,
  control: Control,
): Promise<Trained> {
  const seed = training.seed ?? 1;
  if (epochs === 0) {
    const grids = quantizeWeights(network, quantizer, bits);
    return { simulated: await withQuantizers(network, dataset, calibrationFor(scheme), seed), grids };
  }
  const share = (epoch: number): number => 0.5 * (1 + Math.cos((Math.PI * epoch) / epochs));
  const latent = new Map(weightNodes(network).map(({ name, weight }) => [name, weight.data.slice()]));
  let last: Awaited<ReturnType<typeof retrainStraightThrough>> | undefined;
  let simulated = network;
  const { reestimate } = commonSettings([1], 0, size(dataset), training.batchSize);
  for (let epoch = 0; epoch < epochs; epoch++) {
    simulated = await withQuantizers(network, dataset, calibrationFor(scheme), seed);
    for (const { name, weight } of weightNodes(network)) weight.data.set((last?.latent ?? latent).get(name)!);
    last = await retrainStraightThrough(
      simulated,
      dataset,
      {
        ...training,
        learningRate: training.learningRate * share(epoch),
        schedule: { kind: "cosine", final: share(epoch + 1) / share(epoch) },
        seed: seed + epoch,
        quantizer,
        bits,
        epochs: 1,
        ...(last && { fits: last.fits }),
        ...(epoch === epochs - 1 && { reestimate }),
      },
      control,
    );
  }
  return { simulated, grids: last!.grids };
}

/** Training images on which INQ rounds its portions with compensation. */
const COMPENSATION_IMAGES = 256;
/** So many bits and fewer: every output channel has a scale of its own. */
const SCALED_BITS = 3;

/**
 * INQ in as many epochs as the others have, spread over its portions, the rate falling along one cosine; 3 bits and fewer with
 * a scale a channel. Without retraining it is plain rounding: the paper's at 5 and 4 bits, with n1 by least squared error at 3 and 2.
 */
async function incremental(
  network: Network,
  dataset: Dataset,
  { activations: scheme }: Method,
  bits: LayerBits,
  epochs: number,
  { training }: MethodSettings,
  control: Control,
): Promise<Trained> {
  const simulated = await withQuantizers(network, dataset, calibrationFor(scheme), training.seed ?? 1);
  if (epochs === 0) {
    const { grids } = await retrain(simulated, dataset, { ...training, bits, portions: [1], epochs: 0 }, control);
    return { simulated, grids };
  }
  const plan = portionsWithin(portionsFor(bits), epochs);
  const { reestimate } = commonSettings(plan.portions, 0, size(dataset), training.batchSize);
  const fewest = typeof bits === "number" ? bits : Math.min(...bits.values());
  const { grids } = await retrain(
    simulated,
    dataset,
    {
      ...training,
      ...plan,
      bits,
      reestimate,
      anneal: "run",
      compensate: Math.min(COMPENSATION_IMAGES, size(dataset)),
      ...(fewest <= SCALED_BITS && { scale: "channel" }),
    },
    control,
  );
  return { simulated, grids };
}

/**
 * As many of the portions as there are epochs to retrain after each, at even distances, and the last, after which no weight is
 * free; where epochs are left over, the first portions have one more.
 */
export function portionsWithin(
  portions: readonly number[],
  epochs: number,
): { readonly portions: readonly number[]; readonly epochs: readonly number[] } {
  const before = portions.slice(0, -1);
  const count = Math.min(before.length, epochs);
  const kept = Array.from({ length: count }, (_, i) => before[Math.round(((i + 1) * before.length) / count) - 1]);
  const each = kept.map((_, i) => Math.floor(epochs / count) + (i < epochs % count ? 1 : 0));
  return { portions: [...kept, 1], epochs: [...each, 0] };
}

/** Weights of all layers as Deep Compression would store them. */
function sparseBytes(model: ModelDef): number {
  return model.layers.reduce((sum, layer) => {
    if ((layer.op !== "conv" && layer.op !== "dense") || layer.weights.kind !== "codebook") return sum;
    return sum + huffmanBytes(layer.weights.levels, layer.weights.codes);
  }, 0);
}
