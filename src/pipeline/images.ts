// images.ts: a float network to the model that runs in integers, from images without labels: rounding that compensates, and
// a float network that teaches.

import { given } from "../base/index.js";
import { countOf, unlabelled } from "../data/browser.js";
import {
  inferShapes,
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
  collectHistograms,
  collectRanges,
  equalize,
  type LayerLevels,
  tensorsToEqualize,
  weightNodes,
} from "../quantize/index.js";
import { type Crew, compensate, type LayerRecords, type LayerReport, withCrew } from "../rounding/index.js";
import {
  type DistillResult,
  type Divergence,
  distill,
  fidelityTo,
  firstOf,
  holdOutSamples,
  recoverNorms,
  sampleActivations,
} from "../training/index.js";
import { choose, type Grids, type Recorded, type Rounding } from "./choosing.js";
import { goalText, type Point, type Reached } from "./goal/index.js";
import { check, resolve } from "./image-checks.js";
import {
  IMAGE_CONTROL,
  IMAGE_SETTINGS,
  type ImageControl,
  type ImageSettings,
  type ResolvedSettings,
} from "./image-settings.js";
import { checkSignal, interruptible } from "./interruptible.js";
import { judged } from "./judged.js";
import { levelsOf, type Weighted, type Width, wider } from "./levels.js";
import { withinMemory } from "./memory.js";
import { checkFloat, withoutTiny } from "./network.js";
import { type ConversionResult, createWarnings, type QuantizedLayer, type RoundedLayer, schemeText } from "./notes.js";
import { withoutOutliers } from "./outliers.js";
import { adviceOn, neediest, type Quality } from "./quality.js";
import { readyIn, readyLayers } from "./ready.js";
import { richerSettings } from "./richer.js";
import { conversionRecord, openRoundingCheckpoint } from "./rounding-checkpoint.js";
import { roundingThreads } from "./rounding-threads.js";
import { type Images, type ImagesByInput, type Source, sourceOf } from "./source.js";
import { stillInputs } from "./still-inputs.js";
import type { Unjudged } from "./unjudged.js";

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
  const judgement = judged(
    { source, original: network, held, ready, settings: full, still },
    () => measure(simulated).outputs,
  );
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
