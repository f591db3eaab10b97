// campaign.test.js: a fixed part of the fuzz campaign, the same cases every time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TARGETS } from "./targets.js";
import { runCases } from "./watch.js";

const SEED = 1;
/** About a minute and a half in all. */
const CASES = { models: 1500, files: 1500, onnx: 1500, "onnx-files": 1000, data: 800, calls: 800 };

for (const target of TARGETS.filter(({ name }) => name in CASES)) {
  test(`${target.name}: ${CASES[target.name]} cases`, { skip: target.missing?.() ?? false }, async () => {
    const findings = [];
    const find = (finding) => findings.push(`case ${finding.number}: ${finding.text}\n${finding.shown ?? ""}`);
    const { done } = await runCases(target, { seed: SEED, count: CASES[target.name] }, find);
    assert.deepEqual(findings, []);
    assert.equal(done, CASES[target.name]);
  });
}
