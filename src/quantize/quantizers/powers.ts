// powers.ts: zero and signed powers of two, as many as a width has codes, with a real scale for every output channel.
import { tableQuantizer, withMirrors } from "./tables.js";

/** Powers of two on both sides of 0, and one more on one of them: 2^bits levels. */
const powersOf = (bits: number): number[] => {
  const sizes = Array.from({ length: 2 ** (bits - 1) }, (_, i) => 2 ** i);
  const both = sizes.slice(0, -1);
  return [...both.map((size) => -size).reverse(), 0, ...sizes];
};

/** From 5 bits on the smallest powers would carry nothing, and the largest leave int32. */
export const powers = tableQuantizer(
  "powers",
  "0 and signed powers of two, one more on one side than on the other; a channel has the larger side and the scale of least squared error",
  new Map([2, 3, 4].map((bits) => [bits, withMirrors([powersOf(bits)])])),
);
