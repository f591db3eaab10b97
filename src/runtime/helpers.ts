// helpers.ts: starts and ends the helper threads of a model, in Node and in browsers.
import { ShiftwiseError } from "../format/index.js";
import type { Summons } from "./worker.js";

/** A running helper, whatever the host calls it. */
export interface Helper {
  readonly terminate: () => void;
}

type Listener = (message: unknown) => void;

/** Whether this host can share memory between threads. In browsers that takes cross-origin isolation. */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  return (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true;
}

/**
 * Starts one helper and resolves when it is ready.
 * @param onDeath called when it ends or fails later on
 * @throws UNSUPPORTED when it cannot be started
 */
export function startHelper(summons: Summons, onDeath: () => void): Promise<Helper> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      onDeath();
      reject(
        new ShiftwiseError("UNSUPPORTED", "a helper thread could not be started", { found: String(cause), cause }),
      );
    };
    try {
      const helper = open((message) => {
        if (message !== "ready") return;
        helper.idle();
        resolve(helper);
      }, failed);
      helper.post(summons);
    } catch (cause) {
      failed(cause);
    }
  });
}

interface OpenHelper extends Helper {
  readonly post: (summons: Summons) => void;
  /** From now on it does not keep the program running. */
  readonly idle: () => void;
}

function open(onMessage: Listener, onFailure: Listener): OpenHelper {
  const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  if (node) {
    const worker = new node.Worker(new URL("./worker.js", import.meta.url));
    worker.on("message", onMessage);
    worker.once("error", onFailure);
    worker.once("exit", onFailure);
    return {
      post: (summons) => worker.postMessage(summons),
      idle: () => worker.unref(),
      terminate: () => void worker.terminate(),
    };
  }
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => onMessage(data);
  worker.onerror = (event) => onFailure(event.message);
  return {
    post: (summons) => worker.postMessage(summons),
    idle: () => {},
    terminate: () => worker.terminate(),
  };
}
