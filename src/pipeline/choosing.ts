// choosing.ts: the widths of a conversion's layers: as settings name them, dealt out by a budget, or found for a goal.
import type { Samples, SamplesByInput } from "../data/browser.js";
import type { Network } from "../graph/index.js";
import type { WeightGrids } from "../ops/index.js";
import type { CompensateResult, Crew, LayerRecords } from "../rounding/index.js";
import { cautious, dealBits, type Reached, reach, survey, type Trial, worstNoise } from "./goal/index.js";
import type { ImageControl, ResolvedSettings } from "./image-settings.js";
import type { Judged } from "./judged.js";
import { choicesFor, surveyWidth, type Weighted, type Width, widthsBy, widthsFor } from "./levels.js";
import { areReady } from "./ready.js";

/** Runs a rounding with the records of its layers, where a run has a checkpoint. */
export type Recorded = <T>(rounding: (records?: LayerRecords) => Promise<T>) => Promise<T>;

/** A rounding of the whole network, and what it keeps. */
export type Rounding = Omit<Trial<CompensateResult>, "bytes">;

export type Grids = Pick<CompensateResult, "network" | "grids">;

interface Choice {
  readonly widths: (node: Weighted) => Width;
  readonly reached: Reached<CompensateResult> | null;
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
export async function choose(choosing: Choosing): Promise<Choice> {
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
