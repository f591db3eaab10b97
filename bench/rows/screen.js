// screen.js: what a row shows: its figures on standard output, what it is doing on standard error.
import { ShiftwiseError } from "../../dist/model/index.js";

/** Between two lines on how far a step is. */
const SECONDS = 15;

const shown = (share) => `${(100 * share).toFixed(2)} %`;

export function createScreen(json) {
  const line = (text) => process.stderr.write(`${text}\n`);
  let end = null;
  return {
    result: (object, text) => console.log(json ? JSON.stringify(object) : text),
    say: line,
    /** Begins a step and ends the one before; the function that it returns tells how far the step is. */
    step(label) {
      end?.();
      const start = performance.now();
      let last = start;
      end = (detail = "done") => {
        line(`${label}: ${detail} (${((performance.now() - start) / 1000).toFixed(0)} s)`);
        end = null;
      };
      return (share, detail) => {
        if (performance.now() - last < 1000 * SECONDS) return;
        last = performance.now();
        line(`${label}: ${Math.floor(100 * share)} %, ${detail}`);
      };
    },
    done: (detail) => end?.(detail),
  };
}

/** Shows a training's progress: of `part`, what a stage of the run is called. */
export const showTraining = (update, part) => (progress) => {
  const { stage, stages, epoch, epochs, done, loss, accuracy, tests } = progress;
  const tested = typeof tests.at(-1) === "number" ? `, test ${shown(tests.at(-1))} after ${part} ${stage}` : "";
  update(
    done,
    `${part} ${stage + 1}/${stages}, epoch ${epoch + 1}/${epochs}, loss ${loss.toFixed(3)}, ${shown(accuracy)}${tested}`,
  );
};

/** Aborts at the first Ctrl-C, kill or closed terminal, which leaves a checkpoint; a second one ends the process. */
export function stopSignal() {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(name, () => controller.abort());
  return controller.signal;
}

/** An error in one line on standard error. */
export function reportFailure(error) {
  const text =
    error instanceof ShiftwiseError ? `error ${error.code}: ${error.message}` : String(error?.stack ?? error);
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}
