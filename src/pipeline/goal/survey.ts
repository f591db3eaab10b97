// survey.ts: what each layer could have, with what each choice costs in time, bytes and noise at the outputs.
import { EXACT, noiseOf } from "../../base/index.js";
import type { Samples, SamplesByInput } from "../../data/browser.js";
import { packedSize, packIndices } from "../../format/index.js";
import { lower, type Network } from "../../graph/index.js";
import { type ModelDef, packModel } from "../../model/index.js";
import { largestOf, type WeightGrids } from "../../ops/index.js";
import { type Crew, compensate, type Explored, type LayerRecords } from "../../rounding/index.js";
import { firstOf } from "../../training/index.js";
import {
  type CostTable,
  complementsIn,
  geometryOf,
  levelWork,
  modelBranches,
  predictLayer,
  predictModel,
} from "../costs/index.js";
import type { ImageControl } from "../image-settings.js";
import { levelsOf, type Weighted, type Width } from "../levels.js";
import { outputNoise } from "./gains.js";

/** One of the widths that a layer could have, and its costs. */
export interface LayerChoice extends Width {
  /** The noise that it makes at the worst output, as a share of the signal there. */
  readonly noise: number;
  /** Predicted, on one thread. */
  readonly milliseconds: number;
  /** Bytes of the codes in the file. */
  readonly bytes: number;
}

/** A layer with weights, and its choices. */
export interface LayerSurvey {
  readonly name: string;
  readonly weights: number;
  readonly choices: readonly LayerChoice[];
  /** Whether its rounding was seen at an output. Where it was not, noise is that of its own outputs, or a guess. */
  readonly isSeen: boolean;
}

/** The layers of a network with their choices, and what the rest costs. */
export interface Survey {
  readonly layers: readonly LayerSurvey[];
  /** Steps without weights, and layers that choices do not change. */
  readonly milliseconds: number;
  /** All of the file but the codes. */
  readonly bytes: number;
}

/** Samples on which layers are compared; sweeps of descent, which all choices gain alike from. */
const SAMPLES = 32;
const SWEEPS = 1;
/** Shares of a survey's time: rounding, and measuring what each layer costs the outputs. */
const ROUNDING = 0.7;
/** Noise at the outputs that is rounding error alone, or none. */
const UNSEEN = 1e-12;

/** The noise of a layer whose outputs say nothing of it: a quarter for each bit more. */
const guessed = ({ bits, price }: Width): number => (1 + price) * 4 ** (1 - bits);

/** The noise of a layer's own outputs. */
const ownNoise = (width: Width, { snr }: Explored): number => (snr === null ? guessed(width) : noiseOf(snr));

/**
 * Rounds each layer with each of its choices, in its place in the network, and measures and predicts what they cost.
 * @param simulated with its quantize nodes, before rounding
 * @param ready layers that are not rounded, and have no choices
 * @param base the width of all layers while one is compared
 * @param choicesOf the choices of a layer, at least one
 * @param telling whether each output counts
 */
export async function survey(
  simulated: Network,
  samples: Samples | SamplesByInput,
  ready: WeightGrids,
  base: Width,
  choicesOf: (node: Weighted) => readonly Width[],
  telling: readonly boolean[],
  costs: CostTable | undefined,
  { signal, onProgress, records, crew }: ImageControl & { readonly records?: LayerRecords; readonly crew?: Crew },
): Promise<Survey> {
  const few = firstOf(samples, SAMPLES);
  const compared = await compensate(
    simulated,
    few,
    {
      levels: (node) => (ready.has(node.name) ? null : levelsOf(node, base)),
      explore: (node) => [base, ...choicesOf(node)].map((width) => levelsOf(node, width)),
      follow: false,
      measure: false,
      sweeps: SWEEPS,
    },
    { signal, records, crew, onProgress: (done, total, layer) => onProgress?.((ROUNDING * done) / total, layer) },
  );
  const found = await outputNoise(simulated, compared.network, few, ready, telling, signal, (done, total, layer) =>
    onProgress?.(ROUNDING + ((1 - ROUNDING) * done) / total, layer),
  );
  const def = lower(compared.network, { grids: new Map([...ready, ...compared.grids]) });
  const timeOf = timesIn(def, costs);
  const byName = new Map(simulated.nodes.map((node) => [node.name, node]));
  const layers = compared.layers.map(({ name, weights, explored: [own, ...explored] }): LayerSurvey => {
    const choices = choicesOf(byName.get(name) as Weighted);
    const noise = found.get(name)!;
    const isSeen = noise > UNSEEN || own.snr === EXACT;
    const share = isSeen ? noise / ownNoise(base, own) : 1;
    return {
      name,
      weights,
      isSeen,
      choices: explored.map((one, i) => ({
        ...choices[i],
        noise: ownNoise(choices[i], one) * share,
        milliseconds: timeOf(name, one),
        bytes: codeBytes(one, weights),
      })),
    };
  });
  const chosenOnes = new Set(layers.map(({ name }) => name));
  const others = predictModel(def, costs).filter((step) => !chosenOnes.has(step.name));
  const codes = compared.layers.reduce((sum, { weights, explored: [own] }) => sum + codeBytes(own, weights), 0);
  return {
    layers,
    milliseconds: others.reduce((sum, step) => sum + step.milliseconds, 0),
    bytes: packModel(def).length - codes,
  };
}

/** The same with one choice, `base`, where it is one, for layers whose rounding was not seen: nothing says that they may have less. */
export function cautious(found: Survey, base: Width): Survey {
  const layers = found.layers.map((layer) => {
    if (layer.isSeen) return layer;
    const same = layer.choices.filter(({ bits, price }) => bits === base.bits && price === base.price);
    return { ...layer, choices: (same.length > 0 ? same : layer.choices).map((one) => ({ ...one, noise: 0 })) };
  });
  return { ...found, layers };
}

/** Predicts the bytes of a layer's codes from those of the channels that were tried, as a file packs them. */
function codeBytes({ codes, of, tables }: Explored, weights: number): number {
  if (codes.length === 0) return 0;
  const packed = packIndices(codes, Math.max(...tables.map(({ length }) => length)));
  const bytes = tables.length > 1 ? packedSize(packed, of) + packedSize(of) : packedSize(packed);
  return (bytes * weights) / codes.length;
}

/** Predicts the milliseconds of a layer of a model with other levels. */
function timesIn(def: ModelDef, costs: CostTable | undefined): (name: string, explored: Explored) => number {
  const branches = modelBranches(def);
  return (name, { codes, of, tables }) => {
    const layer = def.layers.find((one) => one.name === name);
    if (layer?.op !== "conv" && layer?.op !== "dense") return 0;
    const max = largestOf(def.tensors[layer.input].encoding);
    if (layer.weights.kind === "float32" || max === null || of.length === 0) return 0;
    const width = codes.length / of.length;
    // powers of two stand at fractions of the largest
    const unit = tables.flat().reduce((least, level) => (level ? Math.min(least, Math.abs(level)) : least), Infinity);
    const levels = Int16Array.from(codes, (code, at) => tables[of[Math.floor(at / width)]][code] / unit);
    const geometry = geometryOf(def, layer);
    const form = { dense: geometry.window === null, complements: complementsIn(geometry) };
    const work = levelWork(levels, of.length, max, form);
    return predictLayer(geometry, work, costs, branches);
  };
}
