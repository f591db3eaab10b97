// engines.js: measures a prepared network in a browser: a folder with a page, the network's files, and nothing else.
import { copyFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BROWSERS } from "../../tests/engines/browsers.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const ORT = "../node_modules/onnxruntime-web/dist/";
const LITERT = "../node_modules/@litertjs/core/wasm/";
const PAGE = `<!doctype html><meta charset="utf-8"><title>bench</title><script type="module" src="/page.js"></script>`;

/** Engines by name, with the version of each: null where it is not on this machine. */
export const ENGINES = Object.keys(BROWSERS);
export const versionOfEngine = (engine) => BROWSERS[engine].version();

/** As measureField, in a browser. */
export async function measureInEngine(engine, network, settings) {
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-field-"));
  try {
    await build({
      entryPoints: [here("page.js")],
      outfile: join(folder, "page.js"),
      bundle: true,
      format: "esm",
      platform: "browser",
      logLevel: "error",
      alias: { "onnxruntime-web/wasm": here(`${ORT}ort.wasm.bundle.min.mjs`) },
    });
    copyFileSync(here(`${ORT}ort-wasm-simd-threaded.wasm`), join(folder, "ort.wasm"));
    const put = (name, data) => writeFileSync(join(folder, name), data);
    put("page.html", PAGE);
    put("float.onnx", network.float);
    const inputs = Object.entries(network.input);
    for (const [i, [, values]] of inputs.entries()) put(`input${i}`, new Uint8Array(values.buffer));
    for (const { id, bytes, qdq } of network.models) {
      put(`${id}.safetensors`, bytes);
      if (qdq) put(`${id}.onnx`, qdq);
    }
    if (network.network) {
      put("float.safetensors", network.network);
      cpSync(here(LITERT), join(folder, "litert"), { recursive: true });
    }
    const facts = {
      name: network.name,
      settings,
      inputs: inputs.map(([name]) => name),
      models: network.models.map(({ id, qdq }) => ({ id, qdq: qdq !== null })),
      litert: network.network !== undefined,
    };
    put("network.json", JSON.stringify(facts));
    return await BROWSERS[engine].measure(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
