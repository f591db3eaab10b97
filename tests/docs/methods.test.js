// methods.test.js: what docs/methods.md says about levels and rules is what the quantizers do.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { recipeFor } from "../../dist/pipeline/index.js";
import { advancePortion, QUANTIZERS, twoTermLevels } from "../../dist/quantize/index.js";
import { largestExponent } from "../../dist/quantize/levels.js";
import { WEIGHTS as weights, withTables } from "./quantizers.js";

const doc = readFileSync(new URL("../../docs/methods.md", import.meta.url), "utf8");

test("the page has the tables of the quantizers", () => {
  assert.ok(QUANTIZERS.every(({ about }) => about));
  assert.equal(doc, withTables(doc), "npm run docs:quantizers");
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
  const DEPTH = 576;
  const n1 = (bits, rule) => {
    const b = buildNetwork("one layer", createRandom(1));
    const network = b.finish([b.dense(b.input([DEPTH, 1, 1]), weights.length / DEPTH)]);
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
