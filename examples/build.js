// build.js: the pages as a folder of plain files: scripts bundled, styles and models copied, a service worker listing all.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { decodeModel } from "../dist/model/index.js";
import { exportOnnx } from "../dist/onnx/index.js";
import { HEADERS, ISOLATION } from "./server.js";

const here = fileURLToPath(new URL("./", import.meta.url));
const root = fileURLToPath(new URL("../", import.meta.url));
const PEERS = ["onnx-proto", "onnxruntime-web", "@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm"];
/** Looked for beside the scripts; too large to be fetched before they are asked for. */
const PEER_WASM = [
  "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
  "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
];
const MODELS = /\.safetensors$/;
/** A float model of the pages, as the ONNX file that a visitor without one converts. */
const EXAMPLE = { model: "fashion-float.safetensors", file: "clothes.onnx" };

/**
 * Writes the pages to a folder.
 * @returns the folder
 */
export async function buildPages(folder = join(here, "build")) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const modules = join(root, "bench/node_modules");
  // engines to compare with are no dependency of the package; the bench has them once it is installed
  const peers = PEERS.every((name) => existsSync(join(modules, name)));
  const pages = ["home", "draw", "classify", "benchmark", "benchmark-worker", "retrain", "retrain-worker"];
  await build({
    absWorkingDir: root,
    entryPoints: [
      ...pages.map((name) => `examples/pages/${name}.js`),
      "examples/pages/camera/camera.js",
      "examples/pages/convert/convert.js",
      "examples/pages/convert/convert-worker.js",
      ...(peers ? ["examples/pages/peers.js"] : []),
      // the programs of Workers are entries of their own for esbuild
      "dist/runtime/worker-model/host.js",
      "dist/runtime/threads/worker.js",
      "dist/rounding/lane-worker.js",
    ],
    entryNames: "[name]",
    chunkNames: "[name]-[hash]",
    outdir: join(folder, "assets"),
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["onnxruntime-node"],
    // 64-bit integers of ONNX files are read as numbers all the same
    plugins: [without("long")],
    logLevel: "error",
  });
  for (const path of filesOf(join(here, "pages"))) {
    const [name, from] = [basename(path), join(here, "pages", path)];
    if (name === "index.html") writePage(from, folder, "./");
    else if (name.endsWith(".html")) writePage(from, join(folder, name.replace(".html", "")), "../");
    else if (name.endsWith(".css") || name.endsWith(".svg")) cpSync(from, join(folder, name));
  }
  for (const name of readdirSync(join(here, "models")).filter((file) => MODELS.test(file))) {
    cpSync(join(here, "models", name), join(folder, "models", name));
  }
  const float = decodeModel(readFileSync(join(here, "models", EXAMPLE.model)));
  writeFileSync(join(folder, "models", EXAMPLE.file), exportOnnx(float, { form: "float32" }));
  const own = filesOf(folder);
  if (peers) for (const file of PEER_WASM) cpSync(join(modules, file), join(folder, "assets", basename(file)));
  writeServiceWorker(folder, own);
  writeHostFiles(folder);
  return folder;
}

/** Leaves a package out that another one does without where it is missing. */
const without = (name) => ({
  name: "without",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: "without" }));
    onLoad({ filter: /./, namespace: "without" }, () => ({ contents: "module.exports = null;" }));
  },
});

/** Writes a page whose addresses begin at the site's top so that the site may lie in any folder of a host. */
function writePage(from, folder, top) {
  mkdirSync(folder, { recursive: true });
  const text = readFileSync(from, "utf8").replace(/(href|src)="\//g, `$1="${top}`);
  writeFileSync(join(folder, "index.html"), text);
}

/** Headers for hosts that read them from a file, and a word to GitHub Pages to take all files as they are. */
function writeHostFiles(folder) {
  const lines = Object.entries(HEADERS).map(([name, value]) => `  ${name}: ${value}`);
  writeFileSync(join(folder, "_headers"), `/*\n${lines.join("\n")}\n`);
  writeFileSync(join(folder, ".nojekyll"), "");
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

/** A cache is named after the content of all files, so that a changed page never mixes with an older one. */
function writeServiceWorker(folder, files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(join(folder, file)));
  const urls = files.map((file) => `./${file.replace(/index\.html$/, "")}`);
  const text = readFileSync(join(here, "sw.js"), "utf8")
    .replace("CACHE_NAME", JSON.stringify(`shiftwise-${hash.digest("hex").slice(0, 12)}`))
    .replace("FILE_LIST", JSON.stringify(urls))
    .replace("ISOLATION", JSON.stringify(ISOLATION));
  writeFileSync(join(folder, "sw.js"), text);
}
