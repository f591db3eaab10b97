// bits.js: random float32 values with the rare ones among them, and the comparison of results to the bit.
import assert from "node:assert/strict";
import { createRandom } from "../../dist/base/index.js";

const RARE = [0, -0, 1, -1, 3, -3, 6, 0.5, 1e-5, -1e-5, 700, -701, 1e30, -1e-40, Infinity, -Infinity, NaN];

/** `length` values, every eighth of them rare. */
export function values(length, seed) {
  const random = createRandom(seed);
  const one = () => (random.below(8) > 0 ? random.normal() * 2 ** random.below(7) : RARE[random.below(RARE.length)]);
  return Float32Array.from({ length }, one);
}

/** Asserts that two arrays hold the same numbers: 0 is not -0, and a NaN is a NaN. */
export function assertSame(found, expected, message) {
  assert.equal(found.length, expected.length, message);
  const bad = found.findIndex((value, i) => !Object.is(value, expected[i]));
  assert.equal(bad, -1, `${message}: ${found[bad]} for ${expected[bad]} at ${bad} of ${found.length}`);
}

/**
 * Asserts that a pass gives what `forward` and `backward` give, two functions of the arrays that they fill and add to.
 * @param inputs of both, with the gradients that stand there before
 */
export function assertPass(pass, plain, inputs, length, count, message) {
  const [found, expected] = [0, 1].map(() => new Float32Array(length));
  pass.forward(inputs, found, count);
  plain.forward(inputs, expected);
  assertSame(found, expected, `${message}, forward`);
  const dy = values(length, 77);
  const [own, other] = [0, 1].map(() => inputs.map((x, i) => values(x.length, 5 + i)));
  pass.backward(inputs, expected, dy, own, count);
  plain.backward(inputs, expected, dy, other);
  for (const [i, dx] of own.entries()) assertSame(dx, other[i], `${message}, gradient ${i}`);
  pass.backward(inputs, expected, dy, [null, null].slice(0, inputs.length), count);
}
