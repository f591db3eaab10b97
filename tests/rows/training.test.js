// training.test.js: the rows of the results tables are what their names say, and their command answers for itself.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { trainingRows, vggRows } from "../../bench/rows/training.js";
import { checkPortions } from "../../dist/quantize/index.js";

/** Most epochs of retraining, pruning included, that the project allows itself. */
const LIMITS = { w5a8: 8, w4a8: 12, w3a8: 16, w2a8: 24, w5a4: 12 };
const PRUNED_LIMITS = { w5a8: 16, w4a8: 16, w3a8: 20 };
const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);

test("every row has the bits of its name, portions that rise to 1 and epochs within its limit", () => {
  for (const [name, { settings, about }] of Object.entries(trainingRows)) {
    const [, kind, weights, activations, own, pruned] = /-(w([2-5])a(\d))(-random|-powers)?(?:-pruned(\d+))?$/.exec(
      name,
    );
    assert.deepEqual([settings.bits, settings.activations.bits], [Number(weights), Number(activations)], name);
    checkPortions(settings.portions);
    assert.equal(settings.epochs.length, settings.portions.length, name);
    const pruning = settings.sparsity > 0 ? settings.pruneEpochs : 0;
    assert.ok(sum(settings.epochs) + pruning <= (pruned ? PRUNED_LIMITS : LIMITS)[kind], name);
    assert.equal(settings.partition === "random", own === "-random", name);
    if (own === "-powers") assert.equal(settings.quantizer.name, "powers-paper", name);
    assert.equal(settings.sparsity, Number(pruned ?? 0) / 100, name);
    assert.ok(about.length > 0);
  }
});

test("every row of the VGG has the bits and activations of its name, and prunes at least 90 % if it says so", () => {
  for (const [name, { settings, about }] of Object.entries(vggRows)) {
    const [, weights, kind, activations, pruned] = /^vgg-w([2-5])(a|log)(\d)(-pruned)?$/.exec(name);
    const scheme = { kind: kind === "log" ? "log" : "linear", bits: Number(activations) };
    const { bits, activations: found, portions, epochs, sparsity } = settings;
    assert.deepEqual([bits, found.kind, found.bits], [Number(weights), scheme.kind, scheme.bits], name);
    checkPortions(portions);
    assert.equal(epochs.length, portions.length, name);
    if (pruned) assert.ok(sparsity >= 0.9, name);
    else assert.equal(sparsity, 0, name);
    assert.ok(about.length > 0);
  }
});

test("the command lists its rows, refuses others, and says what data is missing", () => {
  const program = fileURLToPath(new URL("../../bench/rows/index.js", import.meta.url));
  const run = (...args) => spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
  const help = run("--help");
  assert.equal(help.status, 0);
  for (const name of Object.keys({ ...trainingRows, ...vggRows })) assert.ok(help.stdout.includes(`  ${name} `), name);
  const unknown = run("resnet20-w9a8");
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /^error BAD_OPTION: .*resnet20-w9a8/);
  const seen = run("resnet20-w5a8", "--try", "{}");
  assert.equal(seen.status, 1);
  assert.match(seen.stderr, /^error BAD_OPTION: --try: the row holds no images out; .*vgg-w4a4.*found resnet20-w5a8/s);
  assert.match(run("vgg-w4a4", "--try", "{").stderr, /^error BAD_OPTION: .*--try.*JSON/);
  const missing = run("resnet20-w5a8", "--json", "--shared", "nowhere");
  assert.deepEqual([missing.status, missing.stdout], [1, ""]);
  assert.match(missing.stderr, /^error BAD_DATA: nowhere/);
});
