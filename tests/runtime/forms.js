// forms.js: the runtime's module as JavaScriptCore compiles it, for other engines: with look-ups where these have shifts.
import { readFileSync } from "node:fs";
import { bytesOfText } from "../../dist/base/index.js";
import { ODDS, SHIFT } from "../../dist/runtime/wasm.generated.js";

const bytes = readFileSync(new URL("../../build/runtime.wasm", import.meta.url));
const [look, shift] = [ODDS, SHIFT].map((text) => Buffer.from(bytesOfText(text)));
/** How many shifts there are. */
export let shifts = 0;
for (let at = bytes.indexOf(shift); at >= 0; at = bytes.indexOf(shift, at)) {
  bytes.set(look, at);
  shifts++;
}

export const lookUps = new WebAssembly.Module(bytes);
