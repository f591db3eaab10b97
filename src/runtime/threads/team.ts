// team.ts: how the threads of one model share a run. A step's units are cut into one range a thread, in order, so that a
// thread meets the same part of every image again: what it reads it wrote itself, and its core's cache still holds it. Who
// has finished its own range goes on with the others'.
//
// Int32 words of a SharedArrayBuffer, each in a cache line of its own:
//   DONE          units of the step that are finished; the step is over when all are
//   SEQUENCE      raised with every step; sleepers wait on it
//   SLEEPERS      how many do
//   QUIT          1 when the team is dissolved
//   CLAIMS + t    of thread t's range: step << 19 | next unit    units belong to who moves this word on by compareExchange
//
// A thread that wakes late finds the claim words of whatever step is under way, so nobody has to be waited for who has
// claimed nothing.
import type { Address } from "../../base/index.js";
import type { Kernels } from "../kernels.js";
import type { Step } from "../step.js";

/** Words of a cache line. */
const LINE = 16;
const DONE = 0;
const SEQUENCE = LINE;
const SLEEPERS = 2 * LINE;
const QUIT = 3 * LINE;
const CLAIMS = 4 * LINE;

const UNIT_BITS = 19;
const UNIT_MASK = (1 << UNIT_BITS) - 1;
/** Looks at the claim word before a helper goes to sleep: some hundred microseconds. */
const SPINS = 20_000;

export const UNITS_MAX = UNIT_MASK;
export const STEPS_MAX = 1 << (31 - UNIT_BITS);

/** The things that a thread needs to take part. */
export interface Seat {
  readonly words: Int32Array;
  readonly steps: readonly Step[];
  readonly kernels: Kernels;
  readonly scratch: Address;
  /** 0 for the leading thread. */
  readonly seat: number;
  readonly threads: number;
}

export function createWords(threads: number): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer((CLAIMS + threads * LINE) * 4));
  // before the first step every unit of it counts as claimed
  for (let t = 0; t < threads; t++) words[CLAIMS + t * LINE] = UNIT_MASK;
  return words;
}

/** Returns the start of a thread's range; that of the one before ends there. */
const rangeStart = (units: number, threads: number, thread: number): number => Math.floor((units * thread) / threads);

/** Claims and runs units of the step under way, its own range's first, until none is left. */
function work({ words, steps, kernels, scratch, seat, threads }: Seat): void {
  for (let turn = 0; turn < threads; ) {
    const owner = (seat + turn) % threads;
    const claim = Atomics.load(words, CLAIMS + owner * LINE);
    const step = steps[claim >>> UNIT_BITS];
    const unit = claim & UNIT_MASK;
    const left = rangeStart(step.units, threads, owner + 1) - unit;
    if (left <= 0) {
      turn++;
      continue;
    }
    // few claims, and small ones in the end
    const count = Math.max(1, left >> 1);
    if (Atomics.compareExchange(words, CLAIMS + owner * LINE, claim, claim + count) !== claim) continue;
    step.run(kernels, unit, unit + count, scratch);
    Atomics.add(words, DONE, count);
  }
}

/**
 * Leads one step: publishes it, takes part, and returns when all of it is done.
 * @returns false when other threads have made no headway for `patience` milliseconds: one of them must have died
 */
export function lead(seat: Seat, index: number, patience: number): boolean {
  const { words, steps, threads } = seat;
  Atomics.store(words, DONE, 0);
  for (let t = 0; t < threads; t++) {
    Atomics.store(words, CLAIMS + t * LINE, (index << UNIT_BITS) | rangeStart(steps[index].units, threads, t));
  }
  Atomics.add(words, SEQUENCE, 1);
  if (Atomics.load(words, SLEEPERS) > 0) Atomics.notify(words, SEQUENCE);
  work(seat);
  let done = Atomics.load(words, DONE);
  let since = 0;
  for (let spins = 1; done < steps[index].units; spins++) {
    const now = Atomics.load(words, DONE);
    if (now !== done) since = 0;
    done = now;
    if (spins % 65536 !== 0) continue;
    const time = performance.now();
    if (since === 0) since = time;
    else if (time - since > patience) return false;
  }
  return true;
}

/** The life of a helper thread: works, looks out for more, sleeps; returns when the team is dissolved. */
export function follow(seat: Seat): void {
  const { words } = seat;
  while (Atomics.load(words, QUIT) === 0) {
    const sequence = Atomics.load(words, SEQUENCE);
    work(seat);
    let spins = 0;
    while (spins < SPINS && Atomics.load(words, SEQUENCE) === sequence) spins++;
    if (spins < SPINS) continue;
    Atomics.add(words, SLEEPERS, 1);
    Atomics.wait(words, SEQUENCE, sequence);
    Atomics.sub(words, SLEEPERS, 1);
  }
}

export function dissolve(words: Int32Array): void {
  Atomics.store(words, QUIT, 1);
  Atomics.add(words, SEQUENCE, 1);
  Atomics.notify(words, SEQUENCE);
}
