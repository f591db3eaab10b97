// processes.js: the engines without a page: Node, Bun and Deno, each a program that runs app/process.js.
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const INSTALL = "npm ci --prefix tests/engines";
/** Milliseconds after which an engine that has not ended hangs. */
export const TIME_LIMIT = 300_000;
/** Milliseconds for a process, which takes 20 seconds by itself. */
const PROCESS_LIMIT = 150_000;

/** A program that tests/engines/package.json brings. */
export const packaged = (path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

/** The version that a program says it has, or null where there is no such program. */
export function versionOf(program, flag = "--version", env = {}, pattern = /(\d[\w.-]*)/) {
  if (!existsSync(program)) return null;
  const options = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, ...env } };
  return execFileSync(program, [flag], options).match(pattern)[1];
}

const run = (title, program, args = []) => ({
  title,
  lacks: [],
  install: INSTALL,
  version: () => versionOf(program),
  async measure(folder) {
    const options = { cwd: folder, timeout: PROCESS_LIMIT, maxBuffer: 1e8 };
    const once = () => promisify(execFile)(program, [...args, "process.js"], options);
    const { stdout } = await once().catch((error) => {
      // a process that starts and ends Workers was seen not to end, twice in some 300, and it is not known why; twice in a row is a fault
      if (!error.killed) throw error;
      console.error(`${title} had no end in ${PROCESS_LIMIT / 1000} s and runs once more`);
      return once();
    });
    return JSON.parse(stdout);
  },
});

/** Nodes of other major versions than the one that runs this. */
const nodes = [20, 22, 24, 26]
  .filter((major) => major !== Number(process.versions.node.split(".")[0]))
  .map((major) => [`node${major}`, run("Node", packaged(`node${major}/bin/node`))]);

export const PROCESSES = {
  node: run("Node", process.execPath),
  ...Object.fromEntries(nodes),
  bun: run("Bun", packaged(".bin/bun")),
  deno: run("Deno", packaged(".bin/deno"), ["run", "--no-remote", "--allow-read"]),
};
