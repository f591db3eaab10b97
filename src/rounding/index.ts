// index.ts: the door of compensated rounding: weights put on a grid, layer by layer, so that the rest makes up for it.
export {
  type CompensateControl,
  type CompensateOptions,
  type CompensateResult,
  compensate,
  type Explored,
  LAYER_RECORDS,
  type LayerRecord,
  type LayerRecords,
  type LayerReport,
} from "./compensate.js";
export { type Crew, usualThreads, withCrew } from "./crew.js";
export { type LevelsOf, portionSteps, type RoundingStep } from "./layer-plan.js";
export { type RoundingMemory, roundingMemory } from "./memory.js";
