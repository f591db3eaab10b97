// listener.ts: what a caller's function that only listens may give back: nothing, or a promise where somebody waits for it.
import { ShiftwiseError } from "./error.js";

/**
 * Refuses the promise of a listener where nothing can wait for it; that it may be rejected is then nobody's affair.
 * @throws BAD_OPTION for a promise
 */
export function expectNoPromise(given: unknown, where: string): void {
  const { then } = Object(given) as { then?: unknown };
  if (typeof then !== "function") return;
  Promise.resolve(given).catch(() => {});
  const expected = "a function that gives no promise, since this does not wait";
  throw new ShiftwiseError("BAD_OPTION", "a promise that nothing waits for", { where, expected, found: "a promise" });
}
