// memory.js: the memory that an action takes at its highest: what a test bounds in place of seconds, which a busy machine changes.
import { readFileSync, writeFileSync } from "node:fs";
import { platform } from "node:process";

/** The most memory that the process had since `forget`, in bytes; what it has now where the system does not count. */
function most() {
  if (platform !== "linux") return process.memoryUsage.rss();
  return 1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);
}

/** Makes Linux count the most memory anew from here. */
function forget() {
  if (platform === "linux") writeFileSync("/proc/self/clear_refs", "5");
}

/** Runs an action. @returns the bytes of memory that it took at its highest, beyond what the process had before */
export async function memoryOf(action) {
  const taken = begin();
  await action();
  return taken();
}

/** The same of an action that ends at once. */
export function memoryOfSync(action) {
  const taken = begin();
  action();
  return taken();
}

function begin() {
  const base = process.memoryUsage.rss();
  forget();
  return () => most() - base;
}
