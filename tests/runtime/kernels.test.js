// kernels.test.js: the two halves of the kernels: what each has, and which models need the second.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bytesOfText } from "../../dist/base/index.js";
import { lower } from "../../dist/graph/index.js";
import { runReference } from "../../dist/model/index.js";
import { STEP_NAMES } from "../../dist/ops/index.js";
import { Model } from "../../dist/runtime/index.js";
import { compileKernels, compileSteps, instantiate, needsSteps, planModel } from "../../dist/runtime/inside.js";
import * as codes from "../../dist/runtime/step-codes.js";
import { ODDS, OWN, SHARED, SHIFT } from "../../dist/runtime/wasm.generated.js";
import { randomNetwork } from "../graph/random_networks.js";
import { FLOAT32, modelOf } from "../models/layers.js";
import { shifts } from "./forms.js";

const whole = new WebAssembly.Module(readFileSync(new URL("../../build/runtime.wasm", import.meta.url)));
const kernelsOf = (module) =>
  WebAssembly.Module.exports(module)
    .map(({ name }) => name)
    .sort();

test("every kernel of runtime.wasm is in one of the halves", async () => {
  const [sums, steps] = [kernelsOf(await compileKernels(false)), kernelsOf(await compileSteps(false))];
  assert.ok(sums.includes("conv_codes") && steps.includes("apply_steps"));
  assert.deepEqual([...sums, ...steps].sort(), kernelsOf(whole));
});

test("where errors have a line the kernels look odd pixels up, elsewhere they shift, and one memory is imported", async () => {
  const [look, shift, own, common] = [ODDS, SHIFT, OWN, SHARED].map((text) => Buffer.from(bytesOfText(text)));
  const count = (bytes, piece) => bytes.toString("latin1").split(piece.toString("latin1")).length - 1;
  const bytes = ["sums", "steps"].map((half) =>
    readFileSync(new URL(`../../build/halves/${half}.wasm`, import.meta.url)),
  );
  assert.equal(look.length, shift.length);
  assert.equal(shifts, count(bytes[0], look) + count(bytes[1], look));
  assert.ok(count(bytes[0], look) >= 20 && count(bytes[1], look) >= 8);
  for (const half of bytes) assert.deepEqual([count(half, own), count(half, common)], [1, 0]);
  assert.equal("line" in Error(), false, "this engine is not JavaScriptCore");
});

test("a model that does not need the second half calls nothing of it", async () => {
  const sums = await compileKernels(false);
  let without = 0;
  for (let seed = 0; seed < 12000 && without < 20; seed++) {
    const { network, grids } = randomNetwork(seed, true);
    const def = lower(network, { grids });
    if (needsSteps(def)) continue;
    without++;
    const plan = planModel(def);
    const pages = plan.use.total / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    plan.memory.write(memory.buffer);
    const kernels = instantiate([sums], memory);
    for (const { run, units } of plan.steps) run(kernels, 0, units, plan.scratch);
  }
  assert.ok(without >= 20, `${without} models`);
});

test("a module of the whole runtime runs what the halves run", async () => {
  const tensor = { shape: [2, 3, 5], encoding: FLOAT32 };
  const layer = { op: "activation", name: "a", input: "x", output: "y", fn: "sigmoid", parameters: [] };
  const def = modelOf({ x: tensor, y: tensor }, [layer], ["x"]);
  assert.ok(needsSteps(def));
  const x = Float32Array.from({ length: 30 }, (_, i) => i - 15);
  const model = await Model.from(def, { module: whole });
  assert.deepEqual(model.runSync({ x }).y, runReference(def, { x }).outputs.y);
  model.dispose();
});

test("the codes of steps are the places of their names", () => {
  const names = Object.entries(codes).map(([name, code]) => [code, name.replaceAll("_", "").toLowerCase()]);
  assert.deepEqual(
    names.sort(([a], [b]) => a - b).map(([, name]) => name),
    STEP_NAMES.map((name) => name.toLowerCase()),
  );
});
