// ways.ts: in which way a kernel makes a function, asked of the kernel itself: for what predicts its time.
import { bytesOfText } from "../base/index.js";
import type { ActivationLayer, ElementwiseLayer, Shape, TensorSpec } from "../ops/index.js";
import { instantiate, type Kernels } from "./kernels.js";
import { planModel } from "./plan.js";
import { STEPS_WASM_TEXT } from "./steps-wasm.generated.js";

/** The ways of assembly/steps/function.ts, in the order of its numbers. */
const WAYS = ["steps", "integers", "hard products", "sigmoid products"] as const;
export type Way = (typeof WAYS)[number];

let compiled: WebAssembly.Module | null = null;

/**
 * Asks in which way a function of float32 values is made: of every channel where each has a gain, else of one for all.
 * @param tensors those that the layer reads and writes
 */
export function waysOf(
  layer: ActivationLayer | ElementwiseLayer,
  tensors: { readonly [name: string]: TensorSpec },
): readonly Way[] {
  const { input, output } = layer;
  // as few pixels as channels with a gain may have
  const shape: Shape = ["gains" in layer && layer.gains ? layer.gains.length : 1, 1, 2];
  const small = Object.fromEntries([input, output].map((name) => [name, { ...tensors[name], shape }]));
  const ports = { inputs: [{ name: input, tensor: input }], outputs: [{ name: output, tensor: output }] };
  const plan = planModel({ name: "", ...ports, tensors: small, layers: [layer] });
  const pages = plan.use.total / 2 ** 16;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  plan.memory.write(memory.buffer);
  compiled ??= new WebAssembly.Module(bytesOfText(STEPS_WASM_TEXT));
  const { way_of_steps } = instantiate([compiled], memory);
  const ways: Way[] = [];
  const asking: Pick<Kernels, "apply_steps"> = {
    apply_steps(job, first, last, scratch) {
      for (let channel = first; channel < last; channel++) ways.push(WAYS[way_of_steps(job, channel, scratch)]);
    },
  };
  for (const { run, units } of plan.steps) run(asking as Kernels, 0, units, plan.scratch);
  return ways;
}
