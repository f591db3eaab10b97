// measure.js: one prepared network on shiftwise and on onnxruntime-web, round by round, in Node or in a page.
import { decodeModel } from "../../dist/model/index.js";
import { Model } from "../../dist/runtime/index.js";
import { checkCosine, checkEqual } from "../check.js";
import { measure } from "../runner.js";
import { repeatAsync, repeatSync } from "../timing.js";

/**
 * @param network what prepareField gives
 * @param ort the module of onnxruntime-web
 * @param more contestants beside these: of what the float network gives, a function that makes them
 * @returns results: samples in milliseconds by contestant; failures; others: the share of each model's time that goes into
 *   steps other than convolutions and dense layers
 */
export async function measureField(network, ort, settings, more = () => []) {
  const others = {};
  const plainly = {};
  const expected = await floatOutput(network, ort);
  const shift = network.models.map(({ id, bytes }) => ({
    id,
    title: id,
    prepare: async () => {
      const def = decodeModel(bytes);
      const [model, plain] = [await Model.from(def), await Model.from(def, { executor: "plain" })];
      const { input } = network;
      plainly[id] = firstOf(plain.runSync(input));
      plain.dispose();
      return {
        output: () => {
          const values = firstOf(model.runSync(input));
          others[id] = shareOfOthers(def, model.profile(input));
          return values;
        },
        check: (values) => checkEqual(values, plainly[id]),
        time: (count) => repeatSync(count, () => model.runSync(input)),
        dispose: () => model.dispose(),
      };
    },
  }));
  const peers = [
    { id: "float32", title: "onnxruntime-web float32", bytes: network.float, right: () => expected },
    ...network.models
      .filter(({ qdq }) => qdq)
      .map(({ id, qdq }) => ({
        id: `${id}_qdq`,
        title: `onnxruntime-web int8 of ${id}`,
        bytes: qdq,
        // the same model, so near its own outputs, however far from the float ones
        right: () => plainly[id],
      })),
  ].map(({ id, title, bytes, right }) => ({
    id,
    title,
    prepare: async () => {
      const { session, feeds } = await start(bytes, network.input, ort);
      return {
        output: async () => (await session.run(feeds))[session.outputNames[0]].data,
        check: (values) => checkCosine(Float32Array.from(values), right()),
        time: (count) => repeatAsync(count, () => session.run(feeds)),
        dispose: () => session.release(),
      };
    },
  }));
  const measured = await measure({ name: network.name }, [...shift, ...peers, ...more(expected)], settings);
  return { ...measured, others };
}

const firstOf = (outputs) => (ArrayBuffer.isView(outputs) ? outputs : Object.values(outputs)[0]);

async function floatOutput(network, ort) {
  const { session, feeds } = await start(network.float, network.input, ort);
  const { data } = (await session.run(feeds))[session.outputNames[0]];
  await session.release();
  return Float32Array.from(data);
}

/** A session and its inputs, by the model's own names and dimensions; what is open in them is 1. */
async function start(bytes, input, ort) {
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel: "all",
    executionMode: "sequential",
  });
  const values = Object.values(input);
  const feeds = Object.fromEntries(
    session.inputMetadata.map(({ name, shape }, i) => {
      const given = input[name] ?? values[i];
      const dims = shape.map((n) => (typeof n === "number" ? n : 1));
      return [name, new ort.Tensor("float32", Float32Array.from(given), dims)];
    }),
  );
  return { session, feeds };
}

function shareOfOthers(def, profile) {
  const heavy = new Set(def.layers.filter(({ op }) => op === "conv" || op === "dense").map(({ name }) => name));
  let [all, rest] = [0, 0];
  for (const { name, milliseconds } of profile) {
    all += milliseconds;
    if (!heavy.has(name)) rest += milliseconds;
  }
  return rest / all;
}
