// index.ts: the door of goals: levels, bits and zeros for every layer, by what they cost and what they keep.
export { dealBits } from "./budget.js";
export type { Trial } from "./deals.js";
export { GOAL, type Goal, goalText, isTelling, LOSSLESS, leastAgreement, worstNoise } from "./goal.js";
export { type Point, type Reached, reach } from "./reach.js";
export { cautious, survey } from "./survey.js";
