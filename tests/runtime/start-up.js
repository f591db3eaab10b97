// start-up.js: what a bundler makes of an entry: the bytes and files that are loaded before it runs.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The entry and all that it loads before it runs; what it imports later, on demand, is in other chunks. */
export async function startUp(entry) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    splitting: true,
    outdir: "out",
    write: false,
    metafile: true,
  });
  const first = Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint === entry);
  const chunks = new Set([first]);
  for (const chunk of chunks) {
    for (const { path, kind } of metafile.outputs[chunk].imports) if (kind === "import-statement") chunks.add(path);
  }
  const files = outputFiles.filter(({ path }) => [...chunks].some((chunk) => path.endsWith(chunk)));
  return {
    bytes: files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0),
    inputs: [...chunks].flatMap((chunk) => Object.keys(metafile.outputs[chunk].inputs)),
  };
}
