// notes.ts: what a model says in words about how it came to be, and what every conversion returns.
import type { Network } from "../graph/index.js";
import type { ModelDef } from "../model/index.js";
import type { WeightGrids } from "../ops/index.js";
import type { ActivationScheme } from "../quantize/index.js";
import type { LayerReport } from "../rounding/index.js";

/** A layer with weights as it has become. */
export interface QuantizedLayer {
  readonly name: string;
  /** The number of weights. */
  readonly weights: number;
  readonly bits: number;
}

/** A layer as it is in the model, its signal to noise, and what one more bit a weight would do. */
export interface RoundedLayer extends Omit<LayerReport, "explored">, QuantizedLayer {
  /** Null where there are no more bits to be had; `gain` in dB of ownSnr, null where that has no ratio. */
  readonly more: { readonly bits: number; readonly bytes: number; readonly gain: number | null } | null;
}

/** The result of a conversion; `Layer` is what it knows of each layer. */
export interface ConversionResult<Layer extends QuantizedLayer = QuantizedLayer> {
  /** The model that the runtime loads; `packModel` of shiftwise/format makes the file of it. */
  readonly model: ModelDef;
  /** The float network with quantize nodes and weights on their grids, of which the model was made. */
  readonly network: Network;
  readonly grids: WeightGrids;
  /** The layers in network order. */
  readonly layers: readonly Layer[];
  /** Bits of a weight, on average over all. */
  readonly averageBits: number;
  /** Sentences on what was assumed or added. */
  readonly warnings: readonly string[];
}

/**
 * A scheme in words: "8-bit", "4-bit LogQuant".
 * @internal
 */
export function schemeText({ kind, bits }: ActivationScheme): string {
  if (kind === "linear") return `${bits}-bit`;
  return `${bits}-bit ${kind === "log" ? "LogQuant" : "weighted-entropy LogQuant"}`;
}

/** A share in words: "80.00 %". */
export const percentText = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Collects warnings and hands each on as it arises; `heard` waits for the promises that came of it. */
export function createWarnings(onWarning?: (text: string) => void | Promise<void>) {
  const warnings: string[] = [];
  let hearing: Promise<unknown> = Promise.resolve();
  const warn = (text: string): void => {
    warnings.push(text);
    hearing = Promise.all([hearing, onWarning?.(text)]);
    // the rejection is that of `heard`
    hearing.catch(() => {});
  };
  const heard = async (): Promise<void> => {
    await hearing;
  };
  return { warnings, warn, heard };
}
