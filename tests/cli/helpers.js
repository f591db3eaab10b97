// helpers.js: the command as a child process, and small files for it to chew on.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { generate } from "../../dist/data/index.js";

export const COMMAND = fileURLToPath(new URL("../../dist/cli/index.js", import.meta.url));

/** A folder that goes away with the suite or file whose body calls this. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "shiftwise-cli-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs the command, or a copy of it; `started` is given the child process. */
export function shiftwise(args, started = () => {}, command = COMMAND) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [command, ...args.map(String)], { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
    started(child);
  });
}

/**
 * Sends a child process a signal as soon as it listens for it; where the system does not say so, after 5 seconds.
 * Node has handlers of its own for SIGINT and SIGTERM from the start. SIGHUP has one once the command listens.
 */
export async function interrupt(child, signal) {
  if (process.platform !== "linux") await sleep(5000);
  else while (child.exitCode === null && !catches(child.pid, constants.signals.SIGHUP)) await sleep(5);
  child.kill(signal);
}

/** Tells whether a process has a handler for a signal, from Linux's mask of them in hexadecimal digits. */
function catches(pid, number) {
  const [, mask] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return ((BigInt(`0x${mask}`) >> BigInt(number - 1)) & 1n) === 1n;
}

/** Runs the command with --json and insists on success and on one JSON object alone on standard output. */
export async function shiftwiseJson(args, command = COMMAND) {
  const { status, stdout, stderr } = await shiftwise([...args, "--json"], () => {}, command);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^\{.*\}\n$/);
  return JSON.parse(stdout);
}

/** Insists that the command fails with status 1, nothing on standard output and one line "error CODE: ..." at the end. */
export async function assertFails(args, code, ...patterns) {
  const { status, stdout, stderr } = await shiftwise(args);
  assert.equal(status, 1, `${args.join(" ")}: ${stderr}`);
  assert.equal(stdout, "");
  const lines = stderr.trimEnd().split("\n");
  const last = lines[lines.length - 1];
  assert.ok(last.startsWith(`error ${code}: `), `expected ${code}, found ${stderr}`);
  for (const pattern of patterns) assert.match(last, pattern);
  assert.doesNotMatch(stderr, /^ {4}at /m);
  return lines;
}

/** Insists that a folder holds these entries and nothing else: no half-written files, no rests. */
export function assertEntries(folder, expected) {
  assert.deepEqual(readdirSync(folder).sort(), [...expected].sort());
}

/** An IDX array of bytes. */
export function idx(dims, bytes) {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt32BE(0x0800 | dims.length, 0);
  for (const [i, dim] of dims.entries()) header.writeUInt32BE(dim, 4 + 4 * i);
  return Buffer.concat([header, bytes]);
}

/** Writes a folder of IDX files cut from the generated set; `change` may alter the bytes of any of them. */
export function writeIdxFolder(folder, change = (_name, bytes) => bytes) {
  const { train, test } = generate({ seed: 3, train: 200, test: 60 });
  const files = {
    "train-images-idx3-ubyte": idx([200, 28, 28], train.images),
    "train-labels-idx1-ubyte": idx([200], train.labels),
    "t10k-images-idx3-ubyte": idx([60, 28, 28], test.images),
    "t10k-labels-idx1-ubyte": idx([60], test.labels),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), change(name, bytes));
  return folder;
}
