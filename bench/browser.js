// browser.js: the bench in Chromium: serves the repository, opens a page in it and collects what the page measured.
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SingleBar } from "cli-progress";
import { build } from "esbuild";
import sirv from "sirv";
import { launch, skip } from "../tests/browser/chromium.js";
import { machine } from "./machine.js";
import { buildMultiply } from "./multiply/build.js";
import { readOptions } from "./options.js";
import { publish } from "./publish.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const bench = fileURLToPath(new URL("./", import.meta.url));
const MODULES = "/bench/node_modules";

const options = readOptions("bench:browser", "chromium");
if (skip) console.log(`bench:browser is skipped: ${skip}`);
else process.exitCode = await main(options);

async function main({ only, ids, settings, command, ...output }) {
  const start = performance.now();
  await buildMultiply();
  await bundle();
  const server = await serve();
  const browser = await launch();
  const bar = new SingleBar({ format: "{bar} {value}/{total}  {task}", stream: process.stderr });
  try {
    const page = await browser.newPage();
    await page.exposeFunction("report", (task, done, total) => {
      bar.setTotal(total);
      bar.update(done, { task });
    });
    await page.goto(`http://127.0.0.1:${server.address().port}/bench/browser/index.html`);
    await page.waitForFunction(() => globalThis.bench && globalThis.crossOriginIsolated);
    bar.start(1, 0, { task: "making the networks" });
    const measured = await page.evaluate((given) => globalThis.bench(given), {
      settings,
      only,
      ids,
      multiply: { plain: "/bench/build/multiply-plain.wasm", relaxed: "/bench/build/multiply-relaxed.wasm" },
      tfjs: `${MODULES}/@tensorflow/tfjs-backend-wasm/dist/`,
      litert: `${MODULES}/@litertjs/core/wasm/`,
    });
    bar.update(bar.getTotal(), { task: "done" });
    bar.stop();
    const here = { ...machine(command), engine: `Chromium ${browser.version()}` };
    const seconds = (performance.now() - start) / 1000;
    return await publish("chromium", { machine: here, settings, seconds, ...measured, coldStart: [] }, output);
  } finally {
    bar.stop();
    await browser.close();
    server.close();
  }
}

/** The page's script in bench/build; the project's own modules and onnxruntime-web stay the files that they are. */
function bundle() {
  const served = (path) => ({ path: path.slice(root.length - 1).replaceAll("\\", "/"), external: true });
  return build({
    entryPoints: [join(bench, "browser/page.js")],
    outfile: join(bench, "build/page.js"),
    bundle: true,
    format: "esm",
    platform: "browser",
    logLevel: "error",
    external: ["onnxruntime-node"],
    plugins: [
      {
        name: "served",
        setup(builder) {
          builder.onResolve(
            { filter: /\/dist\/(base|format|graph|model|ops|quantize|runtime)\// },
            ({ path, resolveDir }) =>
              resolveDir.includes("node_modules") ? undefined : served(join(resolveDir, path)),
          );
          builder.onResolve({ filter: /^onnxruntime-web\/wasm$/ }, () => ({
            path: `${MODULES}/onnxruntime-web/dist/ort.wasm.bundle.min.mjs`,
            external: true,
          }));
        },
      },
    ],
  });
}

/** The repository on a free port, isolated from other origins: exact clocks and shared memory need that. */
async function serve() {
  const isolated = (response) => {
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  };
  const handler = sirv(root, { dev: true, setHeaders: isolated });
  const server = createServer((request, response) => handler(request, response, () => response.writeHead(404).end()));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
