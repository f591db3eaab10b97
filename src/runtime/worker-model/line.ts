// line.ts: the line to a WorkerModel's Worker: requests and their answers, and an end for all that wait when it breaks.
import { ShiftwiseError } from "../../base/index.js";
import { startThread, type Thread } from "../../base/thread.js";
import type { LoadOptions } from "../options.js";
import type { Failure, Reply, Request } from "./host.js";

interface Call {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

export interface Line {
  /** Sends a request. The promise always settles: with the answer, or with why there will be none. */
  readonly call: <T>(request: Request, transfer: Transferable[]) => Promise<T>;
  /** @throws why the line is closed, if it is */
  readonly check: () => void;
  /** Ends the Worker; what waits is rejected, and whatever comes later. */
  readonly close: (reason: unknown) => void;
}

/** @param options of the load, whose listeners the answers wait for; what these throw ends the line, and the load is rejected with it */
export function openLine({ onProgress, cache }: LoadOptions): Line {
  /** The calls that are not answered yet, by number. */
  const calls = new Map<number, Call>();
  let count = 0;
  let unanswered = 0;
  const hearing: Promise<void>[] = [];
  let over: { readonly reason: unknown } | null = null;
  let thread: Thread | null = null;
  const close = (reason: unknown): void => {
    over ??= { reason };
    thread?.terminate();
    for (const { reject } of calls.values()) reject(over.reason);
    calls.clear();
  };
  const failed = (cause: unknown): void =>
    close(
      new ShiftwiseError("UNSUPPORTED", "the model's Worker could not be started or has died", {
        expected: "worker-model/host.js where the bundler has put it",
        found: String(cause),
        cause,
      }),
    );
  const receive = (message: unknown): void => {
    const reply = message as Reply;
    if (reply.kind === "progress" || reply.kind === "problem") {
      const listen = async (): Promise<void> => {
        // nobody waits for what was given up
        if (over) return;
        if (reply.kind === "progress") await onProgress?.(reply.progress);
        else if (typeof cache === "function") await cache(errorOf(reply.failure));
      };
      const heard = listen();
      hearing.push(heard);
      heard.catch(close);
      return;
    }
    unanswered--;
    holdWhileBusy();
    const settle = (): void => {
      const call = calls.get(reply.id);
      calls.delete(reply.id);
      if (reply.kind === "failure") call?.reject(errorOf(reply.failure));
      else call?.resolve(reply.value as never);
    };
    // a listener that fails has closed the line
    Promise.all(hearing).then(settle, () => {});
  };
  /** A program ends when nothing of its own is left to do. */
  const holdWhileBusy = (): void => thread?.hold(unanswered > 0);
  try {
    thread = startThread(
      "./host.js",
      import.meta.url,
      () => new Worker(new URL("./host.js", import.meta.url), { type: "module" }),
      receive,
      failed,
    );
  } catch (cause) {
    failed(cause);
  }
  const check = (): void => {
    if (over) throw over.reason;
  };
  return {
    close,
    check,
    call: (request, transfer) =>
      new Promise((resolve, reject) => {
        check();
        const id = count++;
        calls.set(id, { resolve, reject });
        unanswered++;
        holdWhileBusy();
        try {
          thread?.post({ id, ...request }, transfer);
        } catch (cause) {
          calls.delete(id);
          unanswered--;
          holdWhileBusy();
          reject(new ShiftwiseError("BAD_DATA", "this cannot be handed to a Worker", { found: String(cause), cause }));
        }
      }),
  };
}

/** A class does not survive the way between threads. */
function errorOf({ code, message, ...fields }: Failure): ShiftwiseError {
  return Object.assign(new ShiftwiseError(code, message), fields);
}
