// interruptible.ts: work that is done in pieces, and stops between two of them.
import { ShiftwiseError } from "../base/index.js";
import { pause } from "../engine/index.js";

/** @throws ABORTED where the signal says so */
export function checkSignal(signal?: AbortSignal): void {
  if (signal?.aborted) throw new ShiftwiseError("ABORTED", "quantization was stopped", { cause: signal.reason });
}

/** Yields the values one after the other, with a pause between them in which others get their turn. @throws ABORTED */
export async function* interruptible<T>(values: Iterable<T>, signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
  for (const value of values) {
    checkSignal(signal);
    yield value;
    await pause();
  }
  checkSignal(signal);
}
