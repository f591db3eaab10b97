// crew.ts: the threads that share the images of a rounding, or this one alone.
import { ShiftwiseError } from "../base/index.js";
import { coresHere, startThread, type Thread } from "../base/thread.js";
import { type Answer, type Asked, createLane, type Found, type LaneRequest } from "./lane.js";

/** The threads that lanes run on. Their results do not depend on their number. */
export interface Crew {
  readonly threads: number;
  /** Asks one of them; each does what it is asked in order. @throws what the lane throws; IO where a thread has died; ABORTED */
  ask<T extends Found>(thread: number, request: LaneRequest): Promise<T>;
  /** Ends them. */
  end(): void;
}

/** This thread alone. */
export function aloneCrew(): Crew {
  const lane = createLane();
  return {
    threads: 1,
    ask: async <T extends Found>(_: number, request: LaneRequest) => lane(request) as T,
    end: () => {},
  };
}

/** Threads of a rounding where nobody has said how many: further ones share less of the work. */
export const usualThreads = (): number => Math.min(2, coresHere());

/** Starts threads, and ends them when the work is done. */
export async function withCrew<T>(threads: number, work: (crew: Crew) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const crew = await startCrew(threads, signal);
  try {
    return await work(crew);
  } finally {
    crew.end();
  }
}

/**
 * Starts as many threads, where memory can be shared with them; else, and where they cannot be started, this one works alone.
 * @param signal ends them at once
 */
export async function startCrew(threads: number, signal?: AbortSignal): Promise<Crew> {
  if (threads < 2 || !canShare() || signal?.aborted) return aloneCrew();
  const members: Member[] = [];
  const end = (failure: ShiftwiseError) => {
    for (const member of members) member.end(failure);
  };
  // those that are left would wait for what the dead one owes them
  const started = await Promise.allSettled(Array.from({ length: threads }, () => startMember(end)));
  members.push(...started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
  if (members.length < threads) {
    end(over());
    return aloneCrew();
  }
  const stop = () => end(new ShiftwiseError("ABORTED", "quantization was stopped", { cause: signal?.reason }));
  signal?.addEventListener("abort", stop, { once: true });
  return {
    threads,
    ask: <T extends Found>(thread: number, request: LaneRequest) => members[thread].ask(request) as Promise<T>,
    end() {
      signal?.removeEventListener("abort", stop);
      end(over());
    },
  };
}

const over = () => new ShiftwiseError("DISPOSED", "the threads of this rounding have ended");

/** Pages share memory only where they are isolated from those of others. */
function canShare(): boolean {
  return typeof SharedArrayBuffer === "function" && globalThis.crossOriginIsolated !== false;
}

interface Member {
  ask(request: LaneRequest): Promise<Found>;
  end(failure: ShiftwiseError): void;
}

/** @param onDeath hears why it has died */
function startMember(onDeath: (failure: ShiftwiseError) => void): Promise<Member> {
  const waiting = new Map<number, { resolve(found: Found): void; reject(error: unknown): void }>();
  let [next, failure]: [number, ShiftwiseError | null] = [0, null];
  let thread: Thread | null = null;
  return new Promise((resolve, reject) => {
    const end = (error: ShiftwiseError): void => {
      failure ??= error;
      for (const one of waiting.values()) one.reject(failure);
      waiting.clear();
      reject(failure);
      thread?.terminate();
    };
    const member: Member = {
      end,
      ask: (request) =>
        new Promise((resolve, reject) => {
          if (failure) return reject(failure);
          const id = next++;
          waiting.set(id, { resolve, reject });
          thread!.hold(true);
          thread!.post({ id, request } satisfies Asked);
        }),
    };
    const hear = (message: Answer | "ready"): void => {
      if (message === "ready") {
        thread!.hold(false);
        resolve(member);
        return;
      }
      const one = waiting.get(message.id);
      waiting.delete(message.id);
      // a thread that has nothing to do keeps no program alive
      if (waiting.size === 0) thread!.hold(false);
      if ("found" in message) one?.resolve(message.found);
      else one?.reject(new ShiftwiseError(message.failure.code, message.failure.message));
    };
    const die = (cause: unknown): void => {
      if (failure) return;
      end(new ShiftwiseError("IO", "a worker thread died", { found: String(cause), cause, where: "threads" }));
      onDeath(failure!);
    };
    try {
      thread = startThread(
        "./lane-worker.js",
        import.meta.url,
        () => new Worker(new URL("./lane-worker.js", import.meta.url), { type: "module" }),
        (message) => hear(message as Answer | "ready"),
        die,
      );
    } catch (cause) {
      die(cause);
    }
  });
}
