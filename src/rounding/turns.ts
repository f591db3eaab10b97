// turns.ts: sums that threads share and add to in the order of the chunks of images, so that who makes a chunk changes no bit.

/** Makes room of zeros: shared where there are several threads. */
export type Allocate = (bytes: number) => ArrayBufferLike;

export const unshared: Allocate = (bytes) => new ArrayBuffer(bytes);
export const shared: Allocate = (bytes) => new SharedArrayBuffer(bytes);

/** Waits until a word of what threads share is as it should be; whoever changes it calls `announce`. */
export function awaitWord(words: Int32Array, at: number, isReady: () => boolean): void {
  for (;;) {
    const seen = Atomics.load(words, at);
    if (isReady()) return;
    Atomics.wait(words, at, seen);
  }
}

export function announce(words: Int32Array, at: number, value: number): void {
  Atomics.store(words, at, value);
  Atomics.notify(words, at);
}

/** Does the work of a chunk once that of all chunks before it is done. */
export function inTurn(words: Int32Array, at: number, chunk: number, work: () => void): void {
  awaitWord(words, at, () => Atomics.load(words, at) === chunk);
  work();
  announce(words, at, chunk + 1);
}
