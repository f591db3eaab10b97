// inputs.test.js: what a run takes and what it refuses, alike in every model: here, in a Worker, and without WebAssembly.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { runInNewContext } from "node:vm";
import { ShiftwiseError } from "../../dist/base/index.js";
import { encodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { WorkerModel } from "../../dist/runtime/worker-model/remote.js";
import { linear } from "../models/layers.js";
import { convModel, inputsFor } from "../models/random.js";

const SHAPE = [3, 5, 7];
const COUNT = 105;
const normalization = { mean: [0.5, 0.25, 0.1], std: [0.25, 0.5, 0.2] };
const bare = convModel({ shape: SHAPE });
const def = { ...bare, inputs: [{ ...bare.inputs[0], normalization }] };
const twoInputs = convModel({ shape: SHAPE, channels: 3, residual: linear() });
const { x } = inputsFor(def);

const pixels = Uint8Array.from({ length: COUNT }, (_, i) => (i * 37) % 256);
const foreign = (kind, values) => runInNewContext(`${kind}.from(values)`, { values: [...values] });

function detached() {
  const values = x.slice();
  structuredClone(values.buffer, { transfer: [values.buffer] });
  return values;
}

/** The three kinds of model: a loader of each. */
const DOORS = {
  kernels: (model) => Model.from(model),
  "plain TypeScript": (model) => Model.from(model, { executor: "plain" }),
  "a Worker": (model) => WorkerModel.load(encodeModel(model)),
};
const models = {};

before(async () => {
  for (const [name, open] of Object.entries(DOORS)) {
    models[name] = { pixels: await open(def), bare: await open(bare), two: await open(twoInputs) };
  }
});
after(() => {
  for (const group of Object.values(models)) for (const model of Object.values(group)) model.dispose();
});

/** The error of a run that has to fail, the same in every model. */
async function refused(model, make, name) {
  const errors = [];
  for (const group of Object.values(models)) {
    const error = await group[model].run(make()).then(
      () => assert.fail(`${name}: it ran`),
      (reason) => reason,
    );
    assert.ok(error instanceof ShiftwiseError, `${name}: ${error.stack}`);
    assert.ok(error.message.length < 300, `${name}: ${error.message.length} characters`);
    errors.push(`${error.code} ${error.message}`);
  }
  assert.deepEqual(new Set(errors).size, 1, `${name}: ${errors.join("\n")}`);
  return errors[0];
}

const cycle = {};
cycle.x = cycle;
const WRONG = {
  undefined: () => undefined,
  null: () => null,
  "a number": () => 3,
  "a bigint": () => 3n,
  "a symbol": () => Symbol("x"),
  "a function": () => () => x,
  "a promise": () => Promise.resolve(x),
  "a Map": () => new Map([["x", x]]),
  "a list": () => [...x],
  "a list by name": () => ({ x: [...x] }),
  "null by name": () => ({ x: null }),
  "an object by name": () => ({ x: {} }),
  "a cycle": () => cycle,
  "nothing by name": () => ({}),
  "another name": () => ({ y: x.slice() }),
  "one name more": () => ({ x: x.slice(), y: x.slice() }),
  "an inherited name": () => Object.create({ x: x.slice() }),
  "too few values": () => x.slice(1),
  "too many values": () => new Float32Array(COUNT + 1),
  "no values": () => new Float32Array(0),
  "handed over": detached,
  "handed over, by name": () => ({ x: detached() }),
  "not a number": () => x.slice().fill(Number.NaN, 3, 4),
  "a DataView": () => new DataView(new ArrayBuffer(COUNT)),
  "an ArrayBuffer": () => x.slice().buffer,
  "a shared buffer": () => new SharedArrayBuffer(COUNT * 4),
  "a proxy": () => new Proxy(x, {}),
  "a picture without height": () => ({ width: 7, data: new Uint8ClampedArray(COUNT * 4) }),
  "a picture without data": () => ({ width: 7, height: 5, data: null }),
  "a picture of too few bytes": () => ({ width: 7, height: 5, data: new Uint8ClampedArray(139) }),
  "a picture of too many bytes": () => ({ width: 7, height: 5, data: new Uint8ClampedArray(141) }),
  "a picture of a list": () => ({ width: 7, height: 5, data: Array(140).fill(0) }),
  "a picture of floats": () => ({ width: 7, height: 5, data: new Float32Array(140) }),
  "an endless picture": () => ({ width: Infinity, height: Infinity, data: new Uint8ClampedArray(140) }),
};
for (const kind of ["Float64", "Int8", "Int16", "Uint16", "Int32", "Uint32", "BigInt64", "BigUint64"]) {
  WRONG[kind] = () => new globalThis[`${kind}Array`](COUNT);
  WRONG[`${kind} of another realm`] = () => runInNewContext(`new ${kind}Array(${COUNT})`);
}

test("whatever is no input is BAD_DATA that says what was found", async () => {
  for (const [name, make] of Object.entries(WRONG)) assert.match(await refused("pixels", make, name), /^BAD_DATA /);
  assert.match(
    await refused("pixels", WRONG.Float64, "Float64"),
    /expected a Float32Array.*Uint8Array.*picture; found Float64Array of 105/,
  );
  assert.match(await refused("pixels", WRONG["handed over"], "handed over"), /105 values.*handed over/);
  assert.match(await refused("pixels", WRONG["a list"], "a list"), /found \[0\.5[-\d.,e]*\.\.\.$/);
});

test("a picture's file or address is refused where nothing decodes it, and where no picture is taken", async () => {
  for (const file of ["cat.jpg", new URL("file:///cat.jpg"), new Blob([new Uint8Array(9)])]) {
    assert.match(await refused("pixels", () => file, "a file"), /^UNSUPPORTED .*readPicture/);
    assert.match(await refused("bare", () => file, "a file"), /^BAD_DATA .*says nothing about pixels/);
  }
});

test("pixels and pictures are refused where the model says nothing about them, in either kind of array", async () => {
  const wrong = [pixels, new Uint8ClampedArray(COUNT), foreign("Uint8Array", pixels), Buffer.alloc(COUNT)];
  for (const values of wrong)
    assert.match(await refused("bare", () => values, "pixels"), /found Uint8(Clamped)?Array$/);
  const picture = { data: new Uint8ClampedArray(140), width: 7, height: 5 };
  assert.match(await refused("bare", () => picture, "a picture"), /says nothing about pixels/);
});

test("several inputs are not served by one array", async () => {
  assert.match(await refused("two", () => x.slice(), "one array"), /an object of x, r/);
  assert.match(await refused("two", () => undefined, "nothing"), /an object of x, r/);
  assert.match(await refused("two", () => ({ x: x.slice() }), "one of two"), /input r/);
});

test("arrays of other realms, of subclasses, of shared memory and parts of larger ones are what they hold", async () => {
  class Sub extends Float32Array {
    get length() {
      return 3;
    }
    subarray() {
      return null;
    }
  }
  const filled = (array) => {
    array.set(x);
    return array;
  };
  const KINDS = {
    real: [
      () => x.slice(),
      () => new Sub(x),
      () => foreign("Float32Array", x),
      () => filled(new Float32Array(new SharedArrayBuffer(COUNT * 4))),
      () => filled(new Float32Array(COUNT + 9).subarray(5, 5 + COUNT)),
      () => filled(new Float32Array(new ArrayBuffer(COUNT * 4, { maxByteLength: COUNT * 8 }))),
    ],
    pixels: [
      () => pixels.slice(),
      () => Uint8ClampedArray.from(pixels),
      () => foreign("Uint8Array", pixels),
      () => Buffer.from(pixels),
    ],
  };
  for (const [kind, makers] of Object.entries(KINDS)) {
    const expected = await models.kernels.pixels.run(makers[0]());
    for (const [i, make] of makers.entries()) {
      for (const [name, { pixels: model }] of Object.entries(models)) {
        assert.deepEqual(await model.run(make()), expected, `${kind} ${i}, ${name}`);
        assert.deepEqual(await model.run({ x: make() }), expected, `${kind} ${i}, ${name}`);
      }
    }
  }
});

test("pictures of other realms are what they hold", async () => {
  const rgba = Uint8ClampedArray.from({ length: 140 }, (_, i) => (i % 4 === 3 ? 255 : (i * 53) % 256));
  const expected = await models.kernels.pixels.run({ data: rgba, width: 7, height: 5 });
  for (const { pixels: model } of Object.values(models)) {
    const picture = { data: foreign("Uint8ClampedArray", rgba), width: 7, height: 5 };
    assert.deepEqual(await model.run({ x: picture }), expected);
  }
});

test("inputs may have the names of a picture's fields", async () => {
  const named = (name) => ({ ...def, inputs: [{ ...def.inputs[0], name }] });
  const expected = await models.kernels.pixels.run(x.slice());
  for (const name of ["width", "displayWidth", "data", "toString", "length"]) {
    const model = await Model.from(named(name));
    assert.deepEqual(model.runSync({ [name]: x }), expected, name);
    assert.throws(() => model.runSync({}), { code: "BAD_DATA", found: "none" }, name);
    model.dispose();
  }
});

test("planes smaller than a table of pixels are normalized alike", async () => {
  for (const shape of [
    [3, 5, 7],
    [3, 15, 17],
    [3, 16, 16],
    [3, 20, 20],
  ]) {
    const small = convModel({ shape });
    const [wasm, plain] = await Promise.all(
      ["wasm", "plain"].map((executor) =>
        Model.from({ ...small, inputs: [{ ...small.inputs[0], normalization }] }, { executor }),
      ),
    );
    const image = Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => (i * 91) % 256);
    assert.deepEqual(wasm.runSync(image), plain.runSync(image));
    wasm.dispose();
    plain.dispose();
  }
});
