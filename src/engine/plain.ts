// plain.ts: the layers that have no kernel of their own and run forward and backward in TypeScript.
import { type Node, nodeInputs, type Shape } from "../ops/index.js";
import { type EngineLayer, type ForwardPlan, volume } from "./layer.js";

/** Forward fills y; backward adds to the gradients that are wanted. All are batches, (count, channels, height, width). */
export interface PlainPass {
  forward(inputs: readonly Float32Array[], y: Float32Array, count: number): void;
  backward(
    inputs: readonly Float32Array[],
    y: Float32Array,
    dy: Float32Array,
    dxs: readonly (Float32Array | null)[],
    count: number,
  ): void;
}

/**
 * Makes the layer of a node that runs here.
 * @param passOf given the shapes of the node's inputs and of its result
 */
export function runsHere<N extends Node>(
  passOf: (node: N, shapes: readonly Shape[], shape: Shape) => PlainPass,
): (plan: ForwardPlan, node: N) => EngineLayer {
  const view = (memory: WebAssembly.Memory, address: number, shape: Shape, count: number): Float32Array =>
    new Float32Array(memory.buffer, address, count * volume(shape));
  return (plan, node) => {
    const names = nodeInputs(node);
    const inputs = names.map((name) => plan.tensor(name));
    const shapes = inputs.map(({ shape }) => shape);
    const output = plan.tensor(node.name);
    const pass = passOf(node, shapes, output.shape);
    return {
      output: node.name,
      inputs: names,
      forward({ memory }, count) {
        const xs = inputs.map(({ address, shape }) => view(memory, address, shape, count));
        pass.forward(xs, view(memory, output.address, output.shape, count), count);
      },
      planBackward(gradients) {
        const from = gradients.of(node.name);
        const targets = names.map((name) => gradients.into(name));
        return ({ memory }, count) => {
          const xs = inputs.map(({ address, shape }) => view(memory, address, shape, count));
          const dxs = targets.map((target, i) => target && view(memory, target.address, inputs[i].shape, count));
          for (const [i, dx] of dxs.entries()) if (dx && !targets[i]?.accumulate) dx.fill(0);
          const y = view(memory, output.address, output.shape, count);
          pass.backward(xs, y, view(memory, from, output.shape, count), dxs, count);
        };
      },
    };
  };
}
