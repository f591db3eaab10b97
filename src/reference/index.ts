// index.ts: the door of the reference room: the executor in plain TypeScript.
export { type InputValues, type ReferenceResult, runReference } from "./execute.js";
