// bundle.test.js: the package's single file in a static page: requests, Workers, threads, and a page that runs it from elsewhere.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { browserTest, launch, serve, skip } from "../browser/chromium.js";
import { install } from "./install.js";

const FILE = "shiftwise.min.js";
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

let installed;
let site;
let expected;
let browser;

before(async () => {
  installed = install();
  site = join(installed.folder, "site");
  mkdirSync(site);
  for (const [from, to] of [
    [`node_modules/shiftwise/dist/${FILE}`, FILE],
    ["public/demo.safetensors", "demo.safetensors"],
    ["measure.js", "measure.js"],
  ]) {
    cpSync(join(installed.folder, from), join(site, to));
  }
  const page = (script) => `<!doctype html><title>static</title><script type="module" src="${script}"></script>`;
  writeFileSync(join(site, "index.html"), page("app.js"));
  writeFileSync(join(site, "one.html"), page("one.js"));
  writeFileSync(
    join(site, "app.js"),
    `import { measure } from "./measure.js";
    import * as runtime from "./${FILE}";
    globalThis.result = measure(runtime, runtime, "/demo.safetensors");`,
  );
  writeFileSync(
    join(site, "one.js"),
    `import { Model } from "./${FILE}";
    globalThis.result = Model.load("/demo.safetensors").then((model) => model.executor);`,
  );
  expected = JSON.parse(execFileSync(process.execPath, [join(installed.folder, "node.js")], { encoding: "utf8" }));
  if (!skip) browser = await launch();
});
after(async () => {
  await browser?.close();
  installed.remove();
});

/** What a page finds, what a developer sees in red, and what it asked for. */
async function visit(address) {
  const tab = await browser.newPage();
  const [errors, asked] = [[], []];
  tab.on("pageerror", (error) => errors.push(String(error)));
  tab.on("request", (request) => asked.push(new URL(request.url()).pathname.slice(1)));
  await tab.goto(address);
  await tab.waitForFunction(() => globalThis.result, null, { timeout: 30_000 });
  const result = await tab.evaluate(async () => globalThis.result);
  await tab.close();
  return { result, errors, asked };
}

test("it is one file with everything inside, at most 72 KB with gzip", () => {
  const text = readFileSync(join(site, FILE));
  const { length } = gzipSync(text, { level: 9 });
  assert.ok(length > 40_000 && length <= 72_000, `${length} bytes`);
  assert.doesNotMatch(String(text), /\bfrom\s*"|\bimport\s*\(|\beval\(|new Function\b|createObjectURL/);
});

browserTest("a static page makes two requests: the file and the model", async () => {
  const server = await serve(site, { policy: POLICY });
  const { result, errors, asked } = await visit(`${server.address}/one.html`);
  assert.equal(result, "wasm");
  assert.deepEqual(errors, []);
  assert.deepEqual(
    asked.filter((path) => !["one.html", "one.js", "favicon.ico"].includes(path)),
    [FILE, "demo.safetensors"],
  );
  await server.stop();
});

browserTest("one thread, two, a Worker and no WebAssembly give the hash of Node, under a strict policy", async () => {
  const server = await serve(site, { isolated: true, policy: POLICY });
  const { result, errors } = await visit(server.address);
  assert.deepEqual(errors, []);
  assert.deepEqual(result, expected);
  await server.stop();
});

browserTest("a Worker from another origin is refused with what to do", async () => {
  const here = await serve(site, {});
  const elsewhere = await serve(site, {});
  const tab = await browser.newPage();
  await tab.route("**/shiftwise.min.js", async (route) => {
    const body = readFileSync(join(site, FILE));
    await route.fulfill({ body, contentType: "text/javascript", headers: { "access-control-allow-origin": "*" } });
  });
  await tab.goto(`${here.address}/one.html`);
  const { code, message } = await tab.evaluate(async (address) => {
    const { WorkerModel } = await import(`${address}/shiftwise.min.js`);
    return WorkerModel.load("/demo.safetensors").catch((error) => ({ code: error.code, message: error.message }));
  }, elsewhere.address);
  assert.equal(code, "UNSUPPORTED");
  assert.match(message, /on the origin of the page/);
  await tab.close();
  await Promise.all([here.stop(), elsewhere.stop()]);
});

test("Node takes it, too", () => {
  const program = `import { measure } from ${JSON.stringify(join(installed.folder, "measure.js"))};
    const runtime = await import(${JSON.stringify(join(installed.folder, "node_modules/shiftwise/dist", FILE))});
    console.log(JSON.stringify(await measure(runtime, runtime, ${JSON.stringify(join(site, "demo.safetensors"))})));`;
  const args = ["--input-type=module", "-e", program];
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })), expected);
});
