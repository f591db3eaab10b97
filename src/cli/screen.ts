// screen.ts: the two streams of a command: results on standard output, progress and remarks on standard error.
import { SingleBar } from "cli-progress";
import { duration } from "../report/index.js";
import { jsonLine, oneLine, printable } from "./printable.js";

/** One task's way from 0 to 1. */
export interface ProgressLine {
  /**
   * @param share done, 0..1.
   * @param secondsLeft estimated from the time since the start unless given.
   */
  update(share: number, detail?: string, secondsLeft?: number): void;
  /** Ends the line: the task is complete. */
  done(detail?: string): void;
}

interface StoppableLine extends ProgressLine {
  /** Ends the line where it stands, if it has not ended; an error follows. */
  stop(): void;
}

export interface Screen {
  /** A result: the object with --json, else the text. Once a command. */
  result(json: object, text: string): void;
  /** A line for people: standard output, or standard error with --json. */
  say(line: string): void;
  /** Starts a task; there is one at a time. */
  progress(label: string): ProgressLine;
  /** Ends a line that an error has left standing. */
  close(): void;
}

/** Between two lines of progress where no terminal can redraw one. */
const SPARSE_SECONDS = 15;
const LABEL_WIDTH = 20;

export function createScreen(json: boolean): Screen {
  let current: StoppableLine | null = null;
  return {
    result: (object, text) => process.stdout.write(`${json ? jsonLine(object) : printable(text)}\n`),
    say: (line) => (json ? process.stderr : process.stdout).write(`${oneLine(line)}\n`),
    progress(label) {
      const line = process.stderr.isTTY ? barProgress(label) : sparseProgress(label);
      current = line;
      return line;
    },
    close: () => current?.stop(),
  };
}

function createClock(): (share: number) => number {
  const start = performance.now();
  return (share) => ((performance.now() - start) / 1000 / share) * (1 - share);
}

function barProgress(label: string): StoppableLine {
  const left = createClock();
  const bar = new SingleBar({
    format: `${label.padEnd(LABEL_WIDTH)} [{bar}] {percentage} %  {left}{detail}`,
    stream: process.stderr,
    barsize: 24,
    // the command itself answers Ctrl-C
    gracefulExit: false,
  });
  bar.start(1, 0, { left: "", detail: "" });
  return {
    update: (share, detail = "", secondsLeft = left(share)) =>
      bar.update(share, { left: `${duration(secondsLeft)} left  `, detail }),
    done(detail = "") {
      bar.update(1, { left: "", detail });
      bar.stop();
    },
    stop: () => bar.stop(),
  };
}

function sparseProgress(label: string): StoppableLine {
  const left = createClock();
  const start = performance.now();
  let lastWritten = start;
  return {
    update(share, detail, secondsLeft = left(share)) {
      const now = performance.now();
      if (now - lastWritten < SPARSE_SECONDS * 1000) return;
      lastWritten = now;
      const parts = [`${Math.floor(100 * share)} %`, `${duration(secondsLeft)} left`, ...(detail ? [detail] : [])];
      process.stderr.write(`${label}: ${parts.join(", ")}\n`);
    },
    done(detail = "done") {
      process.stderr.write(`${label}: ${detail} (${duration((performance.now() - start) / 1000)})\n`);
    },
    stop: () => {},
  };
}
