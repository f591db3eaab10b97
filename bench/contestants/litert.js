// litert.js: LiteRT (XNNPACK in wasm, relaxed SIMD where the browser has it), float32 and int8, one thread. Browsers only.
import { checkCosine, checkFloat } from "../check.js";
import { groupRanges } from "../tasks.js";
import { floatTflite, int8Tflite } from "../tflite.js";
import { repeatAsync } from "../timing.js";

/** @param wasmFolder where the browser finds the package's wasm files */
export function litertContestants(wasmFolder) {
  let loading = null;
  const load = () => (loading ??= start(wasmFolder));
  const make = (int8) => ({
    id: `litert_${int8 ? "int8" : "float32"}`,
    title: `LiteRT ${int8 ? "int8" : "float32"}`,
    ready: load,
    // what a call costs here would hide a single layer
    prepare: async (task) => (task.kind === "network" ? prepare(await load(), task, int8) : null),
  });
  return [make(false), make(true)];
}

async function start(wasmFolder) {
  const litert = await import("@litertjs/core");
  await litert.loadLiteRt(wasmFolder);
  return litert;
}

async function prepare(litert, task, int8) {
  const { network } = task;
  const bytes = int8 ? int8Tflite(network, groupRanges(network, task.ranges)) : floatTflite(network);
  const model = await litert.loadAndCompile(bytes, { accelerator: "wasm", cpuOptions: { numThreads: 1 } });
  const shape = network.nodes[0].shape;
  const [channels, height, width] = shape;
  const image = channelsLast(task.input, channels);
  const run = async () => {
    const input = new litert.Tensor(image, [1, height, width, channels]);
    const [output] = await model.run([input]);
    const values = output.toTypedArray().slice();
    input.delete();
    output.delete();
    return values;
  };
  return {
    output: run,
    check: (values) => (int8 ? checkCosine(values, task.expected) : checkFloat(values, task.expected)),
    time: (count) => repeatAsync(count, run),
    dispose: () => model.delete(),
  };
}

/** (channel, pixel) to (pixel, channel). */
function channelsLast(values, channels) {
  const pixels = values.length / channels;
  const result = new Float32Array(values.length);
  for (let c = 0; c < channels; c++) for (let p = 0; p < pixels; p++) result[p * channels + c] = values[c * pixels + p];
  return result;
}
