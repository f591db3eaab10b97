// channel-ranges.test.js: the reach and the variance of every channel, by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { collectRanges } from "../../dist/quantize/channel-ranges.js";

const b = buildNetwork("net", createRandom(1));
const input = b.input([2, 1, 2]);
const network = b.finish([b.conv(input, 2)]);

test("channels over all images and batches, with 0 in every range", async () => {
  const batches = [
    new Map([[input, Float32Array.of(1, 3, -1, -1, 1, 3, -5, -5)]]),
    new Map([[input, Float32Array.of(2, 2, -3, -3)]]),
  ];
  const found = (await collectRanges(network, [input], batches)).get(input);
  assert.deepEqual([...found.low, ...found.high], [0, -5, 3, 0]);
  assert.equal(found.count, 6);
  assert.ok(Math.abs(found.variance[0] - 4 / 6) < 1e-12);
  assert.ok(Math.abs(found.variance[1] - 16 / 6) < 1e-12);
});

test("a tensor that the batches lack is named", async () => {
  await assert.rejects(collectRanges(network, [input], [new Map()]), { code: "BAD_GRAPH", where: input });
});
