// given.ts: the kinds of values that quantizers and what they measure take: histograms, widths, fits, options.
import { frozenCopy, is, type Kind } from "../base/index.js";
import { WEIGHT_NODE } from "../ops/index.js";
import type { LinearOptions } from "./activations.js";
import type { ActivationScheme } from "./calibrate.js";
import type { LayerLevels } from "./channels.js";
import { BINS, type Histogram } from "./histogram.js";
import type { PortionOptions, PortionStep } from "./inq.js";
import type { PowersOfTwo } from "./levels.js";
import type { LogOptions, LogShape } from "./log-encoding.js";
import type { Fit, LayerInfo, Quantizer } from "./quantizer.js";

const FIELDS = is.record<Histogram>({
  total: is.number,
  min: is.number,
  max: is.number,
  lowest: is.integer(-126, 64),
  tiny: is.number,
  positive: is.array("Float64Array"),
  negative: is.array("Float64Array"),
});

/** A histogram as createHistogram makes them. */
export const HISTOGRAM: Kind = (value, where) => {
  FIELDS(value, where);
  for (const side of ["positive", "negative"] as const) {
    const counts = (value as Histogram)[side];
    if (counts.length !== BINS) throw is.refused(`${where}.${side}`, `${BINS} counts`, counts);
  }
};

/**
 * Checks that a value is one width, or widths by the names of layers; which there are is for the function to check.
 * @internal
 */
export const WIDTHS: Kind = is.either((value) => typeof value === "number", is.number, is.map(is.number));

export const LINEAR_OPTIONS = is.record<LinearOptions>({
  bits: is.integer(1, 8),
  clip: is.optional(is.oneOf("minmax", "percentile", "mse")),
  percentile: is.optional(is.number),
});

const SHAPE_FIELDS = { bits: is.integer(2, 6), largest: is.oneOf(31, 255) } as const;

export const LOG_SHAPE = is.record<LogShape>(SHAPE_FIELDS);
export const LOG_OPTIONS = is.record<LogOptions>({ ...SHAPE_FIELDS, steps: is.optional(is.list(is.number)) });

/**
 * Checks that a value is a scheme of encodings for activations.
 * @internal
 */
export const SCHEME: Kind = is.either(
  (value) => (value as ActivationScheme | undefined)?.kind === "linear",
  LINEAR_OPTIONS,
  is.both(is.record<Pick<ActivationScheme, "kind">>({ kind: is.oneOf("linear", "log", "weq") }), LOG_OPTIONS),
);

export const RULE = is.oneOf("max", "mse");

const CODED = is.record<Omit<Fit, "ideal">>({ levels: is.list(is.number), scale: is.floats, codes: is.bytes });
const IDEAL = is.record<Pick<Fit, "ideal">>({ ideal: is.array("Float64Array") });

/** Weights by their codes, which are of the levels, as many for every channel. */
export const CODES: Kind = (value, where) => {
  CODED(value, where);
  const { codes, levels, scale, ideal } = value as Fit;
  if (codes.length % scale.length !== 0) throw is.refused(`${where}.codes`, `a multiple of ${scale.length}`, codes);
  const count = Math.min(levels.length, ideal?.length ?? levels.length);
  const bad = codes.findIndex((code) => code >= count);
  if (bad >= 0) throw is.refused(`${where}.codes[${bad}]`, `0..${count - 1}`, codes[bad]);
};

export const LAYER_INFO = is.record<LayerInfo>({
  name: is.text,
  shape: is.list(is.integer(1)),
  bits: is.number,
});

/**
 * Checks that a value is a quantizer.
 * @internal
 */
export const QUANTIZER = is.record<Quantizer>({
  name: is.text,
  bits: is.list(is.number),
  about: is.optional(is.text),
  exponents: is.optional(is.boolean),
  learns: is.optional(is.boolean),
  fit: is.callback,
});

export const POWERS_OF_TWO = is.record<PowersOfTwo>({
  bits: is.number,
  n1: is.number,
  n2: is.number,
  magnitudes: is.list(is.number),
  thresholds: is.list(is.number),
});

/**
 * Checks that a value is a whole fit, whose codes are of its levels.
 * @internal
 */
export const FIT: Kind = is.both(IDEAL, CODES);

type Powers = Extract<LayerLevels, { kind: "powers" }>;
type Table = Extract<LayerLevels, { kind: "codebook" }>;

/**
 * Checks what a layer's weights are to be rounded to.
 * @internal
 */
export const LAYER_LEVELS: Kind = is.either(
  (value) => (value as LayerLevels | undefined)?.kind === "codebook",
  is.record<Table>({ kind: is.text, levels: is.list(is.number) }),
  is.record<Powers>({
    kind: is.oneOf("powers", "codebook"),
    bits: is.number,
    scale: is.oneOf("layer", "channel"),
    rule: is.optional(RULE),
  }),
);

const INTEGER = is.integer(Number.MIN_SAFE_INTEGER);

/**
 * The kinds of the options that a portion has and a retraining, too.
 * @internal
 */
export const PORTION_FIELDS = frozenCopy({
  bits: WIDTHS,
  quantizer: is.optional(QUANTIZER),
  partition: is.optional(is.oneOf("magnitude", "random")),
  ranking: is.optional(is.oneOf("layer", "global")),
  rule: is.optional(RULE),
  scale: is.optional(is.oneOf("layer", "channel")),
  pruned: is.optional(is.map(is.bytes)),
} as const);

export const PORTION_OPTIONS = is.record<PortionOptions>({
  ...PORTION_FIELDS,
  portion: is.number,
  seed: is.optional(INTEGER),
});

/**
 * Makes the check of one step of a portion on grids of a kind.
 * @internal
 */
export const PORTION_STEP = (grid: Kind): Kind =>
  is.record<PortionStep>({
    node: WEIGHT_NODE,
    grid,
    chosen: is.array("Uint32Array"),
    first: is.boolean,
  });
