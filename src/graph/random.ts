// random.ts: seeded pseudo-random numbers, the same on every machine.

export type RandomState = readonly [number, number, number, number];

export interface Random {
  /** Uniform integer in 0..2^32 - 1. */
  uint32(): number;
  /** Uniform in [0, 1), a multiple of 2^-32. */
  uniform(): number;
  /** Normal with mean 0 and variance 1. */
  normal(): number;
  /** Uniform integer in 0..n-1, without bias; n an integer in 1..2^32. */
  below(n: number): number;
  /** Puts the elements in a random order, in place; every order is as likely as any other. */
  shuffle<T extends { readonly length: number; [index: number]: unknown }>(array: T): T;
  /** All there is to know: createRandom of it continues the same sequence. */
  state(): RandomState;
}

/**
 * xoshiro128** (Blackman and Vigna 2018), its four words filled from the seed by splitmix32. Not for secrets.
 * @param seed any number, of which the low 32 bits count, or a state to continue from.
 */
export function createRandom(seed: number | RandomState): Random {
  let [a, b, c, d] = typeof seed === "number" ? expand(seed) : seed;

  function uint32(): number {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  }

  const uniform = () => uint32() * 2 ** -32;

  // Marsaglia's polar method. Its second value is dropped, so that four words are the whole state.
  function normal(): number {
    for (;;) {
      const x = 2 * uniform() - 1;
      const y = 2 * uniform() - 1;
      const square = x * x + y * y;
      if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square);
    }
  }

  function below(n: number): number {
    const limit = 2 ** 32 - (2 ** 32 % n);
    for (;;) {
      const value = uint32();
      if (value < limit) return value % n;
    }
  }

  function shuffle<T extends { readonly length: number; [index: number]: unknown }>(array: T): T {
    for (let i = array.length - 1; i > 0; i--) {
      const j = below(i + 1);
      const kept = array[i];
      array[i] = array[j];
      array[j] = kept;
    }
    return array;
  }

  return { uint32, uniform, normal, below, shuffle, state: () => [a >>> 0, b >>> 0, c >>> 0, d >>> 0] };
}

/** Four words of splitmix32: never all zero, the one state that xoshiro cannot leave. */
function expand(seed: number): [number, number, number, number] {
  let counter = seed >>> 0;
  const next = () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let z = counter;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  return [next(), next(), next(), next()];
}
