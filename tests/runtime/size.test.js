import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const entry = fileURLToPath(new URL("../../dist/runtime/index.js", import.meta.url));
const bundle = async (options = {}) => {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    metafile: true,
    ...options,
  });
  return { text: outputFiles[0].contents, inputs: Object.keys(metafile.inputs) };
};

test("the runtime entry, wasm inlined, is at most 40 KB with gzip", async () => {
  const { text } = await bundle();
  const size = gzipSync(text, { level: 9 }).length;
  assert.ok(size <= 40_000, `${size} bytes`);
});

test("the runtime imports the format room and nothing else", async () => {
  const { inputs } = await bundle();
  for (const input of inputs) assert.match(input, /dist\/(runtime|format)\//);
});
