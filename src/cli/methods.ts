// methods.ts: the methods that compare runs side by side: from a float network to a model, by name and bits.
import { type Dataset, size } from "../data/index.js";
import { type ModelDef, ShiftwiseError } from "../format/index.js";
import { decodeNetwork, encodeNetwork, lower, type Network, type WeightGrids } from "../graph/index.js";
import {
  type ActivationScheme,
  averageBits,
  budgetBits,
  type CalibrationOptions,
  huffmanBytes,
  type LayerBits,
  portionsFor,
  QUANTIZERS,
  type Quantizer,
  quantizeWeights,
  shapedBits,
  type WidthShape,
  weightNodes,
} from "../quantize/index.js";
import {
  type CommonOptions,
  type Control,
  layerSensitivity,
  retrain,
  retrainStraightThrough,
} from "../training/index.js";
import { activationScheme } from "./arguments.js";
import { commonSettings, sampleImages, withQuantizers } from "./quantization.js";

/**
 * Bits of every layer's weights: the same, given one by one in the order of the network, along a shape with an average, or by
 * sensitivity within one.
 */
export type Widths =
  | { readonly kind: "uniform"; readonly bits: number }
  | { readonly kind: "given"; readonly bits: readonly number[] }
  | { readonly kind: WidthShape | "auto"; readonly average: number };

export interface Method {
  /** As it was written. */
  readonly name: string;
  /** Null for INQ, which has a retraining of its own. */
  readonly quantizer: Quantizer | null;
  readonly widths: Widths;
  readonly activations: ActivationScheme;
  /** Of retraining; null for those of the whole comparison. */
  readonly epochs: number | null;
}

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

/** What runs unless told. */
export const METHODS: readonly string[] = [
  "inq:5/8",
  "inq:4/8",
  "inq:3/8",
  "inq:3/8@0",
  "inq:2/8",
  "weq:4/8",
  "weq:3/8",
  "weq:3/8@0",
  "weq:2/8",
  "weq:1/8",
  "weq-code:3/8",
  "weq:4/weq4",
  "weq:3/weq6",
  "weq:auto3.5/8",
  "weq:convex2.5/8",
  "weq:inc2.5/8",
  "bwn:1/8",
  "bwn:1/1",
  "dorefa:3/8",
  "dorefa:1/4",
  "twn:2/8",
  "ttq:2/8",
  "deepcompression:4/8",
  "deepshift:4/8",
  "shiftcnn:8/8@0",
  "apot:4/4",
  "linear:5/log4",
  "log-2:5/log4",
  "log-sqrt2:5/log4",
];

const SHAPES = ["auto", "convex", "concave", "inc", "dec"];
const INQ_BITS = [2, 3, 4, 5];
/** Images whose loss tells a layer's sensitivity. */
const SENSITIVITY_IMAGES = 2000;
const AUTO_WIDTHS = [1, 2, 3, 4, 5];

/**
 * "name:weights/activations", and "@epochs" for retraining other than the comparison's. Weights are bits; or bits of every
 * layer in the order of the network, 5-3-3-4; or auto3.5, convex3, concave3, inc3, dec3 with the average over all weights.
 * Activations are as for quantize. XNOR-Net is bwn:1/1: an activation b of one bit is x = 2 b - 1 up to a factor and a
 * constant of each channel, which batch norm takes in; padding stands at b = 0. Its map of input scales becomes the one scale
 * of the tensor.
 * @throws BAD_OPTION
 */
export function parseMethod(text: string): Method {
  const match = /^([a-z0-9-]+):(\d(?:-\d)*|([a-z]+)(\d(?:\.\d+)?))\/([a-z]*\d)(?:@(\d{1,3}))?$/.exec(text);
  const [, name, weights, shape, average, scheme, epochs] = match ?? [];
  const quantizer = QUANTIZERS.find((candidate) => candidate.name === name) ?? null;
  if (!match || (quantizer === null && name !== "inq") || !(shape === undefined || SHAPES.includes(shape))) {
    const names = ["inq", ...QUANTIZERS.map((candidate) => candidate.name)].join(", ");
    throw new ShiftwiseError("BAD_OPTION", "no such method", {
      where: "--methods",
      expected: `name:bits/activations, the name one of ${names}`,
      found: text,
    });
  }
  const known = quantizer?.bits ?? INQ_BITS;
  const bits = shape === undefined ? weights.split("-").map(Number) : [];
  if (shape === undefined ? !bits.every((width) => known.includes(width)) : quantizer === null) {
    throw new ShiftwiseError("BAD_OPTION", "bits that the method does not have", {
      where: `--methods ${text}`,
      expected: known.join(", "),
      found: weights,
    });
  }
  return {
    name: text,
    quantizer,
    widths: shape === undefined ? widthsOf(bits) : { kind: shape as WidthShape | "auto", average: Number(average) },
    activations: activationScheme(scheme),
    epochs: epochs === undefined ? null : Number(epochs),
  };
}

/** @throws BAD_OPTION for bits given one by one for another number of layers than the network has. */
export function checkMethod(network: Network, { name, widths }: Method): void {
  const layers = weightNodes(network).map((node) => node.name);
  if (widths.kind !== "given" || widths.bits.length === layers.length) return;
  throw new ShiftwiseError("BAD_OPTION", "bits for another number of layers", {
    where: `--methods ${name}`,
    expected: `${layers.length}: ${layers.join(", ")}`,
    found: widths.bits.length,
  });
}

const widthsOf = (bits: readonly number[]): Widths =>
  bits.length === 1 ? { kind: "uniform", bits: bits[0] } : { kind: "given", bits };

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
 * a scale a channel. Without retraining it is the plain rounding of the paper.
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
