// pause.ts: a pause between two steps of an engine that runs in this thread.

/** Lets signals, timers and messages in. Browsers have no setImmediate. */
export function pause(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve);
  });
}
