// build.js: compiles the multiply kernel with the project's AssemblyScript compiler.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import asc from "assemblyscript/asc";

/** Bytes of the module, which imports nothing; also written to bench/build/multiply.wasm. */
export async function buildMultiply() {
  const source = await readFile(new URL("./index.ts", import.meta.url), "utf8");
  let bytes = null;
  const { error, stderr } = await asc.main(
    [
      "index.ts",
      "-o",
      "m.wasm",
      "--enable",
      "simd",
      "-O3",
      "--converge",
      "--noAssert",
      "--runtime",
      "stub",
      "--use",
      "abort=",
    ],
    {
      readFile: (name) => (name === "index.ts" ? source : null),
      writeFile: (name, data) => {
        if (name === "m.wasm") bytes = data;
      },
      listFiles: () => [],
    },
  );
  if (error || !bytes) throw new Error(`multiply/index.ts does not compile: ${stderr}`);
  const folder = new URL("../build/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL("multiply.wasm", folder), bytes);
  return bytes;
}
