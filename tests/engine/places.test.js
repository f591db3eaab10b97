// places.test.js: gathering and permuting in lines read, and add back to, the places that the tables of single elements name.
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { gatherPass, permutePass } from "../../dist/engine/places.js";
import { gatheredPlaces, permutedPlaces } from "../../dist/ops/index.js";
import { volume } from "../oracle/places.js";
import { assertPass, values } from "./bits.js";

/** @param places for each element of a result the one of the input that it is; -1 for a fill */
const plainOf = (places, fill, inSize, count) => {
  const each = (visit) => {
    for (let n = 0; n < count; n++) {
      for (const [i, place] of places.entries()) visit(n * places.length + i, place < 0 ? -1 : n * inSize + place);
    }
  };
  return {
    forward: ([x], y) => each((o, i) => (y[o] = i < 0 ? fill : x[i])),
    backward: (_, __, dy, [dx]) =>
      each((o, i) => {
        if (i >= 0) dx[i] += dy[o];
      }),
  };
};

test("permutes of random axes, and of planes at the edges of what is moved at a time", () => {
  const random = createRandom(3);
  const cases = Array.from({ length: 300 }, () => {
    const dims = Array.from({ length: 1 + random.below(5) }, () => 1 + random.below(6));
    return { dims, order: random.shuffle([...dims.keys()]) };
  });
  for (const n of [1, 15, 16, 17, 33]) {
    for (const m of [1, 15, 16, 17])
      cases.push({ dims: [2, n, m], order: [0, 2, 1] }, { dims: [n, 3, m], order: [2, 1, 0] });
  }
  for (const [run, { dims, order }] of cases.entries()) {
    const [size, count] = [volume(dims), 1 + (run % 3)];
    const plain = plainOf(permutedPlaces({ dims, order }), 0, size, count);
    const message = `${dims} by ${order}`;
    assertPass(permutePass({ dims, order }), plain, [values(count * size, run)], count * size, count, message);
  }
});

test("gathering: repeated, reversed and left out lines and columns, with fills", () => {
  const random = createRandom(9);
  const listed = (size, kind) => {
    if (kind === 0) return Array.from({ length: size }, (_, i) => i);
    if (kind === 1) return Array.from({ length: 2 * size }, (_, i) => i >> 1);
    return Array.from({ length: 1 + random.below(7) }, () => random.below(size + 1) - 1);
  };
  for (let run = 0; run < 300; run++) {
    const input = [0, 1, 2].map(() => 1 + random.below(5));
    const [channels, rows, columns] = input.map((size) => listed(size, random.below(3)));
    const node = { channels, rows, columns, value: 0.7 };
    const [size, count] = [channels.length * rows.length * columns.length, 1 + random.below(2)];
    const plain = plainOf(gatheredPlaces(node, input), 0.7, volume(input), count);
    const x = values(count * volume(input), run);
    assertPass(gatherPass(node, [input]), plain, [x], count * size, count, JSON.stringify(node));
  }
});
