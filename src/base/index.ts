// index.ts: the door of the ground floor: errors, checks of arguments, random numbers, addresses and records of wasm.
export { type Address, NOWHERE, plus, roundUp } from "./address.js";
export { alternatives } from "./alternatives.js";
export { decibels, EXACT, noiseOf, squaresAboutMean } from "./decibels.js";
export { described, type ErrorCode, type ErrorDetails, type ErrorValue, guarded, ShiftwiseError } from "./error.js";
export { greatestOf, leastOf } from "./extremes.js";
export { frozenCopy, looseCopy } from "./frozen.js";
export { given } from "./given.js";
export type { Kind } from "./is.js";
export * as is from "./is.js";
export { joined } from "./joined.js";
export { arrayKind, isArray, isBuffer, isShared, ownView } from "./kinds.js";
export { expectNoPromise } from "./listener.js";
export { canonicalNaNs, canonicalWord, firstNonFinite } from "./nan.js";
export { createRandom, type Random, type Shuffleable } from "./random.js";
export { shellWord } from "./shell.js";
export { encode, type Layout, type Pointer } from "./struct.js";
export { bytesOfText } from "./text.js";
