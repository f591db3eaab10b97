// system.ts: the ground floor's door to the files of the system: written whole, and why it refused. The runtime loads it to read one.
export { checkWritable, targetOf, writeAtomically } from "./atomic.js";
export { reason } from "./reason.js";
