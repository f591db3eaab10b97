// images.ts: a float network to the model that runs in integers, from images without labels: rounding that compensates, and
// a float network that teaches.

import { alternatives, given, ShiftwiseError } from "../base/index.js";
import {
  type Augmentation,
  countOf,
  type Pictures,
  type Samples,
  type SamplesByInput,
  unlabelled,
} from "../data/browser.js";
import {
  inferShapes,
  inputsOf,
  insertQuantizers,
  lower,
  type Network,
  quantizationPoints,
  statedEncodings,
  withoutInputBounds,
} from "../graph/index.js";
import { type ModelDef, packModel } from "../model/index.js";
import type { Encoding, WeightGrids } from "../ops/index.js";
import {
  calibrate,
  checkPortions,
  collectHistograms,
  collectRanges,
  equalize,
  type LayerLevels,
  quantizerNamed,
  tensorsToEqualize,
  weightNodes,
} from "../quantize/index.js";
import {
  type CompensateResult,
  type Crew,
  compensate,
  type LayerRecords,
  type LayerReport,
  withCrew,
} from "../rounding/index.js";
import {
  type DistillResult,
  type Divergence,
  distill,
  fidelityTo,
  firstOf,
  holdOutSamples,
  type OutputFidelity,
  recoverNorms,
  sampleActivations,
} from "../training/index.js";
import { DEFAULTS } from "./defaults.js";
import {
  cautious,
  dealBits,
  type Goal,
  goalText,
  LOSSLESS,
  type Point,
  type Reached,
  reach,
  survey,
  type Trial,
  worstNoise,
} from "./goal/index.js";
import {
  CHOSEN_BY_GOALS,
  IMAGE_CONTROL,
  IMAGE_SETTINGS,
  type ImageControl,
  type ImageSettings,
  type ResolvedSettings,
} from "./image-settings.js";
import { checkSignal, interruptible } from "./interruptible.js";
import {
  choicesFor,
  levelsOf,
  surveyWidth,
  type Weighted,
  WIDTHS,
  type Width,
  wider,
  widthSettings,
  widthsBy,
  widthsFor,
} from "./levels.js";
import { withinMemory } from "./memory.js";
import { checkFloat, withoutTiny } from "./network.js";
import { type ConversionResult, createWarnings, type QuantizedLayer, type RoundedLayer, schemeText } from "./notes.js";
import { withoutOutliers } from "./outliers.js";
import { adviceOn, neediest, type Quality } from "./quality.js";
import { readyIn, readyLayers } from "./ready.js";
import { conversionRecord, openRoundingCheckpoint } from "./rounding-checkpoint.js";
import { roundingThreads } from "./rounding-threads.js";
import { checkBits, checkLayers, defined } from "./settings.js";
import { type Images, type ImagesByInput, type Source, sourceOf } from "./source.js";
import { type StillInputs, stillInputs } from "./still-inputs.js";
import { type Judgement, judgementOf, type Unjudged } from "./unjudged.js";

/** With a goal, one of so many samples is held out. */
const LEAST_FOR_GOALS = 2;

/** The result of quantizeFromImages. */
export interface ImageConversion extends ConversionResult<RoundedLayer> {
  /** The layers whose weights lay on a grid already: they are as they were, and not among `layers`. */
  readonly ready: readonly QuantizedLayer[];
  /** The number of tensors whose rounding is as the network's file says. */
  readonly statedRanges: number;
  /** The outputs against the float network's. */
  readonly quality: Quality;
  /** The points that the goal chose among: those that were measured, and others as they are predicted; none without a goal. */
  readonly points: readonly Point[];
  /**
   * The obstacle between the model and the goal: noise of rounded activations, noise of the weights even with the widest levels, or
   * the least time or size there is. The model is the nearest one then. Null where the goal is reached, and without one.
   */
  readonly missed: Reached<unknown>["missed"];
  /** The predicted milliseconds of the lossless model, of which the goal fast is a share; null without that goal. */
  readonly losslessTime: number | null;
  /**
   * Why nothing could judge the goal. Then the goal lossless gives the bits of a conversion by hand, and the others go by what each
   * layer loses by itself; `quality` says of each output whether it differs from sample to sample. Null where the goal was judged, and
   * without one.
   */
  readonly unjudged: Unjudged | null;
  /** Null without self-distillation. */
  readonly distillation: DistillationOutcome | null;
}

/** The outcome of self-distillation; see DistillResult of shiftwise/train. */
export type DistillationOutcome = Pick<DistillResult, "epochs" | "heldOut" | "before" | "after" | "attempts">;

/**
 * Turns a float network into a model, from images without labels. Weights are rounded layer by layer so that the rest of
 * the layer makes up for it; with `minutes` the float network then teaches the quantized one. The network is not changed.
 * Layers whose weights lie on a grid already keep them, unless `layers` names them, and activations keep the encodings that the
 * network says, unless `activations` is set. Biases and batch norm of such layers learn with `minutes`.
 * @param float importOnnx of shiftwise/onnx or a training makes it.
 * @param images of a network of several inputs by the inputs' names, as many for each.
 * @throws BAD_OPTION for a setting out of range, bits of a layer that is none, or a budget that cannot be met; BAD_DATA for
 *   images that the network does not take; BAD_GRAPH for a network that is quantized already; ABORTED; what calibrate,
 *   compensate, distill and lower throw.
 */
export async function quantizeFromImages(
  float: Network,
  images: Images | ImagesByInput,
  settings: ImageSettings = {},
  control: ImageControl = {},
): Promise<ImageConversion> {
  given({ options: settings, control }, { options: IMAGE_SETTINGS, control: IMAGE_CONTROL });
  checkFloat(float);
  checkSignal(control.signal);
  const { warnings, warn, heard } = createWarnings(control.onWarning);
  const network = withoutInputBounds(withoutTiny(float, warn));
  const taken = sourceOf(network, images, warn);
  const full = resolve(settings, taken.pictures);
  check(network, taken, full);
  const ready = readyIn(network, full.layers);
  const { minutes, quantizer, activations } = full;
  const { signal } = control;
  await heard();
  await control.onStep?.("calibrating");
  const source = await withoutOutliers(taken, warn, signal);
  const [samples, held] = holdOutSamples(source.samples, full.goal ? LEAST_FOR_GOALS : undefined);
  const bare = minutes > 0 ? recoverNorms(source.network, samples, ready) : source.network;
  const stated = settings.activations ? new Map<string, Encoding>() : statedEncodings(bare);
  const looked = tensorsToEqualize(bare);
  const ranges = await collectRanges(bare, looked, interruptible(sampleActivations(bare, samples, looked), signal));
  const still = stillInputs(bare, ranges, countOf(samples));
  // channels of another range would move weights off their grids, and tensors out of what was said of them
  const start = ready.size > 0 || stated.size > 0 ? bare : equalize(bare, ranges);
  const points = quantizationPoints(start);
  const histograms = await collectHistograms(points, interruptible(sampleActivations(start, samples, points), signal));
  const fitted = calibrate(start, histograms, { activations });
  const simulated = insertQuantizers(start, new Map([...fitted, ...stated]));

  const measure = fidelityTo(source.network, held, held === samples ? null : samples);
  const judgement = judged(source, held, network, ready, full, () => measure(simulated).outputs, still);
  const { unjudged = null } = judgement ?? {};
  if (still && !unjudged) warn(still.text);
  for (const text of judgement?.texts ?? []) warn(text);
  const settled = unjudged && full.goal?.kind === "lossless" ? { ...full, goal: null } : full;
  const used = withinMemory(simulated, samples, full.memory, settings.memory !== undefined, warn);
  await heard();

  const checkpoint =
    control.checkpoint &&
    (await openRoundingCheckpoint(control.checkpoint, conversionRecord(source.network, used, full)));
  const recorded: Recorded = (work) => (checkpoint ? checkpoint.run(work) : work(undefined));
  const onProgress = (done: number, total: number, layer: string) => control.onProgress?.(done / total, layer);
  const levelsBy =
    (widths: (node: Weighted) => Width) =>
    (node: Weighted): LayerLevels | null =>
      ready.has(node.name) ? null : levelsOf(node, widths(node));
  const modelOf = ({ network: made, grids }: Grids, distilled: DistillResult | null): ModelDef => ({
    ...lower(made, { grids: new Map([...ready, ...grids]) }),
    notes: { ...notesFor(settled, distilled, ready.size, stated.size), ...full.notes },
  });
  const byCrew = async (crew: Crew) => {
    const roundTo = async (widths: (node: Weighted) => Width): Promise<Rounding> => {
      const explore = (node: Weighted): LayerLevels[] => {
        const next = wider(widths(node), quantizer);
        return next ? [levelsOf(node, next)] : [];
      };
      await control.onStep?.("rounding");
      const result = await recorded((records) =>
        compensate(simulated, used, { levels: levelsBy(widths), explore }, { signal, onProgress, records, crew }),
      );
      return { result, outputs: measure(result.network).outputs };
    };
    const { widths, reached } = await choose({
      network,
      simulated,
      samples: used,
      ready,
      settings: settled,
      judgement,
      roundTo,
      recorded,
      fileOf: (made) => packModel(modelOf(made, null)),
      control: { ...control, crew },
    });
    return { widths, reached, plain: minutes > 0 ? null : (reached ?? (await roundTo(widths))) };
  };
  const threads = roundingThreads(simulated, countOf(used), full.memory, settings.threads);
  const { widths, reached, plain } = await withCrew(threads, byCrew, signal);
  let taught: DistillResult | null = null;
  if (minutes > 0) {
    await control.onStep?.("distilling");
    taught = await recorded((records) =>
      teach(simulated, source, levelsBy(widths), ready, full, { ...control, records }),
    );
  }
  const rounded = taught ?? plain!.result;
  const outputs = taught?.after.outputs ?? plain!.outputs;
  // a teacher holds none out of fewer samples than a goal does
  const [learned, measured] = taught ? holdOutSamples(source.samples) : [samples, held];
  const grids = new Map([...ready, ...rounded.grids]);
  const made = outcome(network, widths, rounded.layers, readyLayers(network, ready));
  const poor = neediest(outputs);
  const limitOf = (found: Divergence) => found.outputs.find(({ name }) => name === poor?.name)!.snr;
  const ceiling = () => ({
    found: limitOf(measure(simulated)),
    calibrated:
      held === samples ? null : limitOf(fidelityTo(source.network, firstOf(samples, countOf(held)))(simulated)),
  });
  const others = richerSettings(network, settled, reached);
  const advice = poor && adviceOn(poor, ceiling(), made.layers, others, activations, settled.goal);
  return {
    model: modelOf(rounded, taught),
    network: rounded.network,
    grids,
    ...made,
    statedRanges: stated.size,
    points: reached?.points ?? [],
    missed: reached?.missed ?? null,
    losslessTime: reached?.losslessTime ?? null,
    unjudged,
    quality: { images: countOf(measured), heldOut: measured !== learned, outputs, advice },
    warnings,
    distillation: taught && {
      epochs: taught.epochs,
      heldOut: taught.heldOut,
      before: taught.before,
      after: taught.after,
      attempts: taught.attempts,
    },
  };
}

/**
 * All settings, with what is set in place of the defaults.
 * @throws BAD_OPTION for a goal beside what it would choose
 */
function resolve(settings: ImageSettings, pictures: Pictures | null): ResolvedSettings {
  const { activations, seed, threads, images } = DEFAULTS;
  const { count: _, ...common } = images;
  const set = CHOSEN_BY_GOALS.find(
    (name) => settings[name] !== undefined && (name !== "budget" || settings[name] !== null),
  );
  const { goal = set ? null : DEFAULTS.images.goal } = settings;
  if (goal && set) {
    throw new ShiftwiseError("BAD_OPTION", "a goal chooses levels, bits and zeros itself", {
      where: set,
      expected: `no ${set} beside a goal, or goal null`,
      found: `${set} and the goal ${goalText(goal)}`,
    });
  }
  const full = {
    ...{ activations, seed, threads, ...common, layers: new Map(), budget: null, notes: {} },
    augment: usualChanges(pictures),
    ...defined(settings),
    goal,
  };
  const { levels } = full;
  return { ...full, quantizer: typeof levels === "string" ? quantizerNamed(levels, "levels") : levels };
}

/** Whether all weights lie on grids already, so that nothing is to be chosen. */
const areReady = (network: Network, ready: WeightGrids): boolean =>
  weightNodes(network).every(({ name }) => ready.has(name));

/** A judgement, with the outputs of rounded activations and float weights. */
type Judged = Judgement & { readonly limit: readonly OutputFidelity[] };

/**
 * Judges whether the goal can be judged; null without one, and where nothing is left to choose.
 * @param limit outputs with rounded activations and float weights
 */
function judged(
  { network, samples }: Source,
  held: Samples | SamplesByInput,
  original: Network,
  ready: WeightGrids,
  { goal, bits }: ResolvedSettings,
  limit: () => readonly OutputFidelity[],
  still: StillInputs | null,
): Judged | null {
  if (!goal || areReady(original, ready)) return null;
  const outputs = limit();
  checkAnswers(goal, outputs);
  return { ...judgementOf(network, goal, outputs, held, samples, bits, still), limit: outputs };
}

/** Changes that leave a picture what it is; none for lines of uint8, for floats, and for pictures that belong to other inputs' values. */
function usualChanges(pictures: Pictures | null): Augmentation {
  const [, height, width] = pictures?.shape ?? [0, 1, 1];
  return height > 1 && width > 1 ? { crop: Math.max(1, Math.round(width / 14)), flip: true } : {};
}

/**
 * Refuses settings that do not fit a network or one another, before there are images.
 * @throws BAD_OPTION
 * @internal
 */
export function checkImageSettings(network: Network, settings: ImageSettings): void {
  given({ options: settings }, { options: IMAGE_SETTINGS });
  checkChosen(network, resolve(settings, null));
}

/** Checks what no rule for a single setting can tell. */
function check(network: Network, { pictures }: Source, settings: ResolvedSettings): void {
  const { augment } = settings;
  const change = Object.entries(augment).find(([, value]) => value);
  if (change && !pictures) {
    throw new ShiftwiseError("BAD_OPTION", "only pictures of one input can be augmented", {
      where: "augment",
      expected: "images, or an array of uint8, for a network of one input",
      found: `${change.join(" ")} for ${inputsOf(network).length > 1 ? "several inputs" : "an array of floats"}`,
    });
  }
  checkChosen(network, settings);
}

function checkChosen(
  network: Network,
  { layers, quantizer, bits, budget, price, zeros, portions }: ResolvedSettings,
): void {
  const other = price > 0 ? "price" : budget !== null ? "budget" : null;
  if (zeros > 0 && other) {
    throw new ShiftwiseError("BAD_OPTION", "a share of zeros has its own price, in every layer", {
      where: "zeros",
      expected: `zeros or ${other}`,
      found: "both",
    });
  }
  checkLayers(network, layers, [...new Set([...quantizer.bits, ...WIDTHS])]);
  checkPortions(portions);
  if (budget === null) checkBits(bits, quantizer);
  else if (quantizer.bits.filter((width) => WIDTHS.includes(width)).length < 2) {
    throw new ShiftwiseError("BAD_OPTION", "levels without bits to choose from", {
      where: "levels",
      expected: "levels of several numbers of bits beside a budget, such as two-term",
      found: `${quantizer.name}, of ${alternatives(quantizer.bits)}`,
    });
  }
}

/** All that widths are chosen by. */
interface Choosing {
  readonly network: Network;
  /** The same with quantize nodes. */
  readonly simulated: Network;
  readonly samples: Samples | SamplesByInput;
  readonly ready: WeightGrids;
  readonly settings: ResolvedSettings;
  readonly judgement: Judged | null;
  readonly roundTo: (widths: (node: Weighted) => Width) => Promise<Rounding>;
  readonly recorded: Recorded;
  /** The file of a rounding's model. */
  readonly fileOf: (made: Grids) => Uint8Array;
  readonly control: ImageControl & { readonly crew: Crew };
}

/** The widths that the settings name, or that were dealt out; of a goal also what it has led to. */
async function choose(choosing: Choosing): Promise<Choice> {
  const { network, simulated, samples, ready, settings, judgement, roundTo, recorded, fileOf, control } = choosing;
  const { goal, budget, costs, layers } = settings;
  const byName = (widths: ReadonlyMap<string, Width>) => (node: Weighted) => widths.get(node.name)!;
  if (areReady(simulated, ready) || (goal === null && budget === null))
    return { widths: widthsBy(network, settings), reached: null };
  const choices = goal ? choicesFor(layers) : widthsFor(settings);
  await control.onStep?.("comparing levels");
  const base = surveyWidth(settings);
  const telling = judgement?.telling ?? simulated.outputs.map(() => true);
  const found = await recorded((records) =>
    survey(simulated, samples, ready, base, choices, telling, costs, { ...control, records }),
  );
  if (!goal) return { widths: byName(dealBits(found, budget!)), reached: null };
  const seen = goal.kind === "lossless" ? cautious(found, base) : found;
  const reached = await reach(seen, goal, worstNoise(judgement!.limit), async (widths) => {
    const rounding = await roundTo(byName(widths));
    return { ...rounding, bytes: fileOf(rounding.result).length };
  });
  return { widths: byName(reached.widths), reached };
}

/** @throws BAD_OPTION for a goal of equal answers where no output has answers */
function checkAnswers(goal: Goal, outputs: readonly OutputFidelity[]): void {
  if (goal.kind !== "lossless" || goal.agreement === undefined) return;
  if (outputs.some(({ agreement }) => agreement !== null)) return;
  throw new ShiftwiseError("BAD_OPTION", "no output has answers that could be equal", {
    where: "loss",
    expected: "dB, such as 24: only the logits or softmax of a network's one output, and whole numbers, are answers",
    found: `${Number((100 * goal.agreement).toFixed(2))} % of the answers of ${outputs.map(({ name }) => `"${name}"`).join(", ")}`,
  });
}

/** Runs a rounding with the records of its layers, where a run has a checkpoint. */
type Recorded = <T>(rounding: (records?: LayerRecords) => Promise<T>) => Promise<T>;

/** A rounding of the whole network, and what it keeps. */
type Rounding = Omit<Trial<CompensateResult>, "bytes">;

type Grids = Pick<CompensateResult, "network" | "grids">;

interface Choice {
  readonly widths: (node: Weighted) => Width;
  readonly reached: Reached<CompensateResult> | null;
}

function teach(
  simulated: Network,
  { pictures, samples }: Source,
  levels: (node: Weighted) => LayerLevels | null,
  ready: WeightGrids,
  { minutes, portions, learningRate, batchSize, augment, seed, threads }: ResolvedSettings,
  { signal, onProgress, records }: ImageControl & { readonly records: LayerRecords | undefined },
): Promise<DistillResult> {
  const [classes] = inferShapes(simulated).get(simulated.outputs[0])!;
  const start = performance.now();
  const share = () => Math.min((performance.now() - start) / 60_000 / minutes, 0.99);
  return distill(
    simulated,
    pictures ? unlabelled(pictures, classes) : samples,
    { levels, ready, minutes, portions, learningRate, batchSize, augment, seed, threads, signal },
    {
      records,
      onRounding: (portion, done, total) => onProgress?.(share(), `portion ${portion + 1}, layer ${done}/${total}`),
      onTraining: (portion, { epoch, epochs, loss }) =>
        onProgress?.(share(), `portion ${portion + 1}, epoch ${epoch + 1}/${epochs}, loss ${loss.toFixed(3)}`),
    },
  );
}

/** Settings that all layers lose less with, as the command spells them. */
function richerSettings(
  network: Network,
  settings: ResolvedSettings,
  reached: Reached<CompensateResult> | null,
): string[] {
  const { quantizer, bits, twoTerm, minutes, budget, price, goal } = settings;
  const training = `--minutes ${minutes === 0 ? 1 : 2 * minutes}`;
  if (goal) return [...higherGoal(goal, reached), training];
  const used = new Set(weightNodes(network).map(widthSettings(network, settings)));
  const sums = quantizerNamed("two-term");
  const powers = quantizer.name === "powers" || quantizer.name === DEFAULTS.retraining.levels;
  const ways: readonly (readonly [helps: boolean, option: string])[] =
    budget === null
      ? [
          [used.has("bits") && powers && sums.bits.includes(bits), "--levels two-term"],
          [used.has("bits") && quantizer.bits.includes(bits + 1), `--bits ${bits + 1}`],
          [used.has("twoTerm") && twoTerm! < Math.max(...sums.bits), `--two-term ${twoTerm! + 1}`],
        ]
      : [
          [powers, "--levels two-term"],
          [budget + 1 <= Math.max(...WIDTHS), `--budget ${budget + 1}`],
        ];
  const cheaper = price > 0 ? [`--price ${price < 0.5 ? 0 : price / 2}`] : [];
  return [...ways.flatMap(([helps, option]) => (helps ? [option] : [])), ...cheaper, training];
}

/** A goal that keeps more than what was reached, as the command spells it; none where it already asks for all that can be had. */
function higherGoal(goal: Goal, reached: Reached<CompensateResult> | null): string[] {
  const chosen = reached?.points.find((point) => point.chosen);
  switch (goal.kind) {
    case "lossless":
      return [];
    case "fast": {
      const share = chosen ? chosen.milliseconds / reached!.losslessTime! : 0;
      const time = Number((1.2 * Math.max(goal.time, share)).toPrecision(2));
      return [time < 1 ? `--time ${time}` : `--loss ${LOSSLESS}`];
    }
    case "small":
      return [`--size ${Math.ceil((1.2 * Math.max(goal.bytes, chosen?.bytes ?? 0)) / 1000)}KB`];
  }
}

function outcome(
  network: Network,
  widths: (node: Weighted) => Width,
  reports: readonly LayerReport[],
  ready: readonly QuantizedLayer[],
) {
  // layers that came ready have no width to choose
  const rounded = new Set(reports.map(({ name }) => name));
  const chosen = weightNodes(network).filter(({ name }) => rounded.has(name));
  const bits = new Map(chosen.map((node) => [node.name, widths(node).bits]));
  const layers = reports.map(({ explored: [next], ...report }): RoundedLayer => {
    const own = bits.get(report.name)!;
    const bytes = Math.ceil(report.weights / 8);
    return {
      ...report,
      bits: own,
      more:
        next === undefined
          ? null
          : {
              bits: own + 1,
              bytes,
              gain: next.snr === null || report.ownSnr === null ? null : next.snr - report.ownSnr,
            },
    };
  });
  const all: readonly QuantizedLayer[] = [...layers, ...ready];
  const total = all.reduce((sum, { weights }) => sum + weights, 0);
  return { layers, ready, averageBits: all.reduce((sum, layer) => sum + (layer.weights * layer.bits) / total, 0) };
}

function notesFor(
  { activations, bits, quantizer, budget, price, zeros, seed, goal }: ResolvedSettings,
  distillation: DistillationOutcome | null,
  ready: number,
  stated: number,
): Record<string, string> {
  return {
    ...(ready > 0 && { ready: `weights of ${ready} layers as they came` }),
    ...(stated > 0 && { ranges: `${stated} tensors rounded as the file says` }),
    weights: goal
      ? `compensated rounding, goal ${goalText(goal)}, two-term`
      : `compensated rounding, ${budget === null ? `${bits} bits` : `${budget} bits on average`}, ${quantizer.name}${price > 0 ? `, price ${price}` : ""}${zeros > 0 ? `, ${Math.round(100 * zeros)} % zeros` : ""}`,
    activations: schemeText(activations),
    ...(distillation && { distillation: `${distillation.epochs.join(" ")} epochs a portion, seed ${seed}` }),
  };
}
