// index.ts: the door of the ground floor: the error class and the random generator. atomic.ts, which only Node has, is named by its file.
export { type ErrorCode, type ErrorDetails, ShiftwiseError } from "./error.js";
export { createRandom, type Random, type Shuffleable } from "./random.js";
