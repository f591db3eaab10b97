// reference.ts: a network forward and backward in plain float64 loops: slow, obviously right, the tests' oracle.
import { inferShapes, type Network } from "../graph/index.js";
import { nodeInputs } from "../ops/index.js";
import type { SoftTargets } from "./engine.js";
import type { Mode } from "./layer.js";
import type { Call } from "./reference-loops.js";
import { backward, forward } from "./reference-nodes.js";

/** (count, channels, height, width) values by tensor name; parameter values and gradients by "node.field". */
export type Values = Map<string, Float64Array>;

/** The parameters of a network as float64 copies by "node.field". */
export function referenceParameters(network: Network): Values {
  const values: Values = new Map();
  for (const node of network.nodes) {
    for (const [field, value] of Object.entries(node)) {
      if (value && typeof value === "object" && "data" in value && value.data instanceof Float32Array) {
        values.set(`${node.name}.${field}`, Float64Array.from(value.data));
      }
    }
  }
  return values;
}

/** All tensors of the network for a batch of images. */
export function referenceForward(
  network: Network,
  parameters: Values,
  images: ArrayLike<number>,
  count: number,
  mode: Mode,
  seed = 0,
): Values {
  const tensors: Values = new Map();
  for (const call of calls(network, parameters, tensors, { count, mode, seed })) {
    if (call.node.op === "input") tensors.set(call.node.name, Float64Array.from(images));
    else tensors.set(call.node.name, forward(call));
  }
  return tensors;
}

/**
 * Gradients of all tensors and parameters, given those of the outputs.
 * @param gradients of the output tensors; the others are added to it.
 */
export function referenceBackward(
  network: Network,
  parameters: Values,
  tensors: Values,
  count: number,
  mode: Mode,
  gradients: Values,
  seed = 0,
): void {
  for (const call of [...calls(network, parameters, tensors, { count, mode, seed })].reverse()) {
    const dy = gradients.get(call.node.name);
    if (!dy) continue;
    const dxs = call.inputs.map((x) => new Float64Array(x.length));
    const fields = backward(call, dy, dxs);
    for (const [i, name] of nodeInputs(call.node).entries()) {
      const sum = gradients.get(name);
      if (sum) for (let j = 0; j < sum.length; j++) sum[j] += dxs[i][j];
      else gradients.set(name, dxs[i]);
    }
    for (const [field, gradient] of Object.entries(fields)) gradients.set(`${call.node.name}.${field}`, gradient);
  }
}

function logSoftmax(z: ArrayLike<number>): Float64Array {
  const top = Math.max(...Array.from(z));
  const sum = Array.from(z).reduce((total, value) => total + Math.exp(value - top), 0);
  return Float64Array.from(z, (value) => value - top - Math.log(sum));
}

/** Mean loss, (1 - share) CE + share T^2 KL, as the engine's `loss` says, and its gradient with respect to the logits. */
export function referenceLoss(
  logits: Float64Array,
  labels: ArrayLike<number>,
  smoothing: number,
  soft: SoftTargets | null = null,
) {
  const classes = logits.length / labels.length;
  const gradient = new Float64Array(logits.length);
  const { temperature, share } = soft ?? { temperature: 1, share: 0 };
  let loss = 0;
  for (let n = 0; n < labels.length; n++) {
    const row = (values: ArrayLike<number>, t: number) =>
      logSoftmax(Array.from({ length: classes }, (_, c) => values[n * classes + c] / t));
    const hard = row(logits, 1);
    const p = row(logits, temperature);
    const q = soft ? row(soft.logits, temperature) : p;
    for (let c = 0; c < classes; c++) {
      const target = (c === labels[n] ? 1 - smoothing : 0) + smoothing / classes;
      const divergence = temperature ** 2 * Math.exp(q[c]) * (q[c] - p[c]);
      loss += (share * divergence - (1 - share) * target * hard[c]) / labels.length;
      const slope =
        (1 - share) * (Math.exp(hard[c]) - target) + share * temperature * (Math.exp(p[c]) - Math.exp(q[c]));
      gradient[n * classes + c] = slope / labels.length;
    }
  }
  return { loss, gradient };
}

function* calls(
  network: Network,
  parameters: Values,
  tensors: Values,
  pass: Pick<Call, "count" | "mode" | "seed">,
): Generator<Call> {
  const shapes = inferShapes(network);
  for (const node of network.nodes) {
    const names = nodeInputs(node);
    yield {
      ...pass,
      node,
      shape: shapes.get(node.name)!,
      shapes: names.map((name) => shapes.get(name)!),
      inputs: names.map((name) => tensors.get(name)!),
      parameter: (field) => parameters.get(`${node.name}.${field}`)!,
    };
  }
}
