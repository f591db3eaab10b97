// prune.test.js: pruningMask against its rule, pruned networks, their retraining, and runs that were interrupted.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parameterLayout, readParameters } from "../../dist/engine/index.js";
import { evaluate, prune, retrain, train } from "../../dist/training/index.js";
import { createPruningMask } from "../../dist/training/pruning-mask.js";
import { bitsOf, squares, tinyNetwork } from "./helpers.js";

const folder = await mkdtemp(join(tmpdir(), "shiftwise-"));
after(() => rm(folder, { recursive: true }));

const data = squares(320);
const common = { batchSize: 32, learningRate: 0.05, weightDecay: 1e-3, schedule: { kind: "cosine" } };
const float = tinyNetwork();
await train(float, data, { ...common, learningRate: 0.1, epochs: 6 });
const copy = () => structuredClone(float);
const weightsOf = (network) =>
  network.nodes.filter((node) => "weight" in node).map((node) => [node.name, node.weight.data]);

test("pruningMask cuts below its threshold, splices above it, and leaves what is between alone", () => {
  const layout = parameterLayout(tinyNetwork());
  const parameters = new Float32Array(layout.length);
  readParameters(layout, parameters);
  const pruningMask = createPruningMask(layout, new Map([["conv1", 4]]));
  const w = parameters.subarray(0, 72).fill(10);
  w.set([1, -2, 3, -4, 4.1, 3.9, -4.3, 4.5]);
  pruningMask.update(parameters, 1);
  // the fourth smallest is 3.9: cut below 3.51, splice above 4.29
  assert.deepEqual([...pruningMask.kept.subarray(0, 8)], [0, 0, 0, 1, 1, 1, 1, 1]);
  w.set([4.2, -2, 4.3, -4, 0.1]);
  pruningMask.update(parameters, 1);
  // the fourth smallest is -4: 4.2 stays cut, 4.3 still too, 0.1 is cut
  assert.deepEqual([...pruningMask.kept.subarray(0, 8)], [0, 0, 0, 1, 0, 1, 1, 1]);
  w[2] = -4.6;
  pruningMask.update(parameters, 1);
  assert.equal(pruningMask.kept[2], 1);
  pruningMask.finish(parameters);
  assert.equal(pruningMask.kept.filter((flag) => flag === 0).length, 4);
  pruningMask.apply(parameters);
  assert.deepEqual([...w.subarray(0, 8)], [4.2, 0, -4.6, 0, 0, 0, -4.3, 4.5].map(Math.fround));
});

test("a pruned network has its zeros, works, and keeps them through INQ", async () => {
  const network = copy();
  const { pruned, history } = await prune(network, data, { ...common, sparsity: 0.7, epochs: 3, settle: 1 });
  assert.equal(history.length, 4);
  const weights = weightsOf(network);
  const [zeros, all] = weights.reduce(
    ([dead, total], [name, w]) => {
      const mask = pruned.get(name);
      assert.ok(w.every((value, i) => mask[i] === 0 || value === 0));
      return [dead + mask.reduce((sum, flag) => sum + flag, 0), total + w.length];
    },
    [0, 0],
  );
  assert.ok(Math.abs(zeros / all - 0.7) < 0.01, `${zeros} of ${all}`);
  assert.ok((await evaluate(network, squares(300, 9))).accuracy > 0.9);
  const portions = [0.5, 1];
  const { grids } = await retrain(network, data, { ...common, bits: 5, portions, epochs: 1, pruned });
  for (const [name, w] of weightsOf(network)) {
    assert.ok(grids.get(name).frozen.every((flag) => flag === 1));
    assert.ok(w.every((value, i) => pruned.get(name)[i] === 0 || value === 0));
  }
  assert.ok((await evaluate(network, squares(300, 9))).accuracy > 0.9);
});

test("options out of range are refused", async () => {
  const run = (more) => prune(copy(), data, { ...common, sparsity: 0.5, epochs: 1, ...more });
  await assert.rejects(run({ sparsity: 1 }), { code: "BAD_OPTION", where: "sparsity" });
  await assert.rejects(run({ epochs: 0 }), { code: "BAD_OPTION", where: "epochs" });
  await assert.rejects(run({ settle: -1 }), { code: "BAD_OPTION", where: "settle" });
});

test("pruning, averaging and compensated retraining killed with SIGKILL and resumed end in the same bits", async () => {
  const { jobs } = await import("./killed.js");
  const program = fileURLToPath(new URL("./killed.js", import.meta.url));
  // 10 steps an epoch, 160 reads a test: retraining is killed while the first portion is tested, then the second
  const moments = {
    prune: ["3 steps", "8 steps", "11 steps", "9 steps"],
    retrain: ["3 steps", "20 reads", "200 reads", "4 steps"],
  };
  for (const [job, stops] of Object.entries(moments)) {
    const whole = tinyNetwork();
    await jobs[job](whole, {});
    const path = join(folder, `${job}.safetensors`);
    for (const moment of stops) {
      const [stop, unit] = moment.split(" ");
      const child = spawn(process.execPath, [program, path, stop, job, unit], { stdio: "inherit" });
      assert.equal(await new Promise((resolve) => child.on("exit", (_code, name) => resolve(name))), "SIGKILL");
    }
    const network = tinyNetwork();
    const steps = [];
    await jobs[job](network, { path, resume: true }, { onProgress: (p) => steps.push(p) });
    assert.ok(steps.length > 0 && steps.length < 30, `${steps.length} steps were left`);
    assert.deepEqual(bitsOf(network), bitsOf(whole));
  }
});
