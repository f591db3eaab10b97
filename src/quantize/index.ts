// index.ts: the door of the quantize room: weights to powers of two, activations to small integers.
// Where quantize nodes go belongs to the graph room, and is public here as well.

export type { CodeBits } from "../format/index.js";
export { encodingGroups, insertQuantizers, quantizationPoints, removeQuantizers } from "../graph/index.js";
export type { ChannelBooks } from "../ops/index.js";
export { type ClipRule, fitLinear, type LinearEncoding, type LinearOptions } from "./activations.js";
export { allocateBits, type LayerChoices } from "./allocate.js";
export { quantizerLevels, quantizeWeights } from "./apply.js";
export {
  type ActivationScheme,
  type CalibrationOptions,
  calibrate,
  collectHistograms,
  type NamedActivations,
} from "./calibrate.js";
export { type LayerLevels, powerLevels } from "./channels.js";
export { addToHistogram, createHistogram, type Histogram, mergeHistograms } from "./histogram.js";
export { advancePortion, type PortionOptions, type PortionStep, planPortion } from "./inq.js";
export { chooseExponent, type ExponentRule, type PowersOfTwo, powersOfTwo, quantizeToLevel } from "./levels.js";
export { fitLog, fitWeightedEntropy, type LevelsEncoding, type LogOptions, type LogShape } from "./log-encoding.js";
export type { Partition } from "./partition.js";
export { type LayerBits, portionsFor } from "./portions.js";
export type { Fit, LayerInfo, Quantizer } from "./quantizer.js";
export { QUANTIZERS, quantizerNamed } from "./quantizers/index.js";
export { readyGrids } from "./ready.js";
export { type Clustering, fitWeq, type WeqForm, type WeqOptions } from "./weighted-entropy.js";
export {
  averageBits,
  budgetBits,
  type LayerSensitivity,
  shapedBits,
  type WidthLayer,
  type WidthShape,
} from "./widths.js";

// for the other rooms

export { bitsOfLayer, levelsFor, quantizeWeightsOf, weightNodes, writeFit } from "./apply.js";
export { SCHEME } from "./calibrate.js";
export { type ChannelRanges, collectRanges, createMeter } from "./channel-ranges.js";
export { LAYER_LEVELS, type LevelTable, levelTable, MOST_ZEROS, priceOf, SMALLEST_SCALE } from "./channels.js";
export { type Choice, deal } from "./deal.js";
export { equalize, tensorsToEqualize } from "./equalize.js";
export { PORTION_FIELDS, PORTION_STEP } from "./inq.js";
export { defaultRule, SMALLEST_WEIGHT } from "./levels.js";
export { frozenCount, selectLargest } from "./partition.js";
export { checkBits, checkPortions, paperBits, WIDTHS } from "./portions.js";
export { FIT, QUANTIZER } from "./quantizer.js";
export { huffmanBytes } from "./quantizers/huffman.js";
export { bitsOfGrid } from "./ready.js";
export { createScaleFitter, fitScales, type RowFits, type ScaleFitter } from "./scale-fits.js";
export { layerSparsities, smallest } from "./sparsity.js";
