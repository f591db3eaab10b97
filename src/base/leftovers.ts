// leftovers.ts: files that must not outlive the process: removed when it exits or a signal ends it.

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
const left = new Set<string>();

/**
 * Has a file removed if the process ends, by exit, by an error or by a signal that it can know of, before `release` is called.
 * A signal that nobody else listens to ends the process as it would have done.
 * @returns release.
 */
export function removedOnExit(path: string): () => void {
  if (left.size === 0) {
    process.on("exit", removeAll);
    // before others: a listener that is meant for one signal alone still counts then
    for (const signal of SIGNALS) process.prependListener(signal, endedBy);
  }
  left.add(path);
  return () => {
    left.delete(path);
    if (left.size > 0) return;
    process.off("exit", removeAll);
    for (const signal of SIGNALS) process.off(signal, endedBy);
  };
}

function endedBy(signal: NodeJS.Signals): void {
  // whoever else listens decides what becomes of the process
  if (process.listenerCount(signal) > 1) return;
  removeAll();
  process.off(signal, endedBy);
  process.kill(process.pid, signal);
}

function removeAll(): void {
  const { rmSync } = process.getBuiltinModule("node:fs");
  for (const path of left) {
    try {
      rmSync(path, { force: true });
    } catch {
      // the process ends anyway
    }
  }
}
