// own-module.ts: whether a module that somebody else compiled is that of this code; loaded where one is given.
import type { ShiftwiseError } from "../base/index.js";

/** The custom section behind the module's code, with the mark that assembly/build.mjs gives it: a hash of the code. */
const MARK_SECTION = "shiftwise";

/**
 * Checks that a module which somebody else compiled is the one that this code was built with.
 * @param mark of this code's module
 * @param Failure the class of errors, which is not imported: a file that the entry and a part loaded later share would be cut off
 * from the entry by bundlers
 * @throws BAD_OPTION
 */
export function checkModule(module: WebAssembly.Module, mark: string, Failure: typeof ShiftwiseError): void {
  const [section = new ArrayBuffer(0)] = WebAssembly.Module.customSections(module, MARK_SECTION);
  const found = `mark ${new Uint8Array(section).join()}`;
  const expected = `mark ${mark}`;
  if (found === expected) return;
  const details = { where: "module", expected, found };
  throw new Failure("BAD_OPTION", "the module is not that of this version's shiftwise/wasm/runtime.wasm", details);
}
