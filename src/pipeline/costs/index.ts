// index.ts: the door of the cost model: milliseconds of a model's steps, predicted without running it.
export { type Calibration, type CostError, calibrateCosts } from "./calibrate.js";
export { COST_UNITS } from "./features.js";
export { type PredictedStep, predictLayer, predictModel } from "./predict.js";
export { COSTS } from "./shipped.js";
export { modelBranches } from "./steps.js";
export { COST_TABLE, type CostTable, parseCosts } from "./table.js";
export { complementsIn, geometryOf, type LayerGeometry } from "./weighted.js";
export { type ChannelWork, channelWork, levelWork } from "./work.js";
