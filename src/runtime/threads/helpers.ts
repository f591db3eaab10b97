// helpers.ts: starts and ends the helper threads of a model.
import type { ShiftwiseError } from "../../base/index.js";
import { startThread, type Thread } from "../../base/thread.js";
import type { Summons } from "./worker.js";

/**
 * Starts one helper and resolves when it is ready.
 * @param Failure the class of errors, as startCrew has it
 * @param onDeath called when it ends or fails later on
 * @throws UNSUPPORTED when it cannot be started
 */
export function startHelper(summons: Summons, Failure: typeof ShiftwiseError, onDeath: () => void): Promise<Thread> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      onDeath();
      reject(
        new Failure("UNSUPPORTED", "a helper thread could not be started", {
          expected: "threads/worker.js where the bundler has put it",
          found: String(cause),
          cause,
        }),
      );
    };
    try {
      const helper = startThread(
        "./worker.js",
        import.meta.url,
        () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
        (message) => {
          if (message !== "ready") return;
          helper.hold(false);
          resolve(helper);
        },
        failed,
      );
      helper.post(summons);
    } catch (cause) {
      failed(cause);
    }
  });
}
