// listener.test.js: one rule for what callers hand in to listen: what it throws or rejects with ends the call, and nothing is left.
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { samplesOf } from "../../dist/data/index.js";
import { lower } from "../../dist/graph/index.js";
import { encodeModel, runReference } from "../../dist/model/index.js";
import { importOnnx } from "../../dist/onnx/index.js";
import {
  measure,
  measureOutputs,
  quantizeByRetraining,
  quantizeFromImages,
  recipeFor,
} from "../../dist/pipeline/index.js";
import { QUANTIZERS } from "../../dist/quantize/index.js";
import { compensate } from "../../dist/rounding/index.js";
import { Model } from "../../dist/runtime/index.js";
import { WorkerModel } from "../../dist/runtime/worker-model/remote.js";
import { distill, layerSensitivity, train } from "../../dist/training/index.js";
import { convModel, inputsFor } from "../models/random.js";
import { build } from "../onnx/build.js";
import { ENDINGS, pictures } from "../pipeline/endings.js";
import { squares, tinyNetwork } from "../training/helpers.js";

const def = convModel({ shape: [3, 8, 8], channels: 8 });
const file = encodeModel(def);
const data = squares(64);
const float = ENDINGS.softmax;
const images = pictures(8);
const levels = () => ({ kind: "powers", bits: 4, scale: "channel" });
const tiny = { ...float, nodes: float.nodes.map((node) => small(node)) };

/** With weights that no encoding has. */
function small(node) {
  if (node.op !== "dense") return node;
  return { ...node, weight: { ...node.weight, data: node.weight.data.map(() => 1e-37) } };
}

const warmed = async (door, listener) => {
  const model = await door.load(file.slice());
  await model.warmUp(listener).finally(() => model.dispose());
};

/** Calls that wait for their listener. */
const WAITING = {
  "Model.load of bytes": (onProgress) => Model.load(file.slice(), { onProgress }),
  "Model.load of gzip": (onProgress) => Model.load(new Uint8Array(gzipSync(file)), { onProgress }),
  "Model.load of a Response": (onProgress) => Model.load(new Response(file), { onProgress }),
  "WorkerModel.load": (onProgress) => WorkerModel.load(file.slice(), { onProgress }),
  "Model.warmUp": (onProgress) => warmed(Model, onProgress),
  "WorkerModel.warmUp": (onProgress) => warmed(WorkerModel, onProgress),
  compensate: (onProgress) => compensate(float, samplesOf(images), { levels }, { onProgress }),
  "quantizeFromImages, onProgress": (onProgress) => quantizeFromImages(float, images, {}, { onProgress }),
  "quantizeFromImages, onStep": (onStep) => quantizeFromImages(float, images, {}, { onStep }),
  "quantizeFromImages, onWarning": (onWarning) => quantizeFromImages(tiny, images, {}, { onWarning }),
  "quantizeFromImages, budget": (onProgress) => quantizeFromImages(float, images, { budget: 4 }, { onProgress }),
  measure: (onProgress) => measure({ run: () => new Float32Array(3) }, data, { onProgress }),
  measureOutputs: (onProgress) =>
    measureOutputs(lower(float, { grids: null }), float, samplesOf(images), "wasm", { onProgress }),
  train: (onProgress) => train(tinyNetwork(), data, { epochs: 1, batchSize: 32, learningRate: 0.1 }, { onProgress }),
  "quantizeByRetraining, onStep": (onStep) => quantizeByRetraining(tinyNetwork(), data, recipeFor(4), { onStep }),
  layerSensitivity: (onProgress) =>
    layerSensitivity(
      tinyNetwork(),
      data,
      QUANTIZERS.find(({ name }) => name === "powers"),
      [4],
      { onProgress },
    ),
  ...Object.fromEntries(
    ["onRounding", "onTraining"].map((name) => [
      `distill, ${name}`,
      (listener) =>
        distill(
          tinyNetwork(),
          data,
          { levels, minutes: 0.01, portions: [1], learningRate: 0.01, batchSize: 32 },
          { [name]: listener },
        ),
    ]),
  ),
};

/** Calls that cannot wait. */
const AT_ONCE = {
  runReference: (visit) => runReference(def, inputsFor(def), visit),
  "trace of wasm": (visit) => traced("wasm", visit),
  "trace of plain TypeScript": (visit) => traced("plain", visit),
  "importOnnx, onRemark": (onRemark) =>
    importOnnx(build({ nodes: [["Relu", "x", "y"]], inputs: [["unread", [1], 1]] }), { onRemark }),
};

async function traced(executor, visit) {
  const model = await Model.from(def, { executor });
  try {
    model.trace(inputsFor(def), visit);
  } finally {
    model.dispose();
  }
}

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));
process.on("uncaughtException", (reason) => unhandled.push(reason));

afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(unhandled, []);
});

const outcome = async (call) => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return "no error";
};

describe("a listener", () => {
  const mine = new TypeError("mine");
  const thrower = () => {
    throw mine;
  };
  const rejecter = () => new Promise((_, reject) => setImmediate(() => reject(mine)));

  for (const [name, call] of Object.entries(WAITING)) {
    test(`${name}: what it throws or rejects with ends the call`, async () => {
      assert.equal(await outcome(() => call(thrower)), mine);
      assert.equal(await outcome(() => call(rejecter)), mine);
    });
  }

  for (const [name, call] of Object.entries(AT_ONCE)) {
    test(`${name}: what it throws ends the call, and a promise is refused`, async () => {
      assert.equal(await outcome(() => call(thrower)), mine);
      const error = await outcome(() => call(rejecter));
      assert.equal(error.code, "BAD_OPTION");
      assert.match(error.message, /promise/);
    });
  }
});

describe("a signal that throws", () => {
  const mine = new RangeError("mine");
  const thrower = () => {
    throw mine;
  };
  const changed = (name, field) => Object.defineProperty(new AbortController().signal, name, field);
  const signals = {
    aborted: () => changed("aborted", { get: thrower }),
    addEventListener: () => changed("addEventListener", { value: thrower }),
    removeEventListener: () => changed("removeEventListener", { value: thrower }),
  };

  for (const [name, make] of Object.entries(signals)) {
    for (const door of [Model, WorkerModel]) {
      for (const [kind, source] of [
        ["bytes", () => file.slice()],
        ["a Response", () => new Response(file)],
      ]) {
        test(`${name}: ${door.name}.load of ${kind}`, async () => {
          assert.equal(await outcome(() => door.load(source(), { signal: make() })), mine);
        });
      }
    }
  }

  test("reason: the load ends with ABORTED", async () => {
    const controller = new AbortController();
    Object.defineProperty(controller.signal, "reason", { get: thrower });
    const never = new Response(new ReadableStream({}));
    setTimeout(() => controller.abort(), 10);
    const error = await outcome(() => Model.load(never, { signal: controller.signal }));
    assert.equal(error.code, "ABORTED");
    assert.equal(error.cause, mine);
  });

  test("aborted: conversions", async () => {
    const calls = [
      (signal) => quantizeFromImages(float, images, {}, { signal }),
      (signal) => compensate(float, samplesOf(images), { levels }, { signal }),
      (signal) => measure({ run: () => new Float32Array(3) }, data, { signal }),
      (signal) => train(tinyNetwork(), data, { epochs: 1, batchSize: 32, learningRate: 0.1 }, { signal }),
    ];
    for (const call of calls) assert.equal(await outcome(() => call(signals.aborted())), mine);
  });
});
