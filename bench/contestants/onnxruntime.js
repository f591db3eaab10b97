// onnxruntime.js: onnxruntime in wasm and native, float32 and int8, one thread.
import { inferShapes } from "../../dist/graph/index.js";
import { checkCosine, checkFloat, checkLevels } from "../check.js";
import { int8Layer } from "../int8.js";
import { floatModel, int8Model } from "../onnx.js";
import { groupRanges } from "../tasks.js";
import { repeatAsync } from "../timing.js";

/**
 * A layer is repeated inside one graph until it has about this many products, at least 4 and at most 24 times: what a
 * run costs besides (the call, copying its input and output) is shared by the copies and all but vanishes.
 */
const PRODUCTS_A_RUN = 60e6;

const SESSION = { graphOptimizationLevel: "all", executionMode: "sequential" };

/** float32 and int8 contestants on one build of onnxruntime. */
function contestantsOf(id, title, load, sessionOptions) {
  const make = (int8) => ({
    id: `${id}_${int8 ? "int8" : "float32"}`,
    title: `${title} ${int8 ? "int8" : "float32"}`,
    ready: load,
    prepare: async (task) => {
      const ort = await load();
      const layer = task.kind === "layer";
      const copies = layer ? Math.min(24, Math.max(4, Math.ceil(PRODUCTS_A_RUN / task.macs))) : 1;
      const network = layer ? repeated(task.network, copies) : task.network;
      const ranges = layer ? repeatedRanges(network, task.ranges) : groupRanges(network, task.ranges);
      const bytes = int8 ? int8Model(network, ranges, layer ? "u8" : "float32") : floatModel(network);
      const session = await ort.InferenceSession.create(bytes, { ...SESSION, ...sessionOptions });
      const dims = [1, ...task.network.nodes[0].shape];
      const input =
        int8 && layer
          ? new ort.Tensor("uint8", int8Layer(task).input, dims)
          : new ort.Tensor("float32", task.input, dims);
      const feeds = { [session.inputNames[0]]: input };
      const [output] = session.outputNames;
      return {
        output: async () => (await session.run(feeds))[output].data,
        check: (values) => {
          if (!int8) return checkFloat(values, task.expected);
          return layer ? checkLevels(values, int8Layer(task).expected) : checkCosine(values, task.expected);
        },
        time: async (count) => (await repeatAsync(count, () => session.run(feeds))) / copies,
        dispose: () => session.release(),
      };
    },
  });
  return [make(false), make(true)];
}

/**
 * The layer `copies` times side by side on one input. The first is an output; of the others a pixel a channel is, so
 * that none is dead and little is copied. Biases differ a little, else the copies would be merged into one.
 */
function repeated(network, copies) {
  const [input, conv, relu] = network.nodes;
  const [, height, width] = inferShapes(network).get(relu.name);
  const nodes = [input, conv, relu];
  const outputs = [relu.name];
  for (let i = 1; i < copies; i++) {
    const bias = { ...conv.bias, data: conv.bias.data.map((b) => b * (1 + i / 64)) };
    nodes.push({ ...conv, name: `${conv.name}${i}`, bias });
    nodes.push({ ...relu, name: `${relu.name}${i}`, input: `${conv.name}${i}` });
    const window = { kernel: [1, 1], stride: [height, width], padding: [0, 0, 0, 0] };
    nodes.push({ op: "maxPool", name: `p${i}`, input: `${relu.name}${i}`, ...window });
    outputs.push(`p${i}`);
  }
  return { ...network, nodes, outputs };
}

function repeatedRanges(network, ranges) {
  const [, conv, relu] = network.nodes;
  return new Map(
    network.nodes.map(({ name, op }) => {
      if (op === "conv") return [name, ranges.get(conv.name)];
      return [name, ranges.get(op === "input" ? name : relu.name)];
    }),
  );
}

export const webContestants = contestantsOf("ort_web", "onnxruntime-web", async () => {
  const ort = await import("onnxruntime-web/wasm");
  ort.env.wasm.numThreads = 1;
  return ort;
});

export const nativeContestants = contestantsOf("native", "native onnxruntime", () => import("onnxruntime-node"), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
