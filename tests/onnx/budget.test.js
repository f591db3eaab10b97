// budget.test.js: small files that ask for much end in little memory, with an error that names the node.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { importOnnx } from "../../dist/onnx/index.js";
import { expected, NAMES } from "./bombs.js";
import { build, floats, ints } from "./build.js";

let found;
before(() => {
  // in a process of its own, so that the memory is the import's; one that does not end is stopped
  const program = fileURLToPath(new URL("bombs.js", import.meta.url));
  const text = execFileSync(process.execPath, ["--expose-gc", program], { encoding: "utf8", timeout: 600_000 });
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  found = new Map(lines.map((line) => [line.name, line]));
});

for (const name of NAMES) {
  test(name, () => {
    const { code, message, memory, size } = found.get(name);
    const [wanted, pattern = /^$/] = expected(name);
    assert.equal(code, wanted, message);
    assert.match(message, pattern);
    assert.ok(memory < 160e6 + 30 * size, `${memory} bytes of memory for ${size} bytes`);
  });
}

test("the budget grows with the file, and can be given", () => {
  const parts = {
    x: [1, 1],
    nodes: [
      ["ConstantOfShape", "n", "a"],
      ["ReduceMean", "a", "c"],
      ["Add", "x c", "y"],
    ],
    constants: { n: ints(1000, 500) },
  };
  assert.equal(importOnnx(build(parts)).nodes.length, 2);
  assert.throws(() => importOnnx(build(parts), { budget: 1e5 }), {
    code: "OVERFLOW",
    message:
      /node ConstantOfShape_0: the file asks for more .* at most 100000 elements .* found 500000 with 100000 left/,
  });
  assert.throws(() => importOnnx(build(parts), { budget: NaN }), { code: "BAD_OPTION", message: /^budget/ });
  const large = { ...parts, constants: { n: ints(4000, 4000), more: floats([2e6]) } };
  assert.equal(importOnnx(build(large)).nodes.length, 2);
});
