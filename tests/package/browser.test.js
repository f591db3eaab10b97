// browser.test.js: the entries that browsers use, bundled for one: no Node module may be left in them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ENTRIES = ["runtime", "model", "graph", "quantize", "training", "onnx", "pipeline"];

for (const room of ENTRIES) {
  test(`${room} bundles for a browser`, async () => {
    const { warnings } = await build({
      entryPoints: [fileURLToPath(new URL(`../../dist/${room}/index.js`, import.meta.url))],
      bundle: true,
      format: "esm",
      platform: "browser",
      write: false,
      logLevel: "silent",
    });
    assert.deepEqual(warnings, []);
  });
}
