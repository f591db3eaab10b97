// build.js: compiles the multiply kernels with the project's AssemblyScript compiler.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import asc from "assemblyscript/asc";

/** Bytes of the modules `plain` and `relaxed`, which import nothing; also written to bench/build/multiply-*.wasm. */
export async function buildMultiply() {
  return { plain: await compile("plain", []), relaxed: await compile("relaxed", ["--enable", "relaxed-simd"]) };
}

async function compile(name, features) {
  const source = await readFile(new URL("./index.ts", import.meta.url), "utf8");
  let bytes = null;
  const { error, stderr } = await asc.main(
    [
      "index.ts",
      "-o",
      "m.wasm",
      "--enable",
      "simd",
      ...features,
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
  await writeFile(new URL(`multiply-${name}.wasm`, folder), bytes);
  return bytes;
}
