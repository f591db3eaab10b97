// thread.ts: worker threads of browsers and of Node under one face.

/** A thread as the one who started it sees it. */
export interface Thread {
  readonly post: (message: unknown, transfer?: Transferable[]) => void;
  /** Whether it keeps the program running, in Node; at first it does. */
  readonly hold: (on: boolean) => void;
  readonly terminate: () => void;
}

/** The way back from inside a thread. */
export interface ParentPort {
  readonly post: (message: unknown, transfer?: Transferable[]) => void;
  readonly listen: (listener: (message: unknown) => void) => void;
}

const nodeThreads = (): typeof import("node:worker_threads") | undefined =>
  globalThis.process?.getBuiltinModule?.("node:worker_threads");

/**
 * Starts a thread.
 * @param file of its program, beside the caller's `base`
 * @param browser does the same with a literal `new Worker(new URL(file, import.meta.url))`, which is what bundlers look
 * for; in Node that expression is not run
 * @param onFailure called when it cannot be started, and when it ends
 */
export function startThread(
  file: string,
  base: string,
  browser: () => Worker,
  onMessage: (message: unknown) => void,
  onFailure: (cause: unknown) => void,
): Thread {
  const node = nodeThreads();
  if (node) {
    const worker = new node.Worker(new URL(file, base), { execArgv: process.execArgv.filter(isForFiles) });
    worker.on("message", onMessage);
    worker.on("error", onFailure);
    worker.on("messageerror", onFailure);
    worker.on("exit", (code) => onFailure(`it has ended with ${code}`));
    return {
      post: (message, transfer) =>
        worker.postMessage(message, transfer as import("node:worker_threads").Transferable[]),
      hold: (on) => (on ? worker.ref() : worker.unref()),
      terminate: () => void worker.terminate(),
    };
  }
  const worker = browser();
  worker.onmessage = ({ data }) => onMessage(data);
  worker.onerror = (event) => onFailure(event.message || `cannot load ${file}`);
  worker.onmessageerror = () => onFailure("a message from it cannot be read");
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: () => {},
    terminate: () => worker.terminate(),
  };
}

/** Whether a flag of this program is one for a program in a file, too. */
function isForFiles(flag: string, at: number, flags: readonly string[]): boolean {
  return !flag.startsWith("--input-type") && flags[at - 1] !== "--input-type";
}

/** Cores of this machine, as far as it says. */
export function coresHere(): number {
  const node = globalThis.process?.getBuiltinModule?.("node:os");
  return node?.availableParallelism?.() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}

/** This thread's port, for its program. A message that cannot be read ends the thread: who sent it would wait for ever. */
export function ownPort(): ParentPort {
  const port = nodeThreads()?.parentPort;
  const unreadable = (): never => {
    throw new Error("a message to it cannot be read");
  };
  if (port) {
    return {
      post: (message, transfer) => port.postMessage(message, transfer as import("node:worker_threads").Transferable[]),
      listen: (listener) => void port.on("message", listener).on("messageerror", unreadable),
    };
  }
  const scope = globalThis as unknown as Pick<Worker, "postMessage" | "addEventListener">;
  return {
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    listen(listener) {
      scope.addEventListener("message", (event) => listener((event as MessageEvent).data));
      scope.addEventListener("messageerror", unreadable);
    },
  };
}
