// methods.test.js: what docs/methods.md says about levels and rules is what the quantizers do.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { recipeFor } from "../../dist/pipeline/index.js";
import { advancePortion, QUANTIZERS, twoTermLevels } from "../../dist/quantize/index.js";
import { largestExponent } from "../../dist/quantize/levels.js";
import { rowsUnder } from "./tables.js";

const doc = readFileSync(new URL("../../docs/methods.md", import.meta.url), "utf8");
const OUTPUTS = 64;
const DEPTH = 576;
const random = createRandom(5);
const weights = Float32Array.from({ length: OUTPUTS * DEPTH }, () => random.normal() * 0.05);

/** Rows of the table under a head: names in backquotes, and the other cells. */
function table(head) {
  return rowsUnder(doc, head).map(([names, ...cells]) => ({
    names: [...names.matchAll(/`([\w-]+)`/g)].map(([, name]) => name),
    cells,
  }));
}

const levelsOf = {
  inq: (bits) => 2 ** (bits - 1) + 1,
  twoTermLevels: (bits) => twoTermLevels(bits).length,
};
for (const quantizer of QUANTIZERS) {
  levelsOf[quantizer.name] = (bits) =>
    quantizer.fit(weights, { name: "layer", shape: [OUTPUTS, DEPTH], bits }).levels.length;
}

test("every method has as many levels at each width as the document says, and no other width", () => {
  const rows = table("| name | 1 | 2 | 3 | 4 | 5 | 6 | 8 bits |");
  assert.deepEqual(rows.flatMap(({ names }) => names).sort(), Object.keys(levelsOf).sort());
  const widths = [1, 2, 3, 4, 5, 6, 8];
  for (const { names, cells } of rows) {
    for (const name of names) {
      const quantizer = QUANTIZERS.find((candidate) => candidate.name === name);
      const stated = widths.filter((_, i) => cells[i] !== "");
      if (quantizer) assert.deepEqual(stated, [...quantizer.bits], name);
      for (const bits of stated) {
        const count = Number(cells[widths.indexOf(bits)]);
        const found = levelsOf[name](bits);
        assert.ok(name === "shiftcnn" ? found <= count : found === count, `${name}, ${bits} bits: ${found} levels`);
      }
    }
  }
});

test("the table of methods has the widths of each", () => {
  for (const { names, cells } of table("| name | bits | levels and rounding |")) {
    for (const name of names) {
      const bits = QUANTIZERS.find((candidate) => candidate.name === name)?.bits ?? [2, 3, 4, 5];
      const [first, last] = [bits[0], bits.at(-1)];
      const whole = last - first + 1 === bits.length && bits.length > 1;
      assert.equal(cells[0], whole ? `${first}..${last}` : bits.join(", "), name);
    }
  }
});

test("two-term levels at 4 bits are evenly spaced, at 5 up to 10", () => {
  assert.deepEqual(
    twoTermLevels(4),
    Array.from({ length: 15 }, (_, i) => i - 7),
  );
  const [five, six] = [twoTermLevels(5), twoTermLevels(6)];
  assert.deepEqual(
    five.filter((level) => Math.abs(level) <= 10),
    Array.from({ length: 21 }, (_, i) => i - 10),
  );
  assert.deepEqual([five.at(-1), five.includes(11), six.at(-1)], [17, false, 63]);
});

test("n1 is by Eq. 3 at 5 and 4 bits and in the paper's recipe, lower at 3 and 2 bits otherwise", () => {
  const n1 = (bits, rule) => {
    const b = buildNetwork("one layer", createRandom(1));
    const network = b.finish([b.dense(b.input([DEPTH, 1, 1]), OUTPUTS)]);
    network.nodes[1].weight.data.set(weights);
    return advancePortion(network, null, { bits, portion: 1, ...(rule && { rule }) }).get("dense1").n1;
  };
  const largest = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  for (const bits of [2, 3, 4, 5]) {
    const eq3 = largestExponent(largest, bits);
    assert.equal(n1(bits, recipeFor(bits, "paper").rule), eq3);
    if (bits >= 4) assert.equal(n1(bits), eq3);
    else assert.ok(n1(bits) < eq3, `${bits} bits`);
  }
});
