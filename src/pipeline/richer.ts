// richer.ts: settings that keep more than those of a conversion, as the command spells them.
import type { Network } from "../graph/index.js";
import { quantizerNamed, weightNodes } from "../quantize/index.js";
import type { CompensateResult } from "../rounding/index.js";
import { DEFAULTS } from "./defaults.js";
import { type Goal, LOSSLESS, type Reached } from "./goal/index.js";
import type { ResolvedSettings } from "./image-settings.js";
import { WIDTHS, widthSettings } from "./levels.js";

/** Settings that all layers lose less with, as the command spells them. */
export function richerSettings(
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
