// permutes.test.js: networks give the same values when permutes behind each other are one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork, joinPermutes } from "../../dist/graph/index.js";
import { joinedBy } from "./joined.js";

/** The kinds of nodes of the joined network. */
const joined = (network) => joinedBy(joinPermutes, network).nodes.map(({ op }) => op);

/** Sizes whose product is `n`. */
function factors(random, n) {
  const dims = [];
  let rest = n;
  while (rest > 1) {
    const divisors = [2, 3, 4, 6, 8].filter((d) => rest % d === 0);
    const size = divisors.length > 0 && dims.length < 7 ? divisors[random.below(divisors.length)] : rest;
    dims.push(size);
    rest /= size;
    if (random.uniform() < 0.2 && dims.length < 7) dims.push(1);
  }
  return dims;
}

test("random permutes, functions and readers between them", () => {
  let fewer = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const random = createRandom(seed);
    const b = buildNetwork("net", random);
    const tensors = [b.input([4, 6, 4])];
    for (let i = 0; i < 8; i++) {
      const x = tensors[random.below(tensors.length) === 0 ? 0 : tensors.length - 1];
      const dims = factors(random, 96);
      const order = random.shuffle([...dims.keys()]);
      const shape = [
        [4, 6, 4],
        [96, 1, 1],
        [6, 16, 1],
      ][random.below(3)];
      if (random.uniform() < 0.7) tensors.push(b.permute(x, dims, order, shape));
      else if (random.uniform() < 0.5) tensors.push(b.relu(x));
      else tensors.push(b.activation(x, "tanh"));
    }
    const outputs = [...new Set([tensors.at(-1), tensors[1 + random.below(tensors.length - 1)]])];
    const network = b.finish(outputs);
    if (joined(network).length < network.nodes.length) fewer++;
  }
  assert.ok(fewer > 100, `${fewer}`);
});

test("what is turned round and back is as it was, and the function between stands alone", () => {
  const b = buildNetwork("net", createRandom(1));
  const x = b.conv(b.input([4, 6, 4]), 4, { kernel: 1 });
  const there = b.permute(x, [4, 24], [1, 0], [24, 4, 1]);
  const back = b.permute(b.activation(there, "tanh"), [24, 4], [1, 0], [4, 6, 4]);
  assert.deepEqual(joined(b.finish([b.conv(back, 2, { kernel: 1 })])), ["input", "conv", "activation", "conv"]);
});

test("an output keeps its name and place", () => {
  const b = buildNetwork("net", createRandom(1));
  const x = b.relu(b.input([4, 6, 4]));
  const there = b.permute(x, [4, 24], [1, 0], [24, 4, 1]);
  const back = b.permute(there, [24, 4], [1, 0], [4, 6, 4]);
  assert.deepEqual(joined(b.finish([back, there])), ["input", "relu", "permute", "permute"]);
});
