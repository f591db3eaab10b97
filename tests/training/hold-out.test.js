// hold-out.test.js: the samples that are set apart, and how many it takes for so many to be.
import assert from "node:assert/strict";
import { test } from "node:test";
import { holdOutSamples, samplesToHold } from "../../dist/training/hold-out.js";

const samplesOf = (count) => ({
  shape: [1, 1, 1],
  count,
  read: (from, some) => Float32Array.from({ length: some }, (_, i) => from + i),
});

test("as many samples as are asked for are held out of those that it takes, and none of them calibrates", () => {
  for (let held = 2; held <= 200; held++) {
    const [learned, apart] = holdOutSamples(samplesOf(samplesToHold(held)));
    assert.ok(apart.count >= held, `${apart.count} of ${samplesToHold(held)} for ${held}`);
    assert.equal(learned.count + apart.count, samplesToHold(held));
    const all = [...learned.read(0, learned.count), ...apart.read(0, apart.count)];
    assert.equal(new Set(all).size, all.length);
  }
});
