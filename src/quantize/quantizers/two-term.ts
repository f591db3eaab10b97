// two-term.ts: integers that are sums of at most two signed powers of two, with a real scale for every output channel.
import { tableQuantizer, withMirrors } from "./tables.js";

const both = (sizes: readonly number[], more: number): number[] => [
  ...sizes.map((m) => -m).reverse(),
  0,
  ...sizes,
  more,
];

/** A sum of two costs a bucket-sum kernel no more than a power of two does. */
export const twoTerm = tableQuantizer(
  "two-term",
  "sums of at most two signed powers of two; a channel has the table and the scale of least squared error",
  new Map([
    [2, [...withMirrors([[-1, 0, 1, 2]]), [-3, -1, 1, 3]]],
    [3, withMirrors([both([1, 2, 4], 6), both([1, 2, 3], 4)])],
    [4, withMirrors([both([1, 2, 3, 4, 6, 8, 12], 16), both([1, 2, 3, 4, 5, 6, 7], 8)])],
    [5, withMirrors([both([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24], 28)])],
    [
      6,
      withMirrors([
        both(
          [
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 17, 18, 20, 24, 28, 30, 31, 32, 33, 34, 36, 40, 48, 56, 60,
            62, 63,
          ],
          64,
        ),
      ]),
    ],
  ]),
);
