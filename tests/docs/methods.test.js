// methods.test.js: what docs/methods.md says about levels and rules is what the quantizers do.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createRandom } from "../../dist/base/index.js";
import { buildNetwork } from "../../dist/graph/index.js";
import { recipeFor } from "../../dist/pipeline/index.js";
import { advancePortion, QUANTIZERS, quantizerNamed } from "../../dist/quantize/index.js";
import { largestExponent } from "../../dist/quantize/levels.js";
import { WEIGHTS as weights, withTables } from "./quantizers.js";

const doc = readFileSync(new URL("../../docs/methods.md", import.meta.url), "utf8");

test("the page has the tables of the quantizers", () => {
  assert.ok(QUANTIZERS.every(({ about }) => about));
  assert.equal(doc, withTables(doc), "npm run docs:quantizers");
});

test("tables of two-term levels and powers have one level for each code, and no other terms", () => {
  const sizes = [0, ...Array.from({ length: 16 }, (_, e) => 2 ** e)];
  const terms = {
    powers: new Set(sizes),
    "two-term": new Set(sizes.flatMap((a) => sizes.flatMap((b) => [a + b, a - b]))),
  };
  for (const [name, allowed] of Object.entries(terms)) {
    const { bits, tables } = quantizerNamed(name);
    assert.throws(() => tables(9), { code: "BAD_OPTION", where: "bits" });
    for (const width of bits) {
      for (const table of tables(width)) {
        assert.equal(table.length, 2 ** width);
        assert.ok(table.includes(0) || (name === "two-term" && width === 2));
        assert.ok(table.every((level, i) => allowed.has(Math.abs(level)) && (i === 0 || level > table[i - 1])));
      }
    }
  }
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
