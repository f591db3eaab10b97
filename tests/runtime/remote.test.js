// remote.test.js: a model in a Worker of Node; that of a browser is in tests/browser.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { ShiftwiseError } from "../../dist/base/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { WorkerModel } from "../../dist/runtime/remote.js";
import { convModel, inputsFor } from "./models.js";

const def = convModel({ shape: [8, 20, 20], channels: 16 });
const file = encodeModel(def);
const { x } = inputsFor(def);

test("it says and computes what a model here does", async () => {
  const here = await Model.load(file);
  const expected = here.runSync(x);
  for (const source of [file.slice(), file.slice().buffer, new Blob([file]), new Response(file)]) {
    const there = await WorkerModel.load(source, { threads: 2 });
    for (const field of ["name", "inputs", "outputs", "labels", "executor"]) {
      assert.deepEqual(there[field], here[field]);
    }
    assert.equal(there.threads, 2);
    const results = await Promise.all([there.run(x.slice()), there.run({ x: x.slice() })]);
    assert.deepEqual(results, [expected, expected]);
    assert.equal((await there.profile(x.slice())).length, here.profile(x).length);
    const shares = [];
    await there.warmUp((share) => shares.push(share));
    assert.equal(shares.at(-1), 1);
    there.dispose();
  }
  here.dispose();
});

test("arrays that fill their buffer are handed over, parts of one are copied", async () => {
  const bytes = file.slice();
  const model = await WorkerModel.load(bytes);
  assert.equal(bytes.length, 0);
  const whole = x.slice();
  const part = new Float32Array(x.length + 1).subarray(1);
  part.set(x);
  assert.deepEqual(await model.run(whole), await model.run(part));
  assert.deepEqual([whole.length, part.length], [0, x.length]);
  model.dispose();
});

test("errors arrive as they were thrown, and the model stays usable", async () => {
  const model = await WorkerModel.load(new Blob([file]));
  const here = await Model.load(file);
  const found = await model.run(new Float32Array(3)).catch((error) => error);
  assert.ok(found instanceof ShiftwiseError);
  assert.throws(() => here.runSync(new Float32Array(3)), {
    message: found.message,
    code: found.code,
    where: found.where,
    found: found.found,
  });
  assert.deepEqual(await model.run(x.slice()), here.runSync(x));
  model.dispose();
  here.dispose();
});

test("what is under way at the end is rejected, and so is what comes later", async () => {
  const model = await WorkerModel.load(file.slice());
  const running = model.run(x.slice());
  model.dispose();
  await assert.rejects(running, { code: "DISPOSED" });
  await assert.rejects(model.run(x.slice()), { code: "DISPOSED" });
});

test("a load that fails or is stopped leaves no Worker behind", async () => {
  await assert.rejects(WorkerModel.load(new Blob([new Uint8Array(100)])), { code: "BAD_FILE" });
  await assert.rejects(WorkerModel.load(new Response("", { status: 404 })), { code: "NETWORK", found: "status 404" });
  await assert.rejects(WorkerModel.load(file.slice(), { signal: AbortSignal.abort() }), { code: "ABORTED" });
  await assert.rejects(WorkerModel.load("no address"), { code: "NETWORK", where: "no address" });
  const used = new Response(file);
  await used.arrayBuffer();
  await assert.rejects(WorkerModel.load(used), { code: "NETWORK" });
  const server = createServer((_, response) => response.writeHead(200).write(file.subarray(0, 100)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = new AbortController();
  const onProgress = () => stop.abort();
  const url = `http://127.0.0.1:${server.address().port}/`;
  await assert.rejects(WorkerModel.load(url, { signal: stop.signal, onProgress }), { code: "ABORTED" });
  server.closeAllConnections();
  server.close();
});
