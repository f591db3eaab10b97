// image-settings.ts: the settings and callbacks of quantizeFromImages.
import { frozenCopy, is } from "../base/index.js";
import { AUGMENTATION, type Augmentation } from "../data/browser.js";
import { type ActivationScheme, MOST_ZEROS, QUANTIZER, type Quantizer, SCHEME } from "../quantize/index.js";
import { type CheckpointOptions, COMMON } from "../training/index.js";
import { COST_TABLE, type CostTable } from "./costs/index.js";
import { GOAL, type Goal } from "./goal/goal.js";
import { CONTROL, TRAINING } from "./settings.js";

/** Settings of quantizeFromImages; DEFAULTS has what each is unless it is set. */
export interface ImageSettings {
  readonly activations?: ActivationScheme;
  /**
   * The goal that levels, bits and zeros of each layer are chosen for; null: `bits`, `levels`, `twoTerm` and `price` are as they
   * are set, or `budget`. Default: lossless, 24 dB, unless one of these is set.
   */
  readonly goal?: Goal | null;
  /** Prices of the kernels' work, by which a goal predicts times. Default: those of COSTS. */
  readonly costs?: CostTable;
  /** Bits of the weights; two-term levels have 2 to 6. Default 4. */
  readonly bits?: number;
  /** The quantizer whose levels weights get, or the name of one of QUANTIZERS of shiftwise/quantize. Default "two-term". */
  readonly levels?: string | Quantizer;
  /** Bits, 4 to 6, of two-term levels for the first convolution and depthwise ones; null: they are as the others. */
  readonly twoTerm?: number | null;
  /** Bits of single layers by name, 2 to 6; a width that the quantizer lacks is of two-term levels. */
  readonly layers?: ReadonlyMap<string, number>;
  /**
   * The price of a weight that is not 0: a weight stays 0 unless it takes more from the error of its layer's outputs. 1 is four
   * times the error of a weight halfway between levels 0 and 1, and doubles the weights that round to 0. More zeros take less time
   * to run. Default 0.
   */
  readonly price?: number;
  /**
   * The share of weights that are to be 0 in every layer, about, 0 to 0.99: the price is found for it. Layers that `twoTerm` sets
   * are left out. Default 0: as many as come by themselves, or by `price`.
   */
  readonly zeros?: number;
  /** Bits on average over all weights, dealt out among the layers; null: `bits` for all. Default null. */
  readonly budget?: number | null;
  /**
   * Most bytes of memory that a conversion may take, about; weights are rounded on as many images as that has room for. Default
   * 2 GB, 2 10^9.
   */
  readonly memory?: number;
  /** Minutes of self-distillation; 0: none. */
  readonly minutes?: number;
  /** Shares of the weights that are rounded before each part of it. */
  readonly portions?: readonly number[];
  readonly learningRate?: number;
  readonly batchSize?: number;
  /** Default: crop by a fourteenth of the width and flip pictures of a network of one input; nothing for other samples. */
  readonly augment?: Augmentation;
  readonly seed?: number;
  /** Notes that the model carries beside its own; the goal small counts them. */
  readonly notes?: Readonly<Record<string, string>>;
  /**
   * Threads that round weights, and that self-distillation trains on. The result of rounding does not depend on their number, that of
   * distillation does. Default: two for rounding, where the machine has two cores and memory can be shared, and one for distillation.
   */
  readonly threads?: number;
}

export const IMAGE_SETTINGS = is.exactly<ImageSettings>({
  activations: is.optional(SCHEME),
  goal: is.optional(is.nullable(GOAL)),
  costs: is.optional(COST_TABLE),
  bits: is.optional(is.integer(1)),
  levels: is.optional(is.either((value) => typeof value === "string", is.text, QUANTIZER)),
  twoTerm: is.optional(is.nullable(is.integer(4, 6))),
  layers: is.optional(is.map(is.number)),
  price: is.optional(is.within(0)),
  zeros: is.optional(is.within(0, MOST_ZEROS)),
  budget: is.optional(is.nullable(is.positive)),
  memory: is.optional(is.positive),
  minutes: is.optional(is.within(0)),
  portions: is.optional(is.list(is.number)),
  learningRate: is.optional(TRAINING.learningRate),
  batchSize: is.optional(TRAINING.batchSize),
  augment: is.optional(AUGMENTATION),
  seed: TRAINING.seed,
  notes: is.optional(is.dictionary(is.text)),
  threads: TRAINING.threads,
});

/**
 * The settings that say what a goal would choose, so that they exclude one.
 * @internal
 */
export const CHOSEN_BY_GOALS = frozenCopy([
  "bits",
  "levels",
  "twoTerm",
  "price",
  "zeros",
  "budget",
] as const satisfies readonly (keyof ImageSettings)[]);

/** Callbacks of quantizeFromImages, and the signal that stops it. */
export interface ImageControl {
  /** Stops before the next layer or step of training. */
  readonly signal?: AbortSignal;
  /** A step with a progress of its own begins. */
  readonly onStep?: (step: "calibrating" | "comparing levels" | "rounding" | "distilling") => void | Promise<void>;
  /** Share of the step done, 0..1. */
  readonly onProgress?: (share: number, detail: string) => void | Promise<void>;
  /**
   * A file with the layers that are rounded, from which a run that was interrupted goes on; of distillation it has the rounding alone.
   * In Node only.
   */
  readonly checkpoint?: CheckpointOptions;
  /** Something was assumed or added; `warnings` of the result has the same. */
  readonly onWarning?: (text: string) => void | Promise<void>;
}

/**
 * Checks the callbacks of quantizeFromImages.
 * @internal
 */
export const IMAGE_CONTROL = is.exactly<ImageControl>({ ...CONTROL, checkpoint: COMMON.checkpoint });

/** All settings, with the quantizer that `levels` names. */
export type ResolvedSettings = Required<Omit<ImageSettings, "goal" | "costs">> &
  Pick<ImageSettings, "costs"> & { readonly quantizer: Quantizer; readonly goal: Goal | null };
