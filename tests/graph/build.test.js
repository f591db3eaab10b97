// build.test.js: nodes of any kind in a network that is written node by node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";

const start = () => buildNetwork("net", createRandom(1));

test("a node given by its fields is that of the method of its kind, numbered with the others", () => {
  const [a, b] = [start(), start()];
  const x = a.relu(a.input([2, 4, 4]), 6);
  const written = a.finish([a.slice(a.relu(x), [0, 1, 0], [2, 4, 4], [1, 2, 1])]);
  b.input([2, 4, 4]);
  b.node({ op: "relu", input: "input", max: 6 });
  assert.equal(b.relu("relu1"), "relu2");
  b.node({ op: "slice", input: "relu2", start: [0, 1, 0], stop: [2, 4, 4], step: [1, 2, 1] });
  assert.deepEqual(b.finish(["slice1"]), written);
});

test("inputs are numbered from the second on", () => {
  const b = start();
  const names = [b.input([2, 4, 4]), b.input([2, 4, 4]), b.input([3, 1, 1])];
  assert.deepEqual(names, ["input", "input2", "input3"]);
  const { nodes } = b.finish([b.add(names[0], names[1])]);
  assert.deepEqual(nodes[2].shape, [3, 1, 1]);
});

test("what is no node is refused, at once or at the end", () => {
  for (const fields of [undefined, null, "relu", {}, { op: 3 }]) {
    assert.throws(() => start().node(fields), { name: "ShiftwiseError", code: "BAD_OPTION" });
  }
  const b = start();
  b.node({ op: "gate", input: b.input([1, 2, 2]) });
  assert.throws(() => b.finish(["gate1"]), { name: "ShiftwiseError", code: "BAD_GRAPH" });
});
