// image-checks.ts: the settings of quantizeFromImages with their defaults, and whether they fit a network and one another.
import { alternatives, given, ShiftwiseError } from "../base/index.js";
import type { Augmentation, Pictures } from "../data/browser.js";
import { inputsOf, type Network } from "../graph/index.js";
import { checkPortions, quantizerNamed } from "../quantize/index.js";
import { DEFAULTS } from "./defaults.js";
import { goalText } from "./goal/index.js";
import { CHOSEN_BY_GOALS, IMAGE_SETTINGS, type ImageSettings, type ResolvedSettings } from "./image-settings.js";
import { WIDTHS } from "./levels.js";
import { checkBits, checkLayers, defined } from "./settings.js";
import type { Source } from "./source.js";

/**
 * All settings, with what is set in place of the defaults.
 * @throws BAD_OPTION for a goal beside what it would choose
 */
export function resolve(settings: ImageSettings, pictures: Pictures | null): ResolvedSettings {
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
export function check(network: Network, { pictures }: Source, settings: ResolvedSettings): void {
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
