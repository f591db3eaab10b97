// line.js: the Worker that does the work, and what is said where there is none.

const BLOCKED =
  "This browser starts no Worker for this page, and the work is done in one. Switch off what blocks scripts here, or open the page in another browser.";
const BROKEN = "this tab may have run out of memory";

/**
 * Makes a line to a Worker that is started when it is needed, and again after it was ended.
 * @param receive takes its messages
 * @param fail takes a sentence when it cannot start, or breaks off
 */
export function openLine(receive, fail) {
  let worker = null;

  function start() {
    let isUp = false;
    try {
      worker = new Worker(new URL("./convert-worker.js", import.meta.url), { type: "module" });
    } catch {
      return fail(BLOCKED);
    }
    const own = worker;
    own.onmessage = ({ data }) => {
      if (own !== worker) return;
      isUp = true;
      receive(data);
    };
    own.onerror = (event) => {
      event.preventDefault();
      if (own !== worker) return;
      worker = null;
      fail(isUp ? `The work broke off: ${event.message || BROKEN}. Close other tabs, then try again.` : BLOCKED);
    };
  }

  return {
    isOpen: () => worker !== null,
    post: (message) => worker?.postMessage(message),
    /** Ends the Worker, and its work with it. */
    end() {
      worker?.terminate();
      worker = null;
    },
    /** A fresh Worker in place of the one there was. */
    restart() {
      worker?.terminate();
      start();
    },
  };
}
