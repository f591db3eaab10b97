// moves.test.js: networks give the same values when moves behind each other are one gather or slice, and shuffles become one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, joinMoves } from "../../dist/graph/index.js";
import { joinedBy } from "./joined.js";

const joined = (network) => joinedBy(joinMoves, network);

/** Channels shuffled in two groups, and one half of them, as exporters write it. */
function shuffledHalf(b, x, half) {
  const turned = b.permute(x, [4, 2, 12], [1, 0, 2], [1, 2, 48]);
  const slice = b.slice(turned, [0, half, 0], [1, half + 1, 48]);
  return b.permute(slice, [1, 1, 48], [0, 1, 2], [4, 3, 4]);
}

test("halves of shuffled channels are slices of channels, however many read them", () => {
  const b = buildNetwork("net", createRandom(1));
  const x = b.input([8, 3, 4]);
  const halves = [0, 1].map((half) => shuffledHalf(b, x, half));
  const network = b.finish([b.relu(halves[0]), halves[1]]);
  const { nodes } = joined(network);
  assert.deepEqual(
    nodes.map(({ op }) => op),
    ["input", "slice", "slice", "relu"],
  );
  assert.deepEqual(
    nodes.slice(1, 3).map(({ start, stop, step }) => [start, stop, step]),
    [
      [
        [0, 0, 0],
        [7, 3, 4],
        [2, 1, 1],
      ],
      [
        [1, 0, 0],
        [8, 3, 4],
        [2, 1, 1],
      ],
    ],
  );
});

test("a whole shuffle is a gather of channels, and what is read in between stays", () => {
  const b = buildNetwork("net", createRandom(1));
  const x = b.input([8, 3, 4]);
  const turned = b.permute(x, [4, 2, 12], [1, 0, 2], [2, 4, 12]);
  const back = b.permute(turned, [8, 12], [0, 1], [8, 3, 4]);
  const { nodes } = joined(b.finish([b.relu(back), b.relu(turned)]));
  assert.deepEqual(
    nodes.map(({ op }) => op),
    ["input", "permute", "gather", "relu", "relu"],
  );
  assert.deepEqual(nodes[2].channels, [0, 2, 4, 6, 1, 3, 5, 7]);
});

test("what crosses axes stays as it is, and so does padding", () => {
  const b = buildNetwork("net", createRandom(1));
  const x = b.input([8, 3, 4]);
  const turned = b.permute(x, [8, 3, 4], [2, 0, 1], [4, 8, 3]);
  const half = b.slice(turned, [0, 0, 0], [2, 8, 3]);
  const all = (n) => Array.from({ length: n }, (_, i) => i);
  const padded = b.gather(x, { channels: [-1, ...all(8)], rows: all(3), columns: all(4) }, 0.5);
  const first = b.slice(padded, [0, 0, 0], [4, 3, 4]);
  const { nodes } = joined(b.finish([half, first]));
  assert.deepEqual(
    nodes.map(({ op }) => op),
    ["input", "permute", "slice", "gather", "slice"],
  );
});

test("random moves, and readers between them", () => {
  let fewer = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const random = createRandom(seed);
    const b = buildNetwork("net", random);
    const shapes = new Map();
    const add = (name, shape) => shapes.set(name, shape) && name;
    const tensors = [add(b.input([4, 6, 4]), [4, 6, 4])];
    for (let i = 0; i < 7; i++) {
      const x = tensors[random.below(3) === 0 ? random.below(tensors.length) : tensors.length - 1];
      const shape = shapes.get(x);
      const moves = [
        () => {
          const order = random.shuffle([0, 1, 2]);
          const made = order.map((axis) => shape[axis]);
          return add(b.permute(x, shape, order, made), made);
        },
        () => {
          const made = [shape[1], shape[0], shape[2]];
          return add(b.permute(x, shape, [0, 1, 2], made), made);
        },
        () => {
          const lists = shape.map((n) => Array.from({ length: 1 + random.below(n) }, () => random.below(n)));
          const made = lists.map(({ length }) => length);
          return add(b.gather(x, { channels: lists[0], rows: lists[1], columns: lists[2] }), made);
        },
        () => {
          const start = shape.map((n) => random.below(n));
          const step = shape.map(() => 1 + random.below(2));
          const made = shape.map((n, axis) => Math.ceil((n - start[axis]) / step[axis]));
          return add(b.slice(x, start, shape, step), made);
        },
        () => add(b.relu(x), shape),
      ];
      tensors.push(moves[random.below(moves.length)]());
    }
    const network = b.finish([tensors.at(-1), tensors[1 + random.below(tensors.length - 2)]].filter(unique));
    const made = joined(network);
    if (made.nodes.length < network.nodes.length) fewer++;
    assert.deepEqual(joined(made).nodes.length, made.nodes.length, `seed ${seed}`);
  }
  assert.ok(fewer > 50, String(fewer));
});

const unique = (name, i, all) => all.indexOf(name) === i;
