// joined.js: a pass that joins nodes gives a valid network with the same outputs.
import assert from "node:assert/strict";
import { inferShapes, validateNetwork } from "../../dist/graph/index.js";
import { evaluate } from "../oracle/network.js";

/** An image of the 96 values that the networks read. */
const image = Float64Array.from({ length: 96 }, (_, i) => Math.sin(i * 7.1));

/** The network that the pass makes, once it is checked. */
export function joinedBy(pass, network) {
  const made = pass(network);
  validateNetwork(made);
  const [before, after] = [network, made].map((one) => evaluate(one, image));
  const [old, now] = [network, made].map(inferShapes);
  for (const name of network.outputs) {
    assert.deepEqual([...after.get(name)], [...before.get(name)], name);
    assert.deepEqual(now.get(name), old.get(name), name);
  }
  return made;
}
