// team.ts: how the threads of one model share a run: work is claimed from one shared word, a tile at a time.
//
// Int32 words of a SharedArrayBuffer:
//   CLAIM     step << 19 | next unit     a unit belongs to who moves this word on by compareExchange
//   DONE      units of the step that are finished; the step is over when all are
//   SEQUENCE  raised with every step; sleepers wait on it
//   SLEEPERS  how many do
//   QUIT      1 when the team is dissolved
//
// A thread that wakes late finds the claim word of whatever step is under way, so nobody has to be waited for who has
// claimed nothing.
import type { Kernels } from "./kernels.js";
import type { Step } from "./step.js";

const CLAIM = 0;
const DONE = 1;
const SEQUENCE = 2;
const SLEEPERS = 3;
const QUIT = 4;
const WORDS = 16;

const UNIT_BITS = 19;
const UNIT_MASK = (1 << UNIT_BITS) - 1;
/** Looks at the claim word before a helper goes to sleep: some hundred microseconds. */
const SPINS = 20_000;

export const UNITS_MAX = UNIT_MASK;
export const STEPS_MAX = 1 << (31 - UNIT_BITS);

/** What a thread needs to take part. */
export interface Seat {
  readonly words: Int32Array;
  readonly steps: readonly Step[];
  readonly kernels: Kernels;
  readonly scratch: number;
}

export function createWords(): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(WORDS * 4));
  // before the first step every unit of it counts as claimed
  words[CLAIM] = UNIT_MASK;
  return words;
}

/** Claims and runs units of the step under way until none is left. */
function work({ words, steps, kernels, scratch }: Seat): void {
  for (;;) {
    const claim = Atomics.load(words, CLAIM);
    const step = steps[claim >>> UNIT_BITS];
    const unit = claim & UNIT_MASK;
    if (unit >= step.units) return;
    if (Atomics.compareExchange(words, CLAIM, claim, claim + 1) !== claim) continue;
    step.run(kernels, unit, unit + 1, scratch);
    Atomics.add(words, DONE, 1);
  }
}

/**
 * Leads one step: publishes it, takes part, and returns when all of it is done.
 * @returns false when other threads have made no headway for `patience` milliseconds: one of them must have died
 */
export function lead(seat: Seat, index: number, patience: number): boolean {
  const { words, steps } = seat;
  Atomics.store(words, DONE, 0);
  Atomics.store(words, CLAIM, index << UNIT_BITS);
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
