// figures.test.js: figures as people read them, at the edges of their units.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, count, duration, milliseconds, percent, ratio, table } from "../../dist/report/index.js";

/** Every value with the text it must give. */
const cases = (render, expected) => {
  for (const [value, text] of expected) assert.equal(render(value), text);
};

test("counts", () => {
  cases(count, [
    [0, "0"],
    [999, "999"],
    [1234567, "1,234,567"],
  ]);
});

test("percent", () => {
  cases(percent, [
    [0, "0.00 %"],
    [0.98213, "98.21 %"],
    [1, "100.00 %"],
  ]);
});

test("bytes: three digits, never four", () => {
  cases(bytes, [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 KB"],
    [65342, "65.3 KB"],
    [999_499, "999 KB"],
    [999_500, "1.00 MB"],
    [4_203_000, "4.20 MB"],
  ]);
});

test("milliseconds", () => {
  cases(milliseconds, [
    [0.2137, "0.214 ms"],
    [21.37, "21.4 ms"],
    [1234.5, "1235 ms"],
  ]);
});

test("durations round before they are split", () => {
  cases(duration, [
    [-1, "0 s"],
    [59.4, "59 s"],
    [59.6, "1 min 00 s"],
    [245, "4 min 05 s"],
    [3599.7, "1 h 00 min"],
    [7260, "2 h 01 min"],
    [Number.POSITIVE_INFINITY, "unknown"],
    [Number.NaN, "unknown"],
  ]);
});

test("ratios", () => {
  cases(ratio, [[3.908, "3.91x"]]);
});

test("tables hold their cells aligned and without colour", () => {
  const text = table(
    [["layer"], ["bytes", "right"]],
    [
      ["conv1", "7"],
      ["dense", "1,234"],
    ],
  );
  const lines = text.split("\n");
  assert.equal(lines.length, 6);
  assert.equal(lines[1], "│ layer │ bytes │");
  assert.equal(lines[3], "│ conv1 │     7 │");
  assert.equal(lines[4], "│ dense │ 1,234 │");
  assert.ok(!text.includes("\u001b"));
});
