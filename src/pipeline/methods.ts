// methods.ts: one of the methods that papers compare: a float network to a model.
import { given, is, leastOf, ShiftwiseError } from "../base/index.js";
import { type Dataset, sampleImages, size } from "../data/browser.js";
import { lower, type Network } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import type { WeightGrids } from "../ops/index.js";
import {
  type ActivationScheme,
  averageBits,
  budgetBits,
  type CalibrationOptions,
  huffmanBytes,
  type LayerBits,
  paperBits,
  portionsFor,
  QUANTIZER,
  type Quantizer,
  quantizeWeights,
  SCHEME,
  shapedBits,
  type WidthShape,
  weightNodes,
} from "../quantize/index.js";
import {
  COMMON,
  type CommonOptions,
  type Control,
  layerSensitivity,
  retrain,
  retrainStraightThrough,
} from "../training/index.js";
import { checkFloat, logitsOf, normalizedFor, taking, withQuantizers } from "./network.js";
import type { ConversionResult } from "./notes.js";
import { reestimationBatches } from "./retraining.js";
import { CONTROL, TRAINING } from "./settings.js";

/**
 * Bits of every layer's weights: the same, given one by one in the order of the network, along a shape with an average, or by
 * sensitivity within one.
 */
export type Widths =
  | { readonly kind: "uniform"; readonly bits: number }
  | { readonly kind: "given"; readonly bits: readonly number[] }
  | { readonly kind: WidthShape | "auto"; readonly average: number };

/** A method of the papers, with its widths. */
export interface Method {
  /** The name for errors and the model's notes. */
  readonly name: string;
  readonly quantizer: Quantizer;
  /** "portions": INQ. "straight-through": retrainStraightThrough. Default "straight-through". */
  readonly retraining?: "portions" | "straight-through";
  readonly widths: Widths;
  readonly activations: ActivationScheme;
  /** Epochs of retraining; null for those of the whole comparison. */
  readonly epochs: number | null;
}

/** Settings of quantizeByMethod. */
export interface MethodSettings {
  readonly epochs: number;
  /** Settings of straight-through retraining and of INQ's portions. */
  readonly training: CommonOptions;
}

const METHOD = is.record<Method>({
  name: is.text,
  quantizer: QUANTIZER,
  retraining: is.optional(is.oneOf("portions", "straight-through")),
  widths: is.either(
    (value) => (value as Widths | undefined)?.kind === "uniform",
    is.record<Extract<Widths, { kind: "uniform" }>>({ kind: is.text, bits: is.integer(1) }),
    is.either(
      (value) => (value as Widths | undefined)?.kind === "given",
      is.record<Extract<Widths, { kind: "given" }>>({ kind: is.text, bits: is.list(is.integer(1)) }),
      is.record<Extract<Widths, { average: number }>>({
        kind: is.oneOf("uniform", "given", "auto", "convex", "concave", "inc", "dec"),
        average: is.number,
      }),
    ),
  ),
  activations: SCHEME,
  epochs: is.nullable(is.integer(0)),
});
const SETTINGS = is.record<MethodSettings>({
  epochs: is.integer(0),
  training: is.record<CommonOptions>({ ...COMMON, ...TRAINING }),
});
const STEERING = is.record<Control>({ signal: CONTROL.signal, onProgress: CONTROL.onProgress });

/** The result of quantizeByMethod. */
export interface MethodConversion extends ConversionResult {
  /** Bytes of the weights after Deep Compression's last stage; null for the other methods. */
  readonly huffmanBytes: number | null;
}

/** Images whose loss tells a layer's sensitivity. */
const SENSITIVITY_IMAGES = 2000;
const AUTO_WIDTHS = [1, 2, 3, 4, 5];

/**
 * Checks the widths of a method against a network.
 * @throws BAD_OPTION for bits given one by one for another number of layers than the network has.
 * @internal
 */
export function checkMethod(network: Network, { name, widths }: Method): void {
  const layers = weightNodes(network).map((node) => node.name);
  if (widths.kind !== "given" || widths.bits.length === layers.length) return;
  throw new ShiftwiseError("BAD_OPTION", "bits for another number of layers", {
    where: `methods ${name}`,
    expected: `${layers.length}: ${layers.join(", ")}`,
    found: widths.bits.length,
  });
}

/**
 * Turns a float network into a model with one of the methods. The network is not changed.
 * @param dataset training images; they are normalized as the network's input says, or as they say where it says nothing.
 * @throws BAD_OPTION as checkMethod; BAD_GRAPH for a network that is quantized already; what the method's parts throw; ABORTED
 */
export async function quantizeByMethod(
  float: Network,
  dataset: Dataset,
  method: Method,
  settings: MethodSettings,
  control: Control = {},
): Promise<MethodConversion> {
  given({ method, options: settings, control }, { method: METHOD, options: SETTINGS, control: STEERING });
  checkFloat(float);
  checkMethod(float, method);
  const { network: ending, whole } = logitsOf(float);
  const network = structuredClone(taking(ending, dataset));
  const images = normalizedFor(network, dataset);
  const epochs = method.epochs ?? settings.epochs;
  const bits = await widthsFor(network, images, method, settings);
  const train = TRAININGS[method.retraining ?? "straight-through"];
  const { training } = settings;
  const { network: logits, grids } = await train({ network, dataset: images, method, bits, epochs, training, control });
  const trained = { network: whole(logits), grids };
  const counts = countsOf(network);
  const all = typeof bits === "number" ? new Map(counts.map(({ name }) => [name, bits])) : bits;
  const model = { ...lower(trained.network, { grids: trained.grids }), notes: { method: method.name } };
  return {
    ...trained,
    model,
    layers: counts.map(({ name, count }) => ({ name, weights: count, bits: all.get(name)! })),
    averageBits: averageBits(counts, all),
    warnings: [],
    huffmanBytes: method.quantizer.name === "deepcompression" ? sparseBytes(model) : null,
  };
}

const countsOf = (network: Network) =>
  weightNodes(network).map(({ name, weight }) => ({ name, count: weight.data.length }));

async function widthsFor(
  network: Network,
  dataset: Dataset,
  { widths, quantizer }: Method,
  { training }: MethodSettings,
): Promise<LayerBits> {
  if (widths.kind === "uniform") return widths.bits;
  const layers = countsOf(network);
  if (widths.kind === "given") return new Map(layers.map(({ name }, i) => [name, widths.bits[i]]));
  const { average, kind } = widths;
  if (kind !== "auto") return shapedBits(layers, kind, average);
  const known = AUTO_WIDTHS.filter((bits) => quantizer.bits.includes(bits));
  const images = sampleImages(dataset, SENSITIVITY_IMAGES, training.seed ?? 1);
  const measured = await layerSensitivity(network, images, quantizer, known, { threads: training.threads ?? 1 });
  return budgetBits(measured, average);
}

/** A retraining that is to be done. */
interface Task {
  /** The network whose weights are changed. */
  readonly network: Network;
  readonly dataset: Dataset;
  readonly method: Method;
  readonly bits: LayerBits;
  readonly epochs: number;
  readonly training: CommonOptions;
  readonly control: Control;
}

interface Trained {
  /** With quantize nodes. */
  readonly network: Network;
  readonly grids: WeightGrids;
}

/** Returns the calibration of the papers: the result of a ReLU has the method's bits, sums and means have 8. */
function calibrationFor(activations: ActivationScheme): CalibrationOptions {
  return { activations, others: { bits: 8 } };
}

/**
 * Straight-through retraining. Activation encodings are fitted anew before each epoch and stay as the last fit left them
 * (WEQ, algorithm 2): first to what the float network makes, then to what the network with its quantized weights does. Those
 * weights do not go with the batch norm statistics of the float network, so before the first epoch they would say nothing.
 * The rate falls along one cosine.
 */
async function straightThrough({ network, dataset, method, bits, epochs, training, control }: Task): Promise<Trained> {
  const { activations: scheme, quantizer } = method;
  const seed = training.seed ?? 1;
  if (epochs === 0) {
    const grids = quantizeWeights(network, quantizer, bits);
    return { network: await withQuantizers(network, dataset, calibrationFor(scheme), seed, control.signal), grids };
  }
  const share = (epoch: number): number => 0.5 * (1 + Math.cos((Math.PI * epoch) / epochs));
  const latent = new Map(weightNodes(network).map(({ name, weight }) => [name, weight.data.slice()]));
  let last: Awaited<ReturnType<typeof retrainStraightThrough>> | undefined;
  let simulated = network;
  const reestimate = reestimationBatches(dataset, training.batchSize);
  for (let epoch = 0; epoch < epochs; epoch++) {
    simulated = await withQuantizers(network, dataset, calibrationFor(scheme), seed, control.signal);
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
  return { network: simulated, grids: last!.grids };
}

/** Training images on which INQ rounds its portions with compensation. */
const COMPENSATION_IMAGES = 256;
/** Bits up to which every output channel has a scale of its own. */
const SCALED_BITS = 3;

/**
 * INQ in as many epochs as the others have, spread over its portions, the rate falling along one cosine; 3 bits and fewer with
 * a scale a channel. Without retraining it is plain rounding: the paper's at 5 and 4 bits, with n1 by least squared error at 3 and 2.
 */
async function incremental({ network, dataset, method, bits, epochs, training, control }: Task): Promise<Trained> {
  const { activations: scheme, quantizer } = method;
  const simulated = await withQuantizers(network, dataset, calibrationFor(scheme), training.seed ?? 1, control.signal);
  if (epochs === 0) {
    const { grids } = await retrain(
      simulated,
      dataset,
      { ...training, quantizer, bits, portions: [1], epochs: 0 },
      control,
    );
    return { network: simulated, grids };
  }
  const plan = portionsWithin(portionsFor(paperBits(bits)), epochs);
  const fewest = typeof bits === "number" ? bits : leastOf(bits.values());
  const { grids } = await retrain(
    simulated,
    dataset,
    {
      ...training,
      ...plan,
      quantizer,
      bits,
      reestimate: reestimationBatches(dataset, training.batchSize),
      anneal: "run",
      compensate: Math.min(COMPENSATION_IMAGES, size(dataset)),
      ...(fewest <= SCALED_BITS && { scale: "channel" }),
    },
    control,
  );
  return { network: simulated, grids };
}

const TRAININGS: {
  readonly [Retraining in NonNullable<Method["retraining"]>]: (task: Task) => Promise<Trained>;
} = {
  portions: incremental,
  "straight-through": straightThrough,
};

/**
 * Returns as many of the portions as there are epochs to retrain after each, at even distances, and the last, after
 * which no weight is free; where epochs are left over, the first portions have one more.
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
