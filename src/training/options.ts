// options.ts: the options of a training run, checked once, and the record that a checkpoint is held against.

import { ShiftwiseError } from "../base/index.js";
import { type Augmentation, type Dataset, isSamples } from "../data/browser.js";
import { crc32, hex } from "../format/index.js";
import { inferShapes, type Network } from "../graph/index.js";
import { nodeParameters } from "../ops/index.js";
import { checkTaken, type LearningSet, lessonCount, notTaken, setRecord } from "./lessons.js";
import { checkSchedule, type RateSchedule } from "./rate-schedule.js";

/** Options that train and retrain have in common. */
export interface CommonOptions {
  readonly batchSize: number;
  /** Base rate; the schedule multiplies it. */
  readonly learningRate: number;
  /** Default 0.9. */
  readonly momentum?: number;
  /** Default false. */
  readonly nesterov?: boolean;
  /** On conv and dense weights only, never on biases and batch norm. Default 0. */
  readonly weightDecay?: number;
  /** Rates and decays of their own; a parameter belongs to the first group that takes it. Default: none. */
  readonly groups?: readonly ParameterGroup[];
  /**
   * Decay, in [0, 1), of a moving average of all parameters that starts anew with every stage; the network ends each stage
   * with the average. Batch norm statistics are not averaged. Default: none.
   */
  readonly average?: number;
  /** Default constant. */
  readonly schedule?: RateSchedule;
  readonly augment?: Augmentation;
  /** The seed of order and augmentation. Default 1. */
  readonly seed?: number;
  /** Shards of a batch, each on its own worker; 1 runs in this thread. The result depends on it. Default 1. */
  readonly threads?: number;
  /** Share of the target spread over all classes, in [0, 1). Default 0. */
  readonly labelSmoothing?: number;
  /** Largest norm of the whole gradient; longer ones are scaled down to it. Default: none. */
  readonly clip?: number;
  /** "frozen" normalizes with the running statistics and leaves them alone. Default "train". */
  readonly batchNorm?: "train" | "frozen";
  /** Learn from another network's logits too, or alone. Default: from the labels. */
  readonly distill?: Distillation;
  readonly checkpoint?: CheckpointOptions;
}

/** Settings of some parameters that differ from those of the run. */
export interface ParameterGroup {
  /** Names of nodes, and of their parameters ("weight", "bias", "gamma", "beta"); absent: all. */
  readonly nodes?: readonly string[];
  readonly fields?: readonly string[];
  /** Multiplies the learning rate. Default 1. */
  readonly rate?: number;
  /** Default: the run's own for weights, 0 for the others. */
  readonly weightDecay?: number;
}

/**
 * Hinton et al. 2015: loss = (1 - share) CE(labels) + share T^2 KL(softmax(teacher / T) || softmax(network / T)). The
 * teacher sees the same augmented images, its batch norm on running statistics, and does not change. With share 1 the
 * labels do not matter: images without labels take any. A network that does not end in one vector of logits can learn with
 * share 1 alone: the loss is the mean over its outputs of the squared error over the variance of the teacher's, of a softmax
 * T^2 KL.
 */
export interface Distillation {
  /** Takes the same images and tells the same classes apart; usually the float network that is being quantized, copied. */
  readonly teacher: Network;
  /** T above 0. Default 2. */
  readonly temperature?: number;
  /** A share in (0, 1]. Default 1. */
  readonly share?: number;
}

/** Options of a checkpoint. */
export interface CheckpointOptions {
  /** Written at the end of every epoch, on abort, and every `everySeconds`. */
  readonly path: string;
  /** Default 60. */
  readonly everySeconds?: number;
  /** Go on from the file if it exists, else start at the beginning. Default false. */
  readonly resume?: boolean;
}

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Default 1. */
  readonly threads?: number;
  /** Default 100 images a thread. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/** Progress and abort of a training run. */
export interface Control {
  /** Stops before the next step: the checkpoint is written, then the run rejects with ABORTED. */
  readonly signal?: AbortSignal;
  /** After every step. A promise that it returns is waited for: that is how to pause. */
  readonly onProgress?: (progress: Progress) => void | Promise<void>;
}

/** The state of a training run. */
export interface Progress {
  /** Portion of a retraining, from 0; stages is 1 in plain training. */
  readonly stage: number;
  readonly stages: number;
  /** Epoch of the stage, from 0, and how many it has. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done in this epoch, and how many it has. */
  readonly step: number;
  readonly steps: number;
  /** Means over the epoch so far, on training images as augmented; accuracy in 0..1. */
  readonly loss: number;
  readonly accuracy: number;
  readonly rate: number;
  readonly imagesPerSecond: number;
  /** Share of the steps of all stages that are done, 0..1. */
  readonly done: number;
  /** Seconds to the end of the last stage. */
  readonly secondsLeft: number;
  /** Test accuracy of a retraining, in 0..1 after each finished portion, null where none was asked for. */
  readonly tests: readonly (number | null)[];
}

function bad(where: string, expected: string, found: unknown): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", "option out of range", { where, expected, found });
}

/** Throws BAD_OPTION unless low <= value < high. */
export function inRange(where: string, value: number, low: number, high: number): void {
  if (!(value >= low && value < high)) throw bad(where, `a number from ${low} to below ${high}`, value);
}

export function count(where: string, value: number, low: number): void {
  if (!Number.isInteger(value) || value < low) throw bad(where, `an integer of ${low} or more`, value);
}

/**
 * @throws BAD_OPTION naming the option; BAD_DATA for images or classes that the network does not take; UNSUPPORTED for samples
 *   without a teacher.
 */
export function checkCommon(network: Network, set: LearningSet, options: CommonOptions): void {
  count("batchSize", options.batchSize, 1);
  const total = lessonCount(set);
  if (options.batchSize > total) throw bad("batchSize", `at most ${total} images`, options.batchSize);
  inRange("learningRate", options.learningRate, 0, Number.POSITIVE_INFINITY);
  inRange("momentum", options.momentum ?? 0, 0, 1);
  inRange("weightDecay", options.weightDecay ?? 0, 0, 1);
  inRange("labelSmoothing", options.labelSmoothing ?? 0, 0, 1);
  inRange("average", options.average ?? 0, 0, 1);
  for (const [i, group] of (options.groups ?? []).entries()) checkGroup(network, group, `groups[${i}]`);
  if (options.clip !== undefined && !(options.clip > 0)) throw bad("clip", "a number above 0", options.clip);
  count("threads", options.threads ?? 1, 1);
  count("seed", options.seed ?? 1, 0);
  inRange("checkpoint.everySeconds", options.checkpoint?.everySeconds ?? 0, 0, Number.POSITIVE_INFINITY);
  checkSchedule(options.schedule ?? { kind: "constant" });
  const { teacher, temperature = 2, share = 1 } = options.distill ?? {};
  const alone = teacher !== undefined && share === 1;
  if (isSamples(set)) checkUnlabelled(network, alone, options.augment);
  // a teacher alone teaches outputs of any shape
  const check = (one: Network) =>
    isSamples(set) || (alone && !endsInVector(network)) ? checkTaken(one, set) : checkFit(one, set);
  check(network);
  if (!teacher) return;
  if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw bad("distill.temperature", "a number above 0", temperature);
  }
  if (!(share > 0 && share <= 1)) throw bad("distill.share", "a number in (0, 1]", share);
  check(teacher);
  const [own, wanted] = [network, teacher].map((one) =>
    one.outputs.map((name) => inferShapes(one).get(name)!.join("x")),
  );
  if (own.join() !== wanted.join()) throw bad("distill.teacher", `outputs of ${own.join(", ")}`, wanted.join(", "));
}

function checkGroup(network: Network, { nodes, fields, rate, weightDecay }: ParameterGroup, where: string): void {
  const trained = network.nodes.filter((node) => nodeParameters(node).length > 0).map((node) => node.name);
  const unknown = nodes?.find((name) => !trained.includes(name));
  if (unknown !== undefined) throw bad(`${where}.nodes`, "names of nodes with parameters", unknown);
  const field = fields?.find((name) => !["weight", "bias", "gamma", "beta"].includes(name));
  if (field !== undefined) throw bad(`${where}.fields`, "weight, bias, gamma or beta", field);
  inRange(`${where}.rate`, rate ?? 1, 0, Number.POSITIVE_INFINITY);
  inRange(`${where}.weightDecay`, weightDecay ?? 0, 0, 1);
}

/** @throws UNSUPPORTED where nothing says what samples should become; BAD_OPTION for changes that only pictures can take */
function checkUnlabelled({ name }: Network, taught: boolean, augment: Augmentation = {}): void {
  if (!taught) {
    throw new ShiftwiseError("UNSUPPORTED", "samples have no labels to learn from", {
      where: name,
      expected: "a set of labelled images, or distill with a teacher and share 1",
    });
  }
  const change = Object.entries(augment).find(([, value]) => value);
  if (change) throw bad(`augment.${change[0]}`, "none for samples: only pixels are changed", change[1]);
}

/** @throws BAD_DATA for images or classes that the network does not take; UNSUPPORTED for outputs that labels say nothing of */
export function checkFit(network: Network, dataset: Dataset): void {
  checkTaken(network, dataset);
  const shapes = inferShapes(network);
  const [classes] = shapes.get(network.outputs[0])!;
  if (!endsInVector(network)) {
    throw new ShiftwiseError("UNSUPPORTED", "labels need one vector of logits", {
      expected: "one output of shape n x 1 x 1",
      found: network.outputs.map((name) => `${name} ${shapes.get(name)!.join("x")}`).join(", "),
      where: network.name,
    });
  }
  if (classes !== dataset.classes) throw notTaken(network, "classes", classes, dataset.classes);
}

function endsInVector(network: Network): boolean {
  const [, height, width] = inferShapes(network).get(network.outputs[0])!;
  return network.outputs.length === 1 && height * width === 1;
}

/** Everything that decides the result of a run, by name: a checkpoint of another run differs in one of these. */
export function runRecord(
  network: Network,
  set: LearningSet,
  options: CommonOptions,
  stages: Record<string, unknown>,
): Record<string, string> {
  const sum = (bytes: Uint8Array) => hex(crc32(bytes));
  const fields = {
    network: `${network.name} ${sum(structureOf(network))}`,
    ...setRecord(network, set),
    batchSize: options.batchSize,
    learningRate: options.learningRate,
    momentum: options.momentum ?? 0.9,
    nesterov: options.nesterov ?? false,
    weightDecay: options.weightDecay ?? 0,
    groups: options.groups ?? [],
    average: options.average ?? null,
    schedule: options.schedule ?? { kind: "constant" },
    augment: options.augment ?? {},
    seed: options.seed ?? 1,
    threads: options.threads ?? 1,
    labelSmoothing: options.labelSmoothing ?? 0,
    clip: options.clip ?? null,
    batchNorm: options.batchNorm ?? "train",
    distill: options.distill ? { ...options.distill, teacher: identityOf(options.distill.teacher) } : null,
    ...stages,
  };
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]));
}

/** Nodes with the shapes of their parameters, as text whose order does not depend on how the network came to be. */
function structureOf(network: Network): Uint8Array {
  const nodes = network.nodes.map((node) => {
    const shapes = nodeParameters(node).map(([field, tensor]) => [field, tensor.shape] as const);
    const fields = Object.entries({ ...node, ...Object.fromEntries(shapes) });
    return fields.sort(([a], [b]) => (a < b ? -1 : 1));
  });
  return new TextEncoder().encode(JSON.stringify(nodes));
}

/** Structure and parameters. */
function identityOf(network: Network): string {
  const values = network.nodes.flatMap((node) => nodeParameters(node).map(([, { data }]) => data));
  return hex(crc32(structureOf(network), ...values.map((v) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength))));
}
