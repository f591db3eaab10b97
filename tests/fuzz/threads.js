// threads.js: helper threads that serve one model after another, since starting one takes longer than a hundred cases.
import workerThreads from "node:worker_threads";

/** Helpers at rest. Their program answers each summons and returns to its event loop when the team is dissolved. */
const resting = [];

/** A helper that was started for another model, behind the interface of a new one. */
class KeptWorker {
  #worker;
  #listeners = [];

  constructor(url, options) {
    const kept = String(url).endsWith("/runtime/threads/worker.js");
    this.#worker = (kept && resting.pop()) || startWorker(url, options, kept);
  }

  on(event, listener) {
    this.#listeners.push([event, listener]);
    this.#worker.on(event, listener);
    return this;
  }

  once(event, listener) {
    return this.on(event, listener);
  }

  postMessage(message, transfer) {
    this.#worker.postMessage(message, transfer);
  }

  ref() {
    this.#worker.ref();
  }

  unref() {
    this.#worker.unref();
  }

  async terminate() {
    const worker = this.#worker;
    if (!worker.kept) return worker.terminate();
    for (const [event, listener] of this.#listeners) worker.off(event, listener);
    resting.push(worker);
    return 0;
  }
}

const Started = workerThreads.Worker;

function startWorker(url, options, kept) {
  const worker = Object.assign(new Started(url, options), { kept });
  if (!kept) return worker;
  // a helper that fails when its model has no use for it any more is a fault all the same
  return worker.on("error", (cause) => {
    worker.kept = false;
    setImmediate(() => {
      throw cause;
    });
  });
}

/** From now on helper threads of models are kept, in this process. */
export function keepThreads() {
  workerThreads.Worker = KeptWorker;
}
