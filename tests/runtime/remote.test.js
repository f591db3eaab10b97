// remote.test.js: a model in a Worker of Node; that of a browser is in tests/browser.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import workerThreads from "node:worker_threads";
import { ShiftwiseError } from "../../dist/base/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { WorkerModel } from "../../dist/runtime/worker-model/remote.js";
import { convModel, inputsFor } from "../models/random.js";

const def = convModel({ shape: [8, 20, 20], channels: 16 });
const file = encodeModel(def);
const { x } = inputsFor(def);

/** A loaded model with the thread behind it. */
async function withThread() {
  const { Worker } = workerThreads;
  let thread;
  workerThreads.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      thread ??= this;
    }
  };
  const model = await WorkerModel.load(file.slice());
  workerThreads.Worker = Worker;
  return { model, thread };
}

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

test("what it says of the model cannot be changed", async () => {
  const model = await WorkerModel.load(file.slice());
  for (const value of [model.inputs, model.outputs, model.memory, model.inputs[0], model.inputs[0].shape]) {
    assert.ok(Object.isFrozen(value));
  }
  model.dispose();
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
  await assert.rejects(WorkerModel.load("no file"), { code: "IO", where: /no%20file$/ });
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

test("an array that was handed over is refused the next time, at once and whole", async () => {
  const model = await WorkerModel.load(file.slice());
  const expected = await model.run(x.slice());
  for (const again of [(px) => px, (px) => ({ x: px })]) {
    const px = x.slice();
    const first = model.run(px);
    assert.equal(px.length, 0, "it is gone before anyone can change it");
    await assert.rejects(model.run(again(px)), { code: "BAD_DATA", where: "input x" });
    await assert.rejects(model.profile(again(px)), { code: "BAD_DATA" });
    assert.deepEqual(await first, expected);
  }
  // part of a larger buffer, and memory that is shared, stay
  const part = new Float32Array(x.length + 1).subarray(1);
  const shared = new Float32Array(new SharedArrayBuffer(4 * x.length));
  for (const values of [part, shared]) {
    values.set(x);
    assert.deepEqual(await Promise.all([model.run(values), model.run(values)]), [expected, expected]);
    const running = model.run(values);
    values.fill(0);
    assert.deepEqual(await running, expected);
  }
  model.dispose();
});

test("an input that is refused is not taken", async () => {
  const model = await WorkerModel.load(file.slice());
  const px = x.slice();
  await assert.rejects(model.run({ x: px, y: px }), { code: "BAD_DATA" });
  assert.equal(px.length, x.length);
  model.dispose();
  await assert.rejects(model.run(px), { code: "DISPOSED" });
  await assert.rejects(model.profile(px), { code: "DISPOSED" });
  await assert.rejects(model.warmUp(), { code: "DISPOSED" });
  assert.equal(px.length, x.length);
  model.dispose();
});

const ENDS = {
  "it is ended": (thread) => thread.terminate(),
  "a message from it cannot be read": (thread) => thread.emit("messageerror", new Error("unreadable")),
  "it fails": (thread) => thread.emit("error", new Error("failed")),
  "a message to it cannot be read": (thread) => {
    const gone = x.slice();
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    try {
      thread.postMessage(gone);
    } catch {
      // an engine that refuses to send it
      thread.terminate();
    }
  },
};
for (const [name, end] of Object.entries(ENDS)) {
  test(`when the Worker dies, whatever waits is rejected, and whatever comes: ${name}`, async () => {
    const { model, thread } = await withThread();
    const waiting = [model.run(x.slice()), model.profile(x.slice()), model.warmUp()].map((call) =>
      call.then(
        () => "done",
        ({ code }) => code,
      ),
    );
    end(thread);
    // the first may have been answered before
    assert.deepEqual(new Set(await Promise.all(waiting)).has("UNSUPPORTED"), true);
    await assert.rejects(model.run(x.slice()), { code: "UNSUPPORTED" });
    model.dispose();
  });
}

test("what cannot be sent is rejected, and the model stays usable", async () => {
  const { model, thread } = await withThread();
  const expected = await model.run(x.slice());
  thread.postMessage = () => {
    throw new Error("not this");
  };
  await assert.rejects(model.run(x.slice()), { code: "BAD_DATA", found: "Error: not this" });
  delete thread.postMessage;
  assert.deepEqual(await model.run(x.slice()), expected);
  model.dispose();
});

test("a Response that never ends is given up", async () => {
  for (const start of [() => {}, (controller) => controller.enqueue(file.slice(0, 100))]) {
    let cancelled = 0;
    const cancel = () => cancelled++;
    const source = new Response(new ReadableStream({ start, cancel }));
    await assert.rejects(WorkerModel.load(source, { signal: AbortSignal.timeout(100) }), { code: "ABORTED" });
    assert.equal(cancelled, 1);
  }
});

test("a program ends by itself, whatever has become of its model", () => {
  const program = `
    import { readFileSync } from "node:fs";
    import { WorkerModel } from "shiftwise/worker";
    const file = new URL("../../examples/models/mnist-shift.safetensors", import.meta.url);
    const px = () => new Uint8Array(784);
    const quiet = (call) => call.then(() => {}, () => {});
    const cases = {
      loaded: (model) => model.run(px()),
      twice: async (model) => {
        const values = px();
        await Promise.all([model.run(values), quiet(model.run(values))]);
      },
      wrong: (model) => quiet(model.run(3)),
      disposed: (model) => model.dispose(),
      running: (model) => {
        quiet(model.run(px()));
        model.dispose();
      },
      missing: () => quiet(WorkerModel.load(new URL("./nothing", file))),
      broken: () => quiet(WorkerModel.load(new Uint8Array(100))),
      thrown: () => quiet(WorkerModel.load(readFileSync(file), { onProgress() { throw 1; } })),
      refused: () => quiet(WorkerModel.load(file, { threads: 99 })),
    };
    await cases[process.argv[1]](await WorkerModel.load(readFileSync(file)));
    console.log("done");
  `;
  for (const name of ["loaded", "twice", "wrong", "disposed", "running", "missing", "broken", "thrown", "refused"]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program, name], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      encoding: "utf8",
      timeout: 30_000,
    });
    assert.deepEqual([status, stdout], [0, "done\n"], `${name}: ${stderr}`);
  }
});
