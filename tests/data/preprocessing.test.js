// preprocessing.test.js: how pictures become an input, as a file and as mean and deviation.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { normalizationOf, readPreprocessing } from "../../dist/data/index.js";

const folder = mkdtempSync(join(tmpdir(), "shiftwise-preprocessing-"));
after(() => rmSync(folder, { recursive: true }));

const file = (name, text) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test("preprocessing is read from JSON, every field checked", async () => {
  const all = { resize: 256, channels: "bgr", range: 255, mean: [1, 2, 3], std: [4, 5, 6] };
  assert.deepEqual(await readPreprocessing(file("p.json", JSON.stringify(all))), all);
  for (const wrong of [{ resize: 0 }, { channels: "yuv" }, { range: 2 }, { mean: "x" }, { size: 1 }, []]) {
    await assert.rejects(readPreprocessing(file("q.json", JSON.stringify(wrong))), { code: "BAD_FILE" });
  }
  const several = file("s.json", JSON.stringify({ left: all, right: {} }));
  assert.deepEqual(await readPreprocessing(several, "left"), all);
  assert.deepEqual(await readPreprocessing(several, "right"), {});
  await assert.rejects(readPreprocessing(several, "up"), { code: "BAD_FILE", found: "left, right" });
  await assert.rejects(readPreprocessing(several), { code: "BAD_FILE" });
  await assert.rejects(readPreprocessing(file("r.json", "{")), { code: "BAD_FILE" });
  await assert.rejects(readPreprocessing(join(folder, "none.json")), { code: "IO" });
});

test("preprocessing becomes mean and deviation of pixels / 255", () => {
  assert.deepEqual(normalizationOf({}, 3), { mean: [0, 0, 0], std: [1, 1, 1] });
  assert.deepEqual(normalizationOf({ range: 255, mean: [51], std: [255, 51] }, 2), {
    mean: [0.2, 0.2],
    std: [1, 0.2],
  });
  assert.throws(() => normalizationOf({ mean: [1, 2] }, 3), { code: "BAD_OPTION", where: "mean" });
  assert.throws(() => normalizationOf({ mean: [123.7, 116.3, 103.5] }, 3), { code: "BAD_OPTION", where: "mean" });
  assert.deepEqual(normalizationOf({ mean: [1] }, 1).mean, [1]);
  assert.throws(() => normalizationOf({ std: [0] }, 3), { code: "BAD_OPTION", where: "std" });
});
