// workerd.js: Cloudflare's engine: the package bundled into one worker that a local server runs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { INSTALL, packaged, TIME_LIMIT, versionOf } from "./processes.js";

const program = packaged(".bin/workerd");

/** The server's configuration, in Cap'n Proto's text. */
function configuration(names) {
  const bindings = names.map((name) => `(name = "${name}", data = embed "models/${name}")`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "worker.js", esModule = embed "worker/worker.js"),
      (name = "runtime.wasm", wasm = embed "worker/runtime.wasm"),
    ],
    bindings = [(name = "models", json = embed "models/names.json"), ${bindings.join(", ")}],
    compatibilityDate = "2026-01-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`;
}

export const WORKERD = {
  title: "workerd",
  lacks: ["worker", "threads"],
  install: INSTALL,
  version: () => versionOf(program),
  async measure(folder) {
    await build({
      absWorkingDir: folder,
      entryPoints: { worker: "workerd.js" },
      outdir: "worker",
      bundle: true,
      format: "esm",
      // a file of its own beside the bundle, which imports it
      loader: { ".wasm": "copy" },
      assetNames: "[name]",
      logLevel: "error",
    });
    const names = JSON.parse(readFileSync(join(folder, "models/names.json"), "utf8"));
    writeFileSync(join(folder, "config.capnp"), configuration(names));
    const child = spawn(program, ["serve", "config.capnp", "--control-fd=3"], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit", "pipe"],
    });
    try {
      const ended = once(child, "exit").then(([status]) => Promise.reject(new Error(`it has ended with ${status}`)));
      const listening = once(createInterface(child.stdio[3]), "line");
      const [line] = await Promise.race([listening, ended]);
      const { port } = JSON.parse(line);
      const request = fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(TIME_LIMIT) });
      const response = await Promise.race([request, ended]);
      if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
      return await response.json();
    } finally {
      child.kill();
    }
  },
};
