// measure.ts: accuracy and time of a deployable model on labelled images.

import { given, is, ShiftwiseError } from "../base/index.js";
import { DATASET, type Dataset, imageLength, size } from "../data/browser.js";
import { pause } from "../engine/index.js";
import { type ModelDef, runReference, validateModel } from "../model/index.js";
import { elements } from "../ops/index.js";
import { Model } from "../runtime/index.js";

/** The kernels, or the plain executor that they are compared with. */
export type ExecutorName = "wasm" | "reference";

/** A model as a function of one image. */
export interface Classifier {
  /** Pixels 0..255, (channel, row, column); returns fresh logits. */
  run(pixels: Uint8Array): Float32Array;
  /** Frees its memory. */
  dispose(): void;
}

/** The result of `measure`. */
export interface Measurement {
  readonly correct: number;
  readonly total: number;
  /** Percent. */
  readonly accuracy: number;
  /** Median over the images. */
  readonly msPerImage: number;
}

/** Callbacks of a measurement, and the signal that stops it. */
export interface MeasureControl {
  readonly signal?: AbortSignal;
  /** The share of the images that has run, 0..1. */
  readonly onProgress?: (share: number) => void | Promise<void>;
}

const CLASSIFIER = is.record<Pick<Classifier, "run">>({ run: is.callback });
export const CONTROL = is.record<MeasureControl>({
  signal: is.optional(is.signal),
  onProgress: is.optional(is.callback),
});

/** Images between two breaths in which signals and timers get their turn. */
const IMAGES_A_BREATH = 64;

/**
 * Makes a classifier runnable.
 * @throws BAD_OPTION for another name; UNSUPPORTED unless it has one input that takes pixels and one output; what
 *   validateModel and Model.from throw.
 */
export async function createClassifier(def: ModelDef, name: ExecutorName = "wasm"): Promise<Classifier> {
  given({ name }, { name: is.oneOf("wasm", "reference") });
  const { input, output } = classifierPorts(def);
  // a set's images are planes
  const planes = { ...def, inputs: [{ ...input, channelsLast: false }] };
  if (name === "reference") {
    return { run: (pixels) => runReference(planes, { [input.name]: pixels }).outputs[output.name], dispose: () => {} };
  }
  const model = await Model.from(planes);
  return { run: (pixels) => model.runSync(pixels)[output.name], dispose: () => model.dispose() };
}

function classifierPorts(def: ModelDef) {
  validateModel(def);
  const { name, inputs, outputs } = def;
  const [input, output] = [inputs[0], outputs[0]];
  const counted = (ports: readonly unknown[], noun: string): string =>
    `${ports.length} ${noun}${ports.length === 1 ? "" : "s"}`;
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new ShiftwiseError("UNSUPPORTED", "not a classifier of images", {
      where: name,
      expected: "one input and one output; eval --against compares others with their float network",
      found: `${counted(inputs, "input")}, ${counted(outputs, "output")}`,
    });
  }
  if (input.normalization) return { input, output };
  throw new ShiftwiseError("UNSUPPORTED", "nothing says how pixels become values", {
    where: name,
    expected: "a normalization of the input; on the command line --range, or --mean and --std, as in training",
    found: `none of input "${input.name}"`,
  });
}

/**
 * Number of classes that a classifier tells apart.
 * @throws what validateModel throws; UNSUPPORTED for a model that is no classifier of images
 */
export function classesOf(def: ModelDef): number {
  const { output } = classifierPorts(def);
  return elements(def.tensors[output.tensor].shape);
}

/**
 * Checks that a model takes the images of a set and tells its classes apart.
 * @throws BAD_DATA for images or classes that the model does not take; as classesOf.
 */
export function checkFits(def: ModelDef, dataset: Dataset): void {
  given({ dataset }, { dataset: DATASET });
  const { input } = classifierPorts(def);
  const expected = def.tensors[input.tensor].shape.join("x");
  const refuse = (what: string, wanted: unknown, found: unknown) =>
    new ShiftwiseError("BAD_DATA", `the model does not take these ${what}`, {
      where: def.name,
      expected: wanted,
      found,
    });
  if (dataset.shape.join("x") !== expected) throw refuse("images", expected, dataset.shape.join("x"));
  if (dataset.classes !== classesOf(def)) throw refuse("classes", classesOf(def), dataset.classes);
}

/**
 * Runs every image. An image counts as correct if its label has the largest logit, of equal ones the first.
 * @throws BAD_OPTION for what is no classifier or no data set; ABORTED
 */
export async function measure(
  classifier: Pick<Classifier, "run">,
  dataset: Dataset,
  control: MeasureControl = {},
): Promise<Measurement> {
  given({ classifier, dataset, control }, { classifier: CLASSIFIER, dataset: DATASET, control: CONTROL });
  const { signal, onProgress } = control;
  const total = size(dataset);
  const times = new Float64Array(total);
  let correct = 0;
  for (let i = 0; i < total; i++) {
    const pixels = pixelsOf(dataset, i);
    const start = performance.now();
    const logits = classifier.run(pixels);
    times[i] = performance.now() - start;
    if (argmax(logits) === dataset.labels[i]) correct++;
    if (i % IMAGES_A_BREATH !== 0) continue;
    if (signal?.aborted) throw new ShiftwiseError("ABORTED", "stopped while measuring accuracy");
    await onProgress?.(i / total);
    await pause();
  }
  return { correct, total, accuracy: (100 * correct) / total, msPerImage: median(times) };
}

/**
 * A view of one image's pixels.
 * @throws BAD_OPTION for an index that no image has
 */
export function image(dataset: Dataset, index: number): Uint8Array {
  const known = is.record<Pick<Dataset, "images">>({ images: is.bytes });
  given({ dataset, index }, { dataset: known, index: is.integer(0, size(dataset) - 1) });
  return pixelsOf(dataset, index);
}

function pixelsOf(dataset: Dataset, index: number): Uint8Array {
  const length = imageLength(dataset);
  return dataset.images.subarray(index * length, (index + 1) * length);
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/**
 * Returns the middle value, of two the mean.
 * @internal
 */
export function median(values: Float64Array): number {
  const sorted = values.slice().sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Median milliseconds per image of several classifiers, measured in turns, so that whatever else the machine does hits all
 * of them alike.
 * @param images how many of the set's images one turn runs.
 * @param turns counted after one to warm up.
 * @internal
 */
export async function compareTimes(
  classifiers: readonly Classifier[],
  dataset: Dataset,
  { images, turns, signal, onProgress }: MeasureControl & { readonly images: number; readonly turns: number },
): Promise<readonly number[]> {
  const times = classifiers.map(() => new Float64Array(turns));
  const used = Math.min(images, size(dataset));
  for (let turn = -1; turn < turns; turn++) {
    for (const [e, { run }] of classifiers.entries()) {
      const start = performance.now();
      for (let i = 0; i < used; i++) run(pixelsOf(dataset, i));
      if (turn >= 0) times[e][turn] = (performance.now() - start) / used;
    }
    if (signal?.aborted) throw new ShiftwiseError("ABORTED", "stopped while measuring time");
    await onProgress?.((turn + 1) / turns);
    await pause();
  }
  return times.map(median);
}
