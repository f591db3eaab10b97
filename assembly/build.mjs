// build.mjs: compiles both wasm modules and writes their bytes, for inlining, and their types as TypeScript.
// asc ignores an unknown target or option without a word, so the outcome is checked here.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { border } from "./border.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
process.chdir(root);
mkdirSync("build", { recursive: true });

for (const [target, room] of [
  ["runtime", "runtime"],
  ["training", "engine"],
]) {
  const outFile = `build/${target}.wasm`;
  rmSync(outFile, { force: true });
  // every function that these files export is a kernel; what kernels share stands in the folder `shared`
  const files = readdirSync(`assembly/${target}`).filter((name) => name.endsWith(".ts"));
  const entries = files.sort().map((name) => `assembly/${target}/${name}`);
  let types = "";
  const transform = border(entries, (text) => {
    types = text;
  });
  const { error, stdout, stderr } = await asc.main([...entries, "--target", target], { transforms: [transform] });
  process.stdout.write(stdout.toString());
  process.stderr.write(stderr.toString());
  if (error) process.exit(1);
  const bytes = marked(readFileSync(outFile));
  writeFileSync(outFile, bytes);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map((i) => `${i.module}.${i.name}`);
  if (imports.join() !== "env.memory") {
    console.error(`${outFile}: imports must be env.memory alone, found ${imports.join() || "none"}`);
    process.exit(1);
  }
  const up = room.replace(/[^/]+/g, "..");
  writeFileSync(
    `src/${room}/wasm.generated.ts`,
    `// wasm.generated.ts: build/${target}.wasm as text and the types of its exports, written by assembly/build.mjs.
import type { ${types.includes("Pointer<") ? "Address, Layout, Pointer" : "Address"} } from "${up}/base/index.js";

${types}
export const ${target.toUpperCase()}_WASM_TEXT =
  "${textOf(bytes)}";
`,
  );
}

/**
 * A module with a mark behind it, so that one compiled elsewhere can be told from those of other versions: a custom section
 * "shiftwise" with 8 bytes of the code's hash.
 */
function marked(code) {
  const mark = createHash("sha256").update(code).digest().subarray(0, 8);
  const name = "shiftwise";
  const section = Buffer.concat([Buffer.of(name.length), Buffer.from(name), mark]);
  return Buffer.concat([code, Buffer.from([0, section.length]), section]);
}

/** Bytes as src/base/text.ts reads them. */
function textOf(bytes) {
  const character = (value) => String.fromCharCode(0x23 + value + Number(0x23 + value >= 0x5c));
  return Array.from(
    bytes,
    (byte) => (byte < 89 ? "" : character(88 + Math.floor(byte / 89))) + character(byte % 89),
  ).join("");
}
