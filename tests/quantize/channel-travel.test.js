// channel-travel.test.js: channels followed through concatenations, slices, gathers, pads and pools to what reads them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { NOTHING, travelFrom } from "../../dist/quantize/channel-travel.js";

const starts = (...names) => new Map(names.map((name, i) => [name, Int32Array.of(2 * i, 2 * i + 1)]));

test("through all nodes that move whole channels", () => {
  const b = buildNetwork("net", createRandom(1));
  const input = b.input([2, 4, 4]);
  const [left, right] = [b.conv(input, 2), b.conv(input, 2)];
  const joined = b.concat([left, b.maxPool(right, 3, 1, 1)]);
  const shuffled = b.gather(joined, { channels: [3, -1, 0, 1], rows: [0, 1], columns: [2, 2] });
  const padded = b.pad(b.slice(shuffled, [0, 0, 0], [3, 2, 2], [2, 1, 1]), {
    channels: [1, 0],
    rows: [0, 0],
    columns: [0, 0],
  });
  const conv = b.conv(padded, 1);
  const dense = b.dense(shuffled, 1);
  const { products, needed } = travelFrom(b.finish([conv, dense]), starts(left, right));
  assert.deepEqual([...products.get(conv)], [NOTHING, 3, 0]);
  assert.deepEqual([...products.get(dense)], [3, NOTHING, 0, 1]);
  assert.deepEqual([...needed], []);
});

test("sums, functions, outputs, other fillings and what takes channels apart need values as they are", () => {
  const ways = {
    sum: (b, x, other) => b.add(x, other),
    function: (b, x) => b.activation(x, "tanh"),
    clamp: (b, x) => b.relu(b.maxPool(x, 2)),
    output: (b, x) => b.slice(x, [0, 0, 0], [1, 2, 2]),
    filling: (b, x) => b.pad(x, { channels: [0, 0], rows: [1, 1], columns: [0, 0] }, 1),
    order: (b, x) => b.permute(x, [2, 4, 4], [1, 0, 2], [4, 2, 4]),
    stranger: (b, x, other) => b.concat([x, other]),
  };
  for (const [name, way] of Object.entries(ways)) {
    const b = buildNetwork("net", createRandom(1));
    const input = b.input([2, 4, 4]);
    const [x, other] = [b.conv(input, 2), b.conv(input, 2)];
    const { needed } = travelFrom(b.finish([way(b, x, other), b.dense(x, 1)]), starts(x));
    assert.deepEqual([...needed], name === "output" ? [0] : [0, 1], name);
  }
});
