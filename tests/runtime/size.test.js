import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The entry and all that it loads before it runs; what it imports later, on demand, is in other chunks. */
async function startUp(entry) {
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
  const first = Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint);
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

test("the runtime entry, wasm inlined, is at most 40 KB with gzip", async () => {
  const { bytes } = await startUp("dist/runtime/index.js");
  assert.ok(bytes > 10_000 && bytes <= 40_000, `${bytes} bytes`);
});

test("the door to a model in a Worker is at most 5 KB with gzip", async () => {
  const { bytes } = await startUp("dist/runtime/worker-model/remote.js");
  assert.ok(bytes <= 5_000, `${bytes} bytes`);
});

test("the runtime imports the model room and the floors below it, and nothing else", async () => {
  const { inputs } = await startUp("dist/runtime/index.js");
  assert.ok(inputs.length > 10);
  for (const input of inputs) assert.match(input, /^dist\/(runtime|model|ops|format|base)\//);
  // the records of nodes lower with these; bundlers leave all of them out
  for (const file of ["fold", "lowering", "boundary", "batchnorm"]) assert.ok(!inputs.includes(`dist/ops/${file}.js`));
});
