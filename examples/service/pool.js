// pool.js: some WorkerModels that share the work: each runs one input at a time, a few more may wait, all others are refused.
import { WorkerModel } from "shiftwise/worker";

/** Thrown where there is no room: come back later. */
export class Busy extends Error {
  code = "BUSY";
}

/** What was handed over to such a worker is lost; whoever asked may ask again. */
export const isOfDeadWorker = ({ code, message }) => code === "UNSUPPORTED" && /Worker/.test(message);

/**
 * Loads a model once for each worker.
 * @param options.workers models that run at the same time; each has its own thread and memory
 * @param options.waiting most inputs that wait for one of them
 */
export async function openPool(source, { workers = 2, waiting = 16 } = {}) {
  const load = () => WorkerModel.load(source);
  const idle = await Promise.all(Array.from({ length: workers }, load));
  const [{ inputs, outputs, labels }] = idle;
  const queue = [];
  let [inside, most, isOpen] = [0, 0, true];

  /** Resolves with a free model; gives its place up when the signal says so. */
  function take(signal) {
    if (idle.length > 0) return Promise.resolve(idle.pop());
    return new Promise((resolve, reject) => {
      const place = { resolve };
      queue.push(place);
      signal?.addEventListener(
        "abort",
        () => {
          const at = queue.indexOf(place);
          if (at < 0) return;
          queue.splice(at, 1);
          reject(signal.reason);
        },
        { once: true },
      );
    });
  }

  function give(model) {
    const next = queue.shift();
    if (next) next.resolve(model);
    else if (isOpen) idle.push(model);
    else model?.dispose();
  }

  return {
    inputs,
    outputs,
    labels,
    /** Work in the pool now, and the most that there was. */
    load: () => ({ inside, most, waiting: queue.length }),
    /**
     * Does a whole piece of work, of which a model is a part: `work` gets `run`. It is refused at once where there is no room,
     * before anything is read or decoded for it.
     * @throws Busy; what `work` throws
     */
    async enter(work, signal) {
      if (!isOpen || inside >= workers + waiting) throw new Busy("all workers are busy, and as many wait as may");
      inside++;
      most = Math.max(most, inside);
      try {
        return await work(async (input) => {
          signal?.throwIfAborted();
          let model = await take(signal);
          try {
            model ??= await load();
            return await model.run(input);
          } catch (error) {
            // a worker that has died is replaced: here, or before the next run where no other can be started now
            if (model && isOfDeadWorker(error)) model = await load().catch(() => null);
            throw error;
          } finally {
            give(model);
          }
        });
      } finally {
        inside--;
      }
    },
    /** Takes nothing new; models end as they become free. */
    close() {
      isOpen = false;
      for (const model of idle.splice(0)) model?.dispose();
    },
  };
}
