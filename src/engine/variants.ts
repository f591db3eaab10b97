// variants.ts: a network whose layers are replaced one after the other: only what depends on the replaced one runs anew.
import type { Network } from "../graph/index.js";
import { type Node, nodeParameters, type Shape } from "../ops/index.js";
import { compile } from "./compile.js";
import { volume } from "./layer.js";
import { readParameters, readStatistics } from "./parameters.js";
import { instantiate } from "./wasm.js";

/** A network and what becomes of it when some of its nodes have other parameters. */
export interface Variants {
  /** Runs the network as it is. @param inputs by name, (count, channels, height, width) */
  forward(inputs: ReadonlyMap<string, Float32Array>, count: number): void;
  /**
   * Runs what depends on a layer, with the same inputs.
   * @param head a conv or dense node with other parameters
   * @param rest other nodes with other parameters, which depend on it
   */
  replace(head: Node, rest: readonly Node[]): void;
  /** Returns a view of an output as the last call has made it. */
  output(name: string): Float32Array;
}

/**
 * Compiles a network for inference; all of its tensors are in memory at a time.
 * @param batch images of a call at most
 * @throws OVERFLOW
 */
export function createVariants(
  network: Network,
  shapes: ReadonlyMap<string, Shape>,
  batch: number,
  module: WebAssembly.Module,
): Variants {
  const { plan, layout, layers, tensors, values, running } = compile(network, shapes, batch, network.outputs, false);
  const { kernels, memory } = instantiate(module, plan.arena.size());
  plan.arena.fill(memory.buffer);
  const floats = (address: number, length: number) => new Float32Array(memory.buffer, address, length);
  const parameters = floats(values, layout.length);
  const [mean, variance] = [floats(running.mean, layout.channels), floats(running.variance, layout.channels)];
  readParameters(layout, parameters);
  readStatistics(layout, mean, variance);
  const nodes = new Map(network.nodes.map((node) => [node.name, node]));
  let current = 0;
  /** Layers whose tensors are those of the last replacement. */
  let stale: ReadonlySet<number> = new Set();

  const write = (node: Node): void => {
    for (const [field, tensor] of nodeParameters(node)) {
      const entry = layout.entries.find((one) => one.node === node.name && one.field === field);
      if (entry) parameters.set(tensor.data, entry.offset);
    }
    const statistics = layout.statistics.find((one) => one.node === node.name);
    if (!statistics || node.op !== "batchNorm") return;
    mean.set(node.mean.data, statistics.offset);
    variance.set(node.variance.data, statistics.offset);
  };
  const dependents = (name: string): Set<number> => {
    const changed = new Set([name]);
    const found = new Set<number>();
    for (const [i, { output, inputs }] of layers.entries()) {
      if (output !== name && !inputs.some((input) => changed.has(input))) continue;
      changed.add(output);
      found.add(i);
    }
    return found;
  };
  const run = (wanted: (i: number) => boolean): void => {
    for (const [i, layer] of layers.entries()) if (wanted(i)) layer.forward(kernels, current, "eval", 0);
  };
  return {
    forward(inputs, count) {
      current = count;
      for (const [name, data] of inputs) floats(tensors.get(name)!, data.length).set(data);
      run(() => true);
      stale = new Set();
    },
    replace(head, rest) {
      const own = dependents(head.name);
      // what it does not make anew, it may read
      run((i) => stale.has(i) && !own.has(i));
      const changed = [head, ...rest];
      for (const node of changed) write(node);
      run((i) => own.has(i));
      for (const { name } of changed) write(nodes.get(name)!);
      stale = own;
    },
    output: (name) => floats(tensors.get(name)!, current * volume(shapes.get(name)!)),
  };
}
