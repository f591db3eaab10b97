// cycles.test.js: a model that was disposed leaves nothing behind; tests/browser asks Chromium the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import v8 from "node:v8";
import vm from "node:vm";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { convModel, inputsFor } from "../models/random.js";

v8.setFlagsFromString("--expose-gc");
const collect = vm.runInNewContext("gc");
const def = convModel({ shape: [16, 32, 32], channels: 16 });
const file = encodeModel(def);
const inputs = inputsFor(def);
const MIB = 2 ** 20;

async function cycles(count, options) {
  for (let i = 0; i < count; i++) {
    const model = await Model.load(file, options);
    model.runSync(inputs);
    model.dispose();
  }
}

/** Bytes in use once the collector has been through and finished its work in the background. */
async function inUse() {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, heapTotal, external, arrayBuffers, rss } = process.memoryUsage();
  // the engine keeps up to 32 MiB of room for objects that die young, empty by now
  return { heap: heapUsed + external + arrayBuffers, rss: rss - heapTotal };
}

test("1,000 cycles of load, run and dispose do not grow the process", async () => {
  // by then the engine's young generation has grown to what it stays at
  await cycles(1200, {});
  const before = await inUse();
  await cycles(1000, {});
  const after = await inUse();
  assert.ok(after.heap - before.heap < MIB, `${before.heap} to ${after.heap} bytes in the heap`);
  // the models together took eight times as much
  assert.ok(after.rss - before.rss < 16 * MIB, `${before.rss} to ${after.rss} bytes resident`);
});

test("helper threads end with their model", async () => {
  await cycles(5, { threads: 2 });
  const before = await inUse();
  await cycles(30, { threads: 2 });
  const after = await inUse();
  assert.ok(after.rss - before.rss < 32 * MIB, `${before.rss} to ${after.rss} bytes resident`);
});
