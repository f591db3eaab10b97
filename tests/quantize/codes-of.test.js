// codes-of.test.js: quantizers take layers of many weights without a list of them all.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { codesOf } from "../../dist/quantize/codes-of.js";

test("a code for each value, with its place", () => {
  assert.deepEqual(
    codesOf([0.5, 0.25, 0.125], (value, i) => i + value * 8),
    Uint8Array.of(4, 3, 3),
  );
  assert.deepEqual(
    codesOf(new Float32Array(0), () => 1),
    new Uint8Array(0),
  );
});

const PROGRAM = `
import { quantizerNamed } from ${JSON.stringify(new URL("../../dist/quantize/index.js", import.meta.url).href)};
const weights = new Float32Array(2 ** 22).map((_, i) => Math.sin(i * 12.9898) * 0.3);
for (const name of ["powers", "two-term", "bwn", "dorefa", "twn", "ttq", "deepcompression", "deepshift", "shiftcnn", "apot", "linear", "log-2"]) {
  const quantizer = quantizerNamed(name);
  const { codes } = quantizer.fit(weights, { name, shape: [1024, 4096], bits: quantizer.bits.at(-1) });
  if (codes.length !== weights.length) throw new Error(name);
}`;

test("four million weights need no heap of 48 MB", async () => {
  const args = ["--max-old-space-size=48", "--input-type=module", "--eval", PROGRAM];
  await promisify(execFile)(process.execPath, args);
});
