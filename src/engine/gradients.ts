// gradients.ts: plans the backward pass: which tensors need gradients, where they lie and when their room is free again.
import type { Address } from "../base/index.js";
import { type Backward, type EngineLayer, type ForwardPlan, type GradientPlan, volume } from "./layer.js";

export interface BackwardPlan {
  /** The place for the gradient of the loss by each output; the backward pass changes it. */
  readonly slopes: ReadonlyMap<string, Address>;
  /** To be run in order, last layer first. */
  readonly steps: readonly Backward[];
}

/**
 * @param layers in forward order.
 * @param outputs the tensors that the loss is taken of.
 */
export function planGradients(
  plan: ForwardPlan,
  layers: readonly EngineLayer[],
  outputs: readonly string[],
): BackwardPlan {
  const { arena } = plan;
  // everything a layer makes depends on a parameter or is not worth telling apart; only the input needs none
  const wanted = new Set(layers.map((layer) => layer.output));
  const room = (tensor: string) => arena.borrow(plan.batch * volume(plan.tensor(tensor).shape) * 4);
  const addresses = new Map(outputs.map((name) => [name, room(name)]));
  const slopes = new Map(addresses);

  const into = (tensor: string) => {
    if (!wanted.has(tensor)) return null;
    const known = addresses.get(tensor);
    if (known !== undefined) return { address: known, accumulate: 1 } as const;
    const address = room(tensor);
    addresses.set(tensor, address);
    return { address, accumulate: 0 } as const;
  };
  const steps: Backward[] = [];
  for (const layer of layers.toReversed()) {
    // a tensor that leads to no loss has no gradient, and neither has what it alone is made from
    if (!addresses.has(layer.output)) continue;
    const gradients: GradientPlan = {
      arena,
      of: (tensor) => addresses.get(tensor)!,
      into,
      inPlace(own, tensor) {
        if (!wanted.has(tensor) || addresses.has(tensor)) return into(tensor);
        const address = addresses.get(own)!;
        addresses.delete(own);
        addresses.set(tensor, address);
        return { address, accumulate: 0 };
      },
    };
    steps.push(layer.planBackward(gradients));
    const own = addresses.get(layer.output);
    if (own !== undefined) arena.release(own);
    addresses.delete(layer.output);
  }
  return { slopes, steps };
}
