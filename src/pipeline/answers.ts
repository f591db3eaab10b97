// answers.ts: what models answer to labelled pictures: right ones, confused classes, and pictures whose answer changed.
import { ShiftwiseError } from "../base/index.js";
import type { LabelledImages } from "../data/index.js";
import { pause } from "../engine/index.js";
import { type ModelDef, runReference, validateModel } from "../model/index.js";
import { elements, type Shape } from "../ops/index.js";
import { Model } from "../runtime/index.js";
import { createFidelityOf, type Lines, type OutputFidelity } from "../training/index.js";
import { type ExecutorName, type MeasureControl, median } from "./measure.js";

/**
 * The answers to pictures of one class.
 * @internal
 */
export interface ClassErrors {
  readonly class: number;
  /** Pictures of it, and those that were answered right. */
  readonly images: number;
  readonly correct: number;
  /** The wrong answer that is given most often, and how often; null where there is none. */
  readonly takenFor: number | null;
  readonly times: number;
}

/**
 * The answers of one model.
 * @internal
 */
export interface ModelAnswers {
  readonly correct: number;
  /** Percent of the pictures. */
  readonly accuracy: number;
  /** Percent of the pictures whose class is among the five largest values; null for fewer than ten classes. */
  readonly top5: number | null;
  /** Median over the pictures. */
  readonly msPerImage: number;
  /** 1 or -1 where most answers are the right class's number and that; then one side has a class more in front. Null elsewhere. */
  readonly shift: 1 | -1 | null;
  /** Classes with wrong answers, those with the smallest share of right ones first. */
  readonly worst: readonly ClassErrors[];
}

/**
 * A picture to which two models answer differently.
 * @internal
 */
export interface ChangedAnswer {
  readonly name: string;
  readonly label: number;
  /** One of each model. */
  readonly answers: readonly [before: number, after: number];
  /** Channel planes 0..255, as the network read them. */
  readonly pixels: Uint8Array;
}

/**
 * The result of measureAnswers.
 * @internal
 */
export interface AnswersMeasurement {
  readonly total: number;
  /** Pictures that could not be read, and why. */
  readonly broken: readonly string[];
  /** Answers of each model, in their order. */
  readonly models: readonly ModelAnswers[];
  /** The last model's outputs against the first one's; none for one model. */
  readonly outputs: readonly OutputFidelity[];
  /** The number of pictures whose answer changed, and the first of them. */
  readonly changes: number;
  readonly changed: readonly ChangedAnswer[];
}

/** Pictures that are kept to be shown. */
const CHANGED_MOST = 24;
const TOP = 5;
/** Classes of which five are few enough to count. */
const MANY = 10;

/**
 * A model as a function of one picture's planes, which gives all outputs by name.
 * @internal
 */
export interface PictureRunner {
  run(pixels: Uint8Array): ReadonlyMap<string, Float32Array>;
  dispose(): void;
}

/**
 * Makes a model of one input of pixels runnable.
 * @throws UNSUPPORTED for a model that takes no pixels, or has several inputs
 * @internal
 */
export async function createPictureRunner(def: ModelDef, name: ExecutorName = "wasm"): Promise<PictureRunner> {
  validateModel(def);
  const [input, ...more] = def.inputs;
  if (more.length > 0 || !input.normalization) {
    throw new ShiftwiseError("UNSUPPORTED", "the model does not take one picture", {
      where: def.name,
      expected: "one input that says how pixels become its values: --mean and --std, or --range, say it",
      found: more.length > 0 ? `${def.inputs.length} inputs` : `input ${input.name} without such words`,
    });
  }
  const planes = { ...def, inputs: [{ ...input, channelsLast: false }] };
  if (name === "reference") {
    return {
      run: (pixels) => new Map(Object.entries(runReference(planes, { [input.name]: pixels }).outputs)),
      dispose: () => {},
    };
  }
  const model = await Model.from(planes);
  return { run: (pixels) => new Map(Object.entries(model.runSync(pixels))), dispose: () => model.dispose() };
}

/**
 * The number of classes of a model that ends in one vector; null for any other.
 * @internal
 */
export function answersOf({ outputs, tensors }: ModelDef): number | null {
  const [classes, height, width] = tensors[outputs[0].tensor].shape;
  return outputs.length === 1 && height * width === 1 && classes > 1 ? classes : null;
}

/**
 * The lines along which an output of a model is a distribution.
 * @internal
 */
export function linesOfModel({ outputs, layers }: ModelDef, tensor: string, shape: Shape): Lines | null {
  const layer = layers.find(({ output }) => output === tensor);
  if (layer?.op === "softmax") return { axis: layer.axis, logits: false };
  const isVector = outputs.length === 1 && shape[0] > 1 && shape[1] * shape[2] === 1;
  return isVector ? { axis: 0, logits: true } : null;
}

/**
 * Makes empty sums for outputs of two models that are alike.
 * @internal
 */
export function createModelFidelity(def: ModelDef) {
  return createFidelityOf(
    def.outputs.map(({ name, tensor }) => {
      const { shape } = def.tensors[tensor];
      return { name, shape, lines: linesOfModel(def, tensor, shape) };
    }),
  );
}

/**
 * Lets models that end in one vector answer to the same pictures, in turns.
 * @param defs two at most: the second is compared with the first
 * @throws BAD_DATA where more than a tenth of the pictures are broken; ABORTED; UNSUPPORTED as createPictureRunner
 * @internal
 */
export async function measureAnswers(
  defs: readonly ModelDef[],
  images: LabelledImages,
  executor: ExecutorName = "wasm",
  { signal, onProgress }: MeasureControl = {},
): Promise<AnswersMeasurement> {
  const runners: PictureRunner[] = [];
  try {
    for (const def of defs) runners.push(await createPictureRunner(def, executor));
    const [first] = defs;
    const fidelity = createModelFidelity(first);
    const names = defs.at(-1)!.outputs.map(({ name }) => name);
    const tallies = defs.map((def) => createTally(elements(def.tensors[def.outputs[0].tensor].shape)));
    const broken: string[] = [];
    const changed: ChangedAnswer[] = [];
    let changes = 0;
    for (let i = 0; i < images.count; i++) {
      const pixels = await images.read(i).catch((error) => noteBroken(error, broken, images.count));
      if (signal?.aborted) throw new ShiftwiseError("ABORTED", "stopped while measuring");
      await onProgress?.(i / images.count);
      await pause();
      if (!pixels) continue;
      const label = images.labels[i];
      const outputs = runners.map(({ run }, k) => {
        const start = performance.now();
        const found = run(pixels);
        return { found, answer: tallies[k].add(found.get(defs[k].outputs[0].name)!, label, performance.now() - start) };
      });
      if (outputs.length < 2) continue;
      fidelity.add(outputs[0].found, outputs[1].found, names);
      if (outputs[0].answer === outputs[1].answer) continue;
      changes++;
      if (changed.length >= CHANGED_MOST) continue;
      changed.push({
        name: images.names[i],
        label,
        answers: [outputs[0].answer, outputs[1].answer],
        pixels: pixels.slice(),
      });
    }
    return {
      total: images.count - broken.length,
      broken,
      models: tallies.map(({ read }) => read()),
      outputs: defs.length > 1 ? fidelity.read().outputs : [],
      changes,
      changed,
    };
  } finally {
    for (const runner of runners) runner.dispose();
  }
}

/** @throws the error, unless it is of a broken picture among many */
function noteBroken(error: unknown, broken: string[], total: number): null {
  const isOfFile = error instanceof ShiftwiseError && ["BAD_DATA", "IO", "TRUNCATED"].includes(error.code);
  if (!isOfFile) throw error;
  broken.push(error.message);
  if (broken.length <= total / 10) return null;
  throw new ShiftwiseError("BAD_DATA", "too many broken pictures", {
    where: error.where,
    expected: "at most a tenth of them",
    found: `${broken.length} of ${total}; this one: ${error.found ?? error.message}`,
    cause: error,
  });
}

/** Counts answers of one model. */
function createTally(classes: number) {
  const times: number[] = [];
  const pairs = new Map<number, Map<number, number>>();
  let [correct, near, above1, below1] = [0, 0, 0, 0];
  return {
    /** Counts one picture in, and returns the answer. */
    add(values: Float32Array, label: number, milliseconds: number): number {
      times.push(milliseconds);
      const answer = largest(values);
      if (answer === label) correct++;
      if (answer === label + 1) above1++;
      if (answer === label - 1) below1++;
      let above = 0;
      for (let c = 0; c < values.length; c++) if (c !== label && values[c] > values[label]) above++;
      if (above < TOP) near++;
      const row = pairs.get(label) ?? new Map<number, number>();
      row.set(answer, (row.get(answer) ?? 0) + 1);
      pairs.set(label, row);
      return answer;
    },
    read(): ModelAnswers {
      const total = Math.max(times.length, 1);
      return {
        correct,
        accuracy: (100 * correct) / total,
        top5: classes >= MANY ? (100 * near) / total : null,
        msPerImage: times.length > 0 ? median(Float64Array.from(times)) : 0,
        shift: above1 > total / 3 ? 1 : below1 > total / 3 ? -1 : null,
        worst: [...pairs]
          .map(([label, row]) => errorsOf(label, row))
          .filter((one) => one.correct < one.images)
          .sort(byShare),
      };
    },
  };
}

const byShare = (a: ClassErrors, b: ClassErrors): number =>
  a.correct / a.images - b.correct / b.images || b.images - b.correct - (a.images - a.correct) || a.class - b.class;

function errorsOf(label: number, row: ReadonlyMap<number, number>): ClassErrors {
  const images = [...row.values()].reduce((sum, n) => sum + n, 0);
  const wrong = [...row].filter(([answer]) => answer !== label).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const [takenFor, times] = wrong[0] ?? [null, 0];
  return { class: label, images, correct: row.get(label) ?? 0, takenFor, times };
}

/** The place of the largest value, of equal ones the first. */
function largest(values: Float32Array): number {
  let best = 0;
  for (let c = 1; c < values.length; c++) if (values[c] > values[best]) best = c;
  return best;
}
