// task.js: a conversion inside the Worker: quantize, time both networks, run them on a picture.
import { Model } from "shiftwise";
import { quantizeFromImages, withNormalization } from "shiftwise/convert";
import { packModel } from "shiftwise/format";
import { lower } from "shiftwise/graph";

/** Rounds in which both networks take turns, and the seconds after which no further one begins. */
const ROUNDS = { least: 5, most: 40, seconds: 3 };

/** The values that the networks are run on: a function from a picture's number to values by input. */
let valuesOf = null;
let models = null;

const inputNodes = (network) => network.nodes.filter(({ op }) => op === "input");

/**
 * Converts a network.
 * @param pictures count, and by input the pixels of all pictures, or null for an input that takes no pictures
 * @param rule how the pictures were resized and their channels ordered: the model carries it
 */
export async function convert(read, { pictures: { count, pixels }, normalization, rule, settings }) {
  const start = performance.now();
  models?.float?.dispose();
  models?.shift.dispose();
  models = null;
  // what the visitor says goes before what the file says
  const network = inputNodes(read)
    .filter(({ name }) => normalization && pixels[name])
    .reduce((net, { name }) => withNormalization(net, normalization, name), read);
  const inputs = inputNodes(network);
  const images = {};
  for (const { name, shape } of inputs) {
    images[name] = pixels[name] ? { images: pixels[name], shape, normalization } : randomSamples(shape, count);
  }
  const control = {
    onStep: (step) => postMessage({ kind: "step", step }),
    onProgress: (share, detail) => postMessage({ kind: "progress", share, detail }),
  };
  const carried = Object.keys(rule).length > 0 ? inputs.filter(({ name }) => pixels[name]) : [];
  const preprocessing = Object.fromEntries(carried.map(({ name }) => [name, rule]));
  const notes = carried.length > 0 ? { preprocessing: JSON.stringify(preprocessing) } : {};
  const result = await quantizeFromImages(network, images, { ...settings, notes }, control);
  postMessage({ kind: "step", step: "measuring" });
  const { model } = result;
  const file = packModel(model);
  valuesOf = (index) => {
    const values = inputs.map(({ name, shape }) => {
      const length = shape.reduce((a, b) => a * b);
      const all = pixels[name];
      return [name, all ? all.subarray(index * length, (index + 1) * length) : images[name].read(index, 1)];
    });
    return Object.fromEntries(values);
  };
  models = { shift: await Model.from(inPlanes(model)), ...(await floatModel(network, model)) };
  const speed = await time();
  const { layers, quality, warnings, averageBits, missed, ready } = result;
  postMessage({
    kind: "done",
    file,
    gzipBytes: await gzipSize(file),
    layers: layers.map(({ name, weights, bits, ownSnr, outputSnr }) => ({ name, weights, bits, ownSnr, outputSnr })),
    ready: ready.length,
    quality,
    warnings: models.refused ? [...warnings, models.refused] : warnings,
    averageBits,
    missed,
    speed,
    executor: models.shift.executor,
    seconds: (performance.now() - start) / 1000,
  });
}

/** The float network on the same runtime, taking the same pixels. */
async function floatModel(network, model) {
  try {
    const float = lower(network, { grids: null });
    const inputs = float.inputs.map((port) => {
      const { normalization } = model.inputs.find(({ name }) => name === port.name);
      return normalization ? { ...port, normalization } : port;
    });
    return { float: await Model.from(inPlanes({ ...float, inputs })) };
  } catch (error) {
    return {
      float: null,
      refused: `The float network does not run here, so there is nothing to compare with: ${error.message}`,
    };
  }
}

/** Pictures come as channel planes, whatever the file's own order is. */
const inPlanes = (def) => ({ ...def, inputs: def.inputs.map((port) => ({ ...port, channelsLast: false })) });

/** Medians of both networks, which take turns so that whatever else the device does hits both alike. */
async function time() {
  const { float, shift } = models;
  const runners = [float, shift].filter(Boolean);
  const times = runners.map(() => []);
  const values = valuesOf(0);
  const start = performance.now();
  for (let round = -1; round < ROUNDS.most; round++) {
    if (round >= ROUNDS.least && performance.now() - start > 1000 * ROUNDS.seconds) break;
    for (const [i, runner] of runners.entries()) {
      const from = performance.now();
      runner.runSync(values);
      if (round >= 0) times[i].push(performance.now() - from);
    }
    postMessage({ kind: "progress", share: (round + 1) / ROUNDS.most, detail: "" });
    await new Promise((resolve) => setTimeout(resolve));
  }
  const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const all = times.map(middle);
  return { float: float ? all[0] : null, shift: all.at(-1), rounds: times[0].length };
}

async function gzipSize(bytes) {
  if (typeof CompressionStream === "undefined") return null;
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

/** Values for an input that takes no pictures: normal ones, the same every time. */
function randomSamples(shape, count) {
  const length = shape.reduce((a, b) => a * b);
  const read = (from, many) => {
    const values = new Float32Array(many * length);
    for (let n = 0; n < many; n++) {
      let state = 2654435761 * (from + n + 1);
      const next = () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state + 1) / 2 ** 32;
      };
      for (let i = 0; i < length; i++) {
        values[n * length + i] = Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
      }
    }
    return values;
  };
  return { shape, count, read };
}

/** Both networks on one picture. */
export async function run({ index }) {
  const { float, shift } = models;
  const values = valuesOf(index);
  const [a, b] = [float?.runSync(values), shift.runSync(values)];
  const outputs = shift.outputs.map(({ name, dims }) => {
    return { name, dims, float: a?.[name].slice() ?? null, shift: b[name].slice() };
  });
  postMessage({ kind: "outputs", index, outputs });
}
