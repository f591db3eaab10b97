// start.js: what `npm run bench` and `npm run bench:browser` call: builds the project and installs this package where
// needed, then runs the bench.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
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

/** When any file under a path was last written, in milliseconds; 0 where there is none. */
function newest(path) {
  if (!existsSync(path)) return 0;
  if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

if (newest(here("node_modules/.package-lock.json")) < newest(here("package-lock.json"))) {
  npm(".", "ci", "--ignore-scripts");
}
// a build older than its sources would be measured in their name
if (newest(here("../dist")) < Math.max(newest(here("../src")), newest(here("../assembly")))) npm("..", "run", "build");

const place = process.argv.indexOf("--in-browser");
if (place < 0) await import("./index.js");
else {
  process.argv.splice(place, 1);
  await import("./browser.js");
}
