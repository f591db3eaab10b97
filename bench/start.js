// start.js: what `npm run bench` and `npm run bench:browser` call: builds the project and installs this package where
// needed, then runs the bench.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Runs npm with its output on standard error: standard output belongs to the report. */
function npm(folder, ...command) {
  const { status } = spawnSync("npm", command, {
    cwd: here(folder),
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    console.error(`npm ${command.join(" ")} failed`);
    process.exit(1);
  }
}

const installed = here("node_modules/.package-lock.json");
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(here("package-lock.json")).mtimeMs) {
  npm(".", "ci", "--ignore-scripts");
}
if (!existsSync(here("../dist/runtime/index.js"))) npm("..", "run", "build");

const place = process.argv.indexOf("--in-browser");
if (place < 0) await import("./index.js");
else {
  process.argv.splice(place, 1);
  await import("./browser.js");
}
