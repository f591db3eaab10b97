// options.test.js: options are checked before anything is loaded or started, alike in Model and WorkerModel.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { ShiftwiseError } from "../../dist/base/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { WorkerModel } from "../../dist/runtime/worker-model/remote.js";
import { convModel, inputsFor } from "../models/random.js";

const def = convModel({ shape: [4, 9, 9], channels: 6 });
const file = encodeModel(def);
const { x } = inputsFor(def);
const built = (name) => readFileSync(new URL(`../../build/${name}.wasm`, import.meta.url));
const module = new WebAssembly.Module(built("runtime"));

const DOORS = {
  load: (options) => Model.load(file, options),
  from: (options) => Model.from(def, options),
  worker: (options) => WorkerModel.load(file.slice(), options),
};

async function refused(options, where) {
  for (const [door, open] of Object.entries(DOORS)) {
    const error = await open(options).then(
      (model) => {
        model.dispose();
        assert.fail(`${door} took it`);
      },
      (reason) => reason,
    );
    assert.ok(error instanceof ShiftwiseError, `${door}: ${error.stack}`);
    assert.deepEqual([error.code, error.where], ["BAD_OPTION", where], `${door}: ${error.message}`);
    assert.ok(error.found !== undefined && error.expected !== undefined, error.message);
  }
}

const ANY = ["", "2", 2n, Symbol("s"), {}, [], [1], () => 1, true, null];
const WRONG = {
  memoryLimit: [...ANY, Number.NaN, 0, -1, -Infinity, new Date(1e12)],
  threads: [...ANY, Number.NaN, 0, 17, 1.5, Infinity],
  executor: [...ANY, "gpu", "WASM", 1, new String("wasm")],
  module: [...ANY, 1, "wasm", built("runtime"), WebAssembly, new WebAssembly.Memory({ initial: 1 })],
  signal: [...ANY, 1, { aborted: true }, new EventTarget(), { aborted: false, addEventListener() {} }],
  onProgress: ["", "2", 2n, Symbol("s"), {}, [], true, null, 1],
};

for (const [name, values] of Object.entries(WRONG)) {
  test(`${name}: whatever it cannot be is BAD_OPTION`, async () => {
    for (const value of values) await refused({ [name]: value }, name);
  });
}

test("options that are none are BAD_OPTION", async () => {
  for (const options of [null, 1, "threads", Symbol("s"), () => {}, []]) await refused(options, "options");
});

test("an option that is misspelt is refused with the names there are", async () => {
  await refused({ thread: 2 }, "thread");
  await refused({ memorylimit: 5 }, "memorylimit");
  await assert.rejects(Model.load(file, { Threads: 2 }), /memoryLimit, threads, executor, module, signal, onProgress/);
});

test("a model that is made with new is refused with what makes one", () => {
  for (const make of [() => new Model(), () => new Model(file), () => new Model(def, {})]) {
    assert.throws(make, { code: "BAD_OPTION", message: /await Model\.load/ });
  }
  assert.throws(() => new WorkerModel(file), { code: "BAD_OPTION", message: /await WorkerModel\.load/ });
});

test("options of any realm, and those that are not there, are taken", async () => {
  const stop = runInNewContext("({ aborted: false, addEventListener() {}, removeEventListener() {} })");
  const given = [
    undefined,
    {},
    Object.create(null),
    { threads: undefined, memoryLimit: undefined, executor: undefined, module: undefined, signal: undefined },
    { memoryLimit: Infinity },
    { memoryLimit: 1e7 / 3, executor: "wasm", threads: 2 },
    { signal: stop, onProgress: runInNewContext("() => {}") },
  ];
  for (const options of given) for (const open of Object.values(DOORS)) (await open(options)).dispose();
});

test("a module that was compiled elsewhere runs with the same outputs, without any other being compiled", async () => {
  const model = await Model.from(def);
  const expected = model.runSync(x);
  model.dispose();
  const { compile } = WebAssembly;
  WebAssembly.compile = () => assert.fail("it compiles");
  try {
    for (const open of [DOORS.load, DOORS.from, DOORS.worker]) {
      const given = await open({ module });
      assert.equal(given.executor, "wasm");
      assert.deepEqual(await given.run(x.slice()), expected);
      given.dispose();
    }
  } finally {
    WebAssembly.compile = compile;
  }
});

test("another module is refused with both marks, and so is one for several threads", async () => {
  const other = Uint8Array.from(built("runtime"));
  other.set([0x30, 0x30], other.length - 2);
  const bare = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  for (const wrong of [new WebAssembly.Module(built("training")), new WebAssembly.Module(other), bare]) {
    await refused({ module: wrong }, "module");
  }
  await assert.rejects(Model.from(def, { module: bare }), /expected mark [\d,]+; found mark $/);
  await refused({ module, threads: 2 }, "threads");
});

test("the listener of a warm-up, and what visits a trace, are functions", async () => {
  for (const open of Object.values(DOORS)) {
    const model = await open();
    for (const wrong of [null, 1, "", {}, 2n]) {
      await assert.rejects(model.warmUp(wrong), { code: "BAD_OPTION", where: "onProgress" });
      if (model instanceof Model) {
        assert.throws(() => model.trace(x, wrong), { code: "BAD_OPTION", where: "visit" });
        assert.throws(() => model.trace(x), { code: "BAD_OPTION", found: "nothing" });
      }
    }
    const mine = new Error("mine");
    await assert.rejects(
      model.warmUp(() => {
        throw mine;
      }),
      (error) => error === mine,
    );
    model.dispose();
  }
});

test("Model.from takes models only", async () => {
  for (const wrong of [undefined, null, 3, "model", Symbol("m"), [], {}, new Map(), file, Promise.resolve(def)]) {
    await assert.rejects(Model.from(wrong), ({ code }) => ["BAD_GRAPH", "BAD_FILE"].includes(code));
  }
});

test("a model that changes while it is made is one that was checked, or refused", async () => {
  const changed = structuredClone(def);
  const made = Model.from(changed);
  changed.layers.length = 0;
  await assert.rejects(made, { code: "BAD_GRAPH" });
});
