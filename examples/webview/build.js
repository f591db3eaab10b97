// build.js: one HTML file with runtime, wasm and model inside, for a WebView: nothing in it is fetched.
// Usage: node examples/webview/build.js [model file] [out file]
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** @returns the page's text */
export async function buildWebView(model = here("../models/mnist-shift.safetensors")) {
  const { outputFiles } = await build({
    entryPoints: [here("page.js")],
    bundle: true,
    minify: true,
    // a classic script: pages from file: get no modules
    format: "iife",
    target: "es2022",
    write: false,
    logLevel: "error",
    // there are no Workers to find beside the page
    define: { "import.meta.url": "document.baseURI" },
    alias: { "the-model": model },
    loader: { ".safetensors": "binary" },
  });
  const script = outputFiles[0].text.replaceAll("</script", "<\\/script");
  const style = readFileSync(here("page.css"), "utf8");
  const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)} 'wasm-unsafe-eval'`,
    `style-src ${hash(style)}`,
    "img-src data: blob:",
  ].join("; ");
  // by function: a $ in the script means nothing
  return readFileSync(here("page.html"), "utf8")
    .replace("POLICY", () => policy)
    .replace(/(?<=<style>)[^<]*/, () => style)
    .replace(/(?<=<script>)[^<]*/, () => script);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [model, out = here("shiftwise.html")] = process.argv.slice(2);
  const page = await buildWebView(model);
  writeFileSync(out, page);
  console.log(`${out}: ${(page.length / 1000).toFixed(0)} KB`);
}
