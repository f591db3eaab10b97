// random.ts: seeded random numbers: xoshiro128** (Blackman and Vigna 2018), the same stream on every host.
import { given } from "./given.js";
import type { Kind } from "./is.js";
import * as is from "./is.js";

/** A generator; everything drawn from it advances its one state. */
export interface Random {
  /** An integer in 0..2^32 - 1. */
  uint32(): number;
  /** A number in [0, 1): the next 53 random bits as a fraction. */
  uniform(): number;
  /** A standard normal number (Marsaglia's polar method). */
  normal(): number;
  /** An integer in 0..n - 1, every one equally likely; n in 1..2^32. */
  below(n: number): number;
  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T extends Shuffleable>(array: T): T;
  /** A copy of the 128-bit state; `createRandom(state)` goes on from there. */
  state(): Uint32Array;
}

/** An array that `shuffle` can reorder in place. */
export type Shuffleable = unknown[] | Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

const STATE: Kind = (value, where) => {
  is.numbers(value, where);
  const words = [...(value as Uint32Array)];
  if (words.length !== 4 || !words.some((word) => word >>> 0 !== 0)) {
    throw is.refused(where, "four words, not all 0", value);
  }
};
const SEED = /* @__PURE__ */ is.either(
  (value) => typeof value === "number",
  /* @__PURE__ */ is.integer(-(2 ** 53) + 1),
  STATE,
);

/**
 * Makes a generator.
 * @param seed an integer, of which the low 32 bits count; or four words that `state()` gave, not all zero
 */
export function createRandom(seed: number | Uint32Array): Random {
  given({ seed }, { seed: SEED });
  const s = typeof seed === "number" ? expandSeed(seed) : Uint32Array.from(seed);
  const uint32 = (): number => {
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return result;
  };
  const uniform = (): number => (uint32() * 0x200000 + (uint32() >>> 11)) / 0x20000000000000;
  const below = (n: number): number => {
    // Reject the tail that would make small results likelier.
    const limit = 0x100000000 - (0x100000000 % n);
    let x = uint32();
    while (x >= limit) x = uint32();
    return x % n;
  };
  return {
    uint32,
    uniform,
    below,
    normal() {
      for (;;) {
        const x = 2 * uniform() - 1;
        const y = 2 * uniform() - 1;
        const r = x * x + y * y;
        if (r > 0 && r < 1) return x * Math.sqrt((-2 * Math.log(r)) / r);
      }
    },
    shuffle(array) {
      const items: { [index: number]: unknown } = array;
      for (let i = array.length - 1; i > 0; i--) {
        const j = below(i + 1);
        const held = items[i];
        items[i] = items[j];
        items[j] = held;
      }
      return array;
    },
    state: () => s.slice(),
  };
}

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/** Four words from one by splitmix32: a Weyl sequence through murmur3's finalizer; never all zero. */
function expandSeed(seed: number): Uint32Array {
  let a = seed >>> 0;
  return Uint32Array.from({ length: 4 }, () => {
    a = (a + 0x9e3779b9) >>> 0;
    let z = a;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  });
}
