// index.ts: the door of the pipeline, and the package's `shiftwise/convert`: a float network and images to a model.
export { DEFAULTS } from "./defaults.js";
export type { Goal } from "./goal/goal.js";
export type { Point } from "./goal/reach.js";
export type { ImageControl, ImageSettings } from "./image-settings.js";
export {
  type DistillationOutcome,
  type ImageConversion,
  quantizeFromImages,
} from "./images.js";
export {
  type Classifier,
  checkFits,
  classesOf,
  createClassifier,
  type ExecutorName,
  image,
  type MeasureControl,
  type Measurement,
  measure,
} from "./measure.js";
export {
  type Method,
  type MethodConversion,
  type MethodSettings,
  quantizeByMethod,
  type Widths,
} from "./methods.js";
export {
  freshNetwork,
  type NetworkName,
  normalizedFor,
  usualNormalization,
  withNormalization,
  withNorms,
} from "./network.js";
export type { ConversionResult, QuantizedLayer, RoundedLayer } from "./notes.js";
export { measureOutputs, type OutputsMeasurement } from "./outputs.js";
export type { Quality } from "./quality.js";
export { quantizeReady } from "./ready.js";
export { epochsOver, NARROW_LEVELS, RECIPES, type RecipeName, type RetrainingRecipe, recipeFor } from "./recipes.js";
export { quantizeByRetraining, type RetrainingControl, type RetrainingConversion } from "./retraining.js";
export type { Images, ImagesByInput } from "./source.js";
export type { Unjudged } from "./unjudged.js";

// for the other rooms

export {
  type AnswersMeasurement,
  answersOf,
  type ChangedAnswer,
  type ClassErrors,
  createModelFidelity,
  createPictureRunner,
  type ModelAnswers,
  measureAnswers,
} from "./answers.js";
export {
  type Calibration,
  type ChannelWork,
  COST_UNITS,
  COSTS,
  type CostError,
  type CostTable,
  calibrateCosts,
  channelWork,
  geometryOf,
  type LayerGeometry,
  levelWork,
  modelBranches,
  type PredictedStep,
  parseCosts,
  predictLayer,
  predictModel,
} from "./costs/index.js";
export { checkImageSettings } from "./image-checks.js";
export { CHOSEN_BY_GOALS } from "./image-settings.js";
export { compareTimes, median } from "./measure.js";
export { checkMethod } from "./methods.js";
export { inputOf, NETWORKS } from "./network.js";
export { schemeText } from "./notes.js";
export { type PartedWays, partWays, type TensorDifference } from "./part-ways.js";
export { pixelHead } from "./pixel-head.js";
export { verdictOn } from "./quality.js";
export { defined } from "./settings.js";
export { compareModelTimes } from "./times.js";
export { answersFor } from "./unjudged.js";
