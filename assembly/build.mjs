// build.mjs: compiles the wasm modules and writes their bytes, for inlining, and their types as TypeScript.
// asc ignores an unknown target or option without a word, so the outcome is checked here.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { border } from "./border.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
process.chdir(root);
mkdirSync("build/halves", { recursive: true });
const MARK_BYTES = 8;
/** Keeps functions of more than a few instructions out of those that call them. */
const SHORT = ["--shrinkLevel", "1"];

// What src/runtime/kernels.ts changes in the text of a module before it is compiled, by pieces of as many bytes.
//   the end of the import "memory" with a maximum: one of its own, and one that is shared with other threads
//   oddsOf (assembly/runtime/shared/lanes.ts): v128.const, i8x16.swizzle; and i32.const 8, i16x8.shr_u, nop ...
const ODDS = [253, 12, 1, 255, 3, 255, 5, 255, 7, 255, 9, 255, 11, 255, 13, 255, 15, 255, 253, 14];
const SHIFT = [65, 8, 253, 141, 1, ...Array(15).fill(1)];
const FORMS = { OWN: [121, 2, 1], SHARED: [121, 2, 3], ODDS, SHIFT };

/** Every function that these files export is a kernel; what kernels share stands in the folder `shared`. */
const entriesOf = (folder) =>
  readdirSync(`assembly/${folder}`)
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => `assembly/${folder}/${name}`);

// runtime.wasm is the whole runtime, for hosts that compile no wasm from bytes. Everywhere else it comes in two halves, of which
// the second is loaded for models that have such steps.
const sums = entriesOf("runtime");
const steps = entriesOf("steps");
const training = await compile("training", entriesOf("training"));
const whole = await compile("runtime", [...sums, ...steps], [], withShifts);
write("engine", "wasm", training.types, { TRAINING_WASM_TEXT: textOf(training.bytes) });
write("runtime", "wasm", whole.types, {
  RUNTIME_WASM_TEXT: textOf((await compile("halves/sums", sums, SHORT)).bytes),
  ...Object.fromEntries(Object.entries(FORMS).map(([name, bytes]) => [name, textOf(Uint8Array.from(bytes))])),
  RUNTIME_MARK: whole.bytes.subarray(-MARK_BYTES).join(),
});
write("runtime", "steps-wasm", "", { STEPS_WASM_TEXT: textOf((await compile("halves/steps", steps)).bytes) });

/** Compiles a module of these files to build/<name>.wasm, changed in the end. */
async function compile(name, entries, options = [], change = (code) => code) {
  const outFile = `build/${name}.wasm`;
  rmSync(outFile, { force: true });
  let types = "";
  const transform = border(entries, (text) => {
    types = text;
  });
  const output = ["--outFile", outFile, "--textFile", `build/${name}.wat`, ...options];
  const { error, stdout, stderr } = await asc.main([...entries, ...output], { transforms: [transform] });
  process.stdout.write(stdout.toString());
  process.stderr.write(stderr.toString());
  if (error) process.exit(1);
  const bytes = marked(change(readFileSync(outFile)));
  writeFileSync(outFile, bytes);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map((i) => `${i.module}.${i.name}`);
  if (imports.join() !== "env.memory") {
    console.error(`${outFile}: imports must be env.memory alone, found ${imports.join() || "none"}`);
    process.exit(1);
  }
  return { types, bytes };
}

/** Writes src/<room>/<name>.generated.ts: types, and texts by name. */
function write(room, name, types, texts) {
  const up = room.replace(/[^/]+/g, "..");
  const base = ["Address", "Layout", "Pointer"].filter((type) => new RegExp(`\\b${type}\\b`).test(types));
  const file = `${name}.generated.ts`;
  writeFileSync(
    `src/${room}/${file}`,
    [
      `// ${file}: ${types ? "the types of a wasm module's exports, and its bytes as text" : "a wasm module as text"}, written by assembly/build.mjs.`,
      ...(base.length > 0 ? [`import type { ${base.join(", ")} } from "${up}/base/index.js";`] : []),
      "",
      ...(types ? [types] : []),
      ...Object.entries(texts).map(([key, text]) => `export const ${key} =\n  ${JSON.stringify(text)};`),
      "",
    ].join("\n"),
  );
}

/** A module with shifts in the place of look-ups. */
function withShifts(code) {
  const look = Buffer.from(ODDS);
  for (let at = code.indexOf(look); at >= 0; at = code.indexOf(look, at)) code.set(SHIFT, at);
  return code;
}

/**
 * A module with a mark behind it, so that one compiled elsewhere can be told from those of other versions: a custom section
 * "shiftwise" with 8 bytes of the code's hash.
 */
function marked(code) {
  const mark = createHash("sha256").update(code).digest().subarray(0, MARK_BYTES);
  const name = "shiftwise";
  const section = Buffer.concat([Buffer.of(name.length), Buffer.from(name), mark]);
  return Buffer.concat([code, Buffer.from([0, section.length]), section]);
}

/** Bytes as src/base/text.ts reads them: with the mark of vector instructions, 253, among the short ones. */
function textOf(bytes) {
  const character = (value) => String.fromCharCode(0x23 + value + Number(0x23 + value >= 0x5c));
  return Array.from(
    bytes.map((byte) => byte + 6),
    (byte) => (byte < 89 ? "" : character(88 + Math.floor(byte / 89))) + character(byte % 89),
  ).join("");
}
