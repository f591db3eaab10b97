// bundlers.test.js: the published package in every bundler and in none, each result really run, under a strict policy.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import { browserTest, launch, serve, skip } from "../browser/chromium.js";
import { install } from "./install.js";

const ENTRIES = ["app.js", "shiftwise/workers/worker.js", "shiftwise/workers/host.js"];

let installed;
let folder;
let expected;
let browser;

before(async () => {
  installed = install();
  folder = installed.folder;
  expected = JSON.parse(execFileSync(process.execPath, [join(folder, "node.js")], { encoding: "utf8" }));
  if (!skip) browser = await launch();
});
after(async () => {
  await browser?.close();
  installed.remove();
});

/** What the page in a folder finds, cross-origin isolated and with no right to make code from text. */
async function open(path, page = "index.html") {
  const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
  const server = await serve(path, { isolated: true, policy });
  try {
    return await visit(`${server.address}/${page}`);
  } finally {
    await server.stop();
  }
}

async function visit(address) {
  const tab = await browser.newPage();
  const errors = [];
  tab.on("pageerror", (error) => errors.push(String(error)));
  tab.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  // browsers ask for an icon on their own
  await tab.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
  await tab.goto(address);
  // a server for development may load the page anew once it knows what the page imports
  await tab.waitForFunction(() => globalThis.result, null, { timeout: 30_000 }).catch(() => {});
  const found = await tab.evaluate(async () => globalThis.result);
  assert.deepEqual(errors, []);
  await tab.close();
  return found;
}

test("Node: one thread, two, a Worker and no WebAssembly give one hash", () => {
  const { one, two, plain, worker } = expected;
  assert.equal(new Set([one.hash, two.hash, plain.hash, worker.hash]).size, 1);
  assert.deepEqual([one.executor, two.threads, plain.executor, worker.executor], ["wasm", 2, "plain", "wasm"]);
});

browserTest("Vite", async () => {
  const { build } = await import("vite");
  await build({ root: folder, logLevel: "error", build: { outDir: "vite" } });
  assert.deepEqual(await open(join(folder, "vite")), expected);
});

browserTest("Vite's server for development", async () => {
  const { createLogger, createServer } = await import("vite");
  const heard = [];
  const customLogger = {
    ...createLogger("silent"),
    warn: (text) => heard.push(text),
    error: (text) => heard.push(text),
  };
  const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  const server = await createServer({ root: folder, customLogger, server: { host: "127.0.0.1", port: 0, headers } });
  try {
    await server.listen();
    assert.deepEqual(await visit(server.resolvedUrls.local[0]), expected);
    assert.deepEqual(heard, []);
  } finally {
    await server.close();
  }
});

browserTest("webpack 5", async () => {
  const { default: webpack } = await import("webpack");
  const output = { path: join(folder, "webpack"), filename: "app.js", publicPath: "/" };
  const config = { context: folder, mode: "production", entry: "./app.js", output, performance: false };
  const stats = await promisify(webpack)(config);
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual([errors, warnings], [[], []]);
  assert.deepEqual(await open(withPage("webpack")), expected);
});

browserTest("esbuild, which leaves workers to their own entries", async () => {
  await esbuild.build({
    absWorkingDir: folder,
    entryPoints: Object.fromEntries(ENTRIES.map((entry) => [entry.split("/").at(-1).replace(".js", ""), entry])),
    bundle: true,
    minify: true,
    format: "esm",
    splitting: true,
    outdir: "esbuild",
    logLevel: "error",
  });
  assert.deepEqual(await open(withPage("esbuild")), expected);
});

browserTest("a bundle without the programs of the Workers says what is missing", async () => {
  await esbuild.build({ absWorkingDir: folder, entryPoints: ["app.js"], bundle: true, format: "esm", outdir: "lone" });
  const server = await serve(withPage("lone"), { isolated: true });
  try {
    const tab = await browser.newPage();
    await tab.goto(server.address);
    await tab.waitForFunction(() => "result" in globalThis);
    const found = await tab.evaluate(() => globalThis.result.catch(({ code, message }) => ({ code, message })));
    assert.equal(found.code, "UNSUPPORTED");
    assert.match(found.message, /threads\/worker\.js/);
    await tab.close();
  } finally {
    await server.stop();
  }
});

browserTest("Rollup, which leaves workers to their own entries", async () => {
  const require = createRequire(join(folder, "app.js"));
  const bundle = await rollup({
    input: ENTRIES.map((entry) => (entry.startsWith("shiftwise") ? require.resolve(entry) : join(folder, entry))),
    // a resolver of two lines in place of its plugin
    plugins: [{ name: "resolve", resolveId: (id) => (id.startsWith("shiftwise") ? require.resolve(id) : null) }],
    onwarn: (warning) => assert.fail(warning.message),
  });
  await bundle.write({ dir: join(folder, "rollup"), format: "es" });
  assert.deepEqual(await open(withPage("rollup")), expected);
});

browserTest("no bundler: script type=module from a static server", async () => {
  cpSync(join(folder, "public/demo.safetensors"), join(folder, "demo.safetensors"));
  assert.deepEqual(await open(folder, "plain.html"), expected);
});

test("a bundle for Node", async () => {
  await esbuild.build({
    absWorkingDir: folder,
    entryPoints: ["node.js", "shiftwise/workers/worker.js", "shiftwise/workers/host.js"],
    entryNames: "[name]",
    bundle: true,
    platform: "node",
    format: "esm",
    splitting: true,
    outdir: "node",
    logLevel: "error",
  });
  cpSync(join(folder, "public"), join(folder, "node/public"), { recursive: true });
  assert.deepEqual(
    JSON.parse(execFileSync(process.execPath, [join(folder, "node/node.js")], { encoding: "utf8" })),
    expected,
  );
});

/** Puts page and model beside a bundle. */
function withPage(name) {
  cpSync(join(folder, "index.html"), join(folder, name, "index.html"));
  cpSync(join(folder, "public/demo.safetensors"), join(folder, name, "demo.safetensors"));
  return join(folder, name);
}
