// tape.js: a case as a list of bytes from which a generator draws its choices; what lies behind the end is 0.
//
// fast-check shrinks the list, so 0 stands for the simplest choice everywhere: the first of a list, no, the least number.
import fc from "fast-check";
import { createRandom } from "./project.js";

/** A tape of a fixed length: four bytes a draw, where an array of arbitraries takes one each. */
class Tape extends fc.Arbitrary {
  constructor(length) {
    super();
    this.length = length;
    this.shrinker = fc.array(fc.nat(255), { minLength: length, maxLength: length });
  }

  generate(random) {
    const bytes = [];
    while (bytes.length < this.length) {
      const word = random.nextInt(0, 0x7fffffff);
      bytes.push(word & 255, (word >> 8) & 255, (word >> 16) & 255);
    }
    return new fc.Value(bytes.slice(0, this.length), undefined);
  }

  canShrinkWithoutContext(value) {
    return Array.isArray(value);
  }

  shrink(value) {
    return this.shrinker.shrink(value, undefined);
  }
}

export const tape = (length = 24) => new Tape(length);

/** Draws from a tape. */
export function drawFrom(bytes) {
  let at = 0;
  const next = () => bytes[at++] ?? 0;
  const below = (n) => (n <= 256 ? next() : next() + 256 * next()) % n;
  return {
    /** An integer in 0..n - 1, n up to 65,536. */
    below,
    integer: (low, high) => low + below(high - low + 1),
    pick: (list) => list[below(list.length)],
    chance: (share) => next() > 255 * (1 - share),
    /** A generator of as many values as a case wants, which shrinks as one. */
    random: () => createDraws(next() + 256 * next()),
  };
}

/** The project's generator of random numbers, with the draws that cases need besides. */
export function createDraws(seed) {
  const random = createRandom(seed);
  return { ...random, pick: (list) => list[random.below(list.length)], chance: (share) => random.uniform() < share };
}
