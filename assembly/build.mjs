// build.mjs: compiles both wasm modules and writes their bytes as TypeScript constants for inlining.
// asc ignores an unknown target or option without a word, so the outcome is checked here.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
process.chdir(root);
mkdirSync("build", { recursive: true });

for (const target of ["runtime", "training"]) {
  const outFile = `build/${target}.wasm`;
  rmSync(outFile, { force: true });
  const { error, stdout, stderr } = await asc.main([`assembly/${target}/index.ts`, "--target", target]);
  process.stdout.write(stdout.toString());
  process.stderr.write(stderr.toString());
  if (error) process.exit(1);
  const module = new WebAssembly.Module(readFileSync(outFile));
  const imports = WebAssembly.Module.imports(module).map((i) => `${i.module}.${i.name}`);
  if (imports.join() !== "env.memory") {
    console.error(`${outFile}: imports must be env.memory alone, found ${imports.join() || "none"}`);
    process.exit(1);
  }
}

for (const [target, room] of [
  ["runtime", "runtime"],
  ["training", "training/engine"],
]) {
  const base64 = readFileSync(`build/${target}.wasm`).toString("base64");
  const head = `// wasm.generated.ts: build/${target}.wasm as text, written by assembly/build.mjs.`;
  const name = `${target.toUpperCase()}_WASM_BASE64`;
  writeFileSync(`src/${room}/wasm.generated.ts`, `${head}\nexport const ${name} =\n  "${base64}";\n`);
}
