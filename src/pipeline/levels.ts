// levels.ts: which levels each layer's weights are rounded to, and which ones goals and budgets choose from.
import type { Network } from "../graph/index.js";
import type { ConvNode, DenseNode } from "../ops/index.js";
import { type LayerLevels, levelsFor, type Quantizer, quantizerNamed } from "../quantize/index.js";
import type { ResolvedSettings } from "./image-settings.js";

export type Weighted = ConvNode | DenseNode;

/** The quantizer of a layer, its bits, and the price of a weight that is not 0, or the share of zeros (see LayerLevels). */
export interface Width {
  readonly quantizer: Quantizer;
  readonly bits: number;
  readonly price: number;
  readonly zeros?: number;
}

/** The widths that layers by themselves and budgets may ask for, whatever the quantizer. */
export const WIDTHS: readonly number[] = [2, 3, 4, 5, 6];

/** A width of a quantizer; one that it lacks is of sums of two powers, which have all of WIDTHS. */
function widthOf(quantizer: Quantizer, bits: number, price: number): Width {
  return { quantizer: quantizer.bits.includes(bits) ? quantizer : quantizerNamed("two-term"), bits, price };
}

/** The levels of a layer. */
export const levelsOf = (node: Weighted, { quantizer, bits, price, zeros }: Width): LayerLevels => ({
  ...levelsFor(node, quantizer, bits),
  price,
  ...(zeros && { zeros }),
});

/** The width with one bit more; null where there is none. */
export function wider({ bits, price, zeros }: Width, quantizer: Quantizer): Width | null {
  return WIDTHS.includes(bits + 1) ? { ...widthOf(quantizer, bits + 1, price), zeros } : null;
}

/** The setting that each layer's width is from. */
export function widthSettings(
  network: Network,
  { twoTerm, layers }: Pick<ResolvedSettings, "twoTerm" | "layers">,
): (node: Weighted) => "layers" | "twoTerm" | "bits" {
  const first = network.nodes.find((node) => node.op === "conv");
  return (node) => {
    if (layers.has(node.name)) return "layers";
    const few = node.name === first?.name || (node.op === "conv" && node.groups > 1);
    return few && twoTerm !== null ? "twoTerm" : "bits";
  };
}

/** Widths as the settings name them. */
export function widthsBy(network: Network, settings: ResolvedSettings): (node: Weighted) => Width {
  const { bits, quantizer, twoTerm, layers, price, zeros } = settings;
  const settingOf = widthSettings(network, settings);
  const widths = {
    layers: (name: string) => ({ ...widthOf(quantizer, layers.get(name)!, price), zeros }),
    twoTerm: () => ({ quantizer: quantizerNamed("two-term"), bits: twoTerm!, price }),
    bits: () => ({ quantizer, bits, price, zeros }),
  };
  return (node) => widths[settingOf(node)](node.name);
}

/** The prices that a goal chooses from, by bits: where they are few, zeros are better had with fewer bits. */
const PRICES: ReadonlyMap<number, readonly number[]> = new Map([
  [2, [0, 0.1]],
  [3, [0, 0.3, 1]],
  [4, [0, 0.3, 1, 2]],
  [5, [0, 1]],
  [6, [0]],
]);

/** The bits that a layer may get: those that it was given, else any. */
function bitsOf(name: string, layers: ReadonlyMap<string, number>): readonly number[] {
  const own = layers.get(name);
  return own === undefined ? WIDTHS : [own];
}

/** The widths that a goal chooses from: sums of two powers, and more zeros of some; layers that were given bits keep them. */
export function choicesFor(layers: ReadonlyMap<string, number>): (node: Weighted) => readonly Width[] {
  const quantizer = quantizerNamed("two-term");
  return ({ name }) =>
    bitsOf(name, layers).flatMap((bits) => PRICES.get(bits)!.map((price) => ({ quantizer, bits, price })));
}

/** The widths that a budget chooses from: one for each number of bits. */
export function widthsFor({
  layers,
  quantizer,
  price,
}: Pick<ResolvedSettings, "layers" | "quantizer" | "price">): (node: Weighted) => readonly Width[] {
  return ({ name }) => bitsOf(name, layers).map((bits) => widthOf(quantizer, bits, price));
}

/** The width that all layers have while the choices of one are compared. */
export const surveyWidth = ({ quantizer, price }: Pick<ResolvedSettings, "quantizer" | "price">): Width =>
  widthOf(quantizer, 4, price);
