// sensitivity.ts: what each layer loses by itself at each bit width, without retraining.

import { given, is } from "../base/index.js";
import { DATASET, type Dataset } from "../data/browser.js";
import { NETWORK, type Network } from "../graph/index.js";
import { type LayerSensitivity, QUANTIZER, type Quantizer, quantizeWeightsOf, weightNodes } from "../quantize/index.js";
import { evaluate } from "./evaluate.js";
import { EVALUATE } from "./given.js";
import type { EvaluateOptions } from "./options.js";

/** The cost of quantizing a layer alone, with the accuracy lost in points beside the drop. */
export interface MeasuredSensitivity extends LayerSensitivity {
  readonly accuracyDrops: ReadonlyMap<number, number>;
}

const OPTIONS = is.both(EVALUATE, is.record<{ onProgress?: unknown }>({ onProgress: is.optional(is.callback) }));

/**
 * Quantizes one layer at a time, all others left as they are, and measures how far accuracy falls and mean cross-entropy
 * rises. The rise is the drop that `budgetBits` compares: it falls evenly with the bits, where the accuracy of some
 * thousand images moves in steps. The network is left as it was.
 * @throws what `evaluate` and the quantizer throw
 */
export async function layerSensitivity(
  network: Network,
  dataset: Dataset,
  quantizer: Quantizer,
  widths: readonly number[],
  options: EvaluateOptions & { readonly onProgress?: (share: number) => void | Promise<void> } = {},
): Promise<MeasuredSensitivity[]> {
  given(
    { network, dataset, quantizer, widths, options },
    { network: NETWORK, dataset: DATASET, quantizer: QUANTIZER, widths: is.list(is.number), options: OPTIONS },
  );
  const nodes = weightNodes(network);
  const whole = await evaluate(network, dataset, options);
  const result: MeasuredSensitivity[] = [];
  for (const [i, node] of nodes.entries()) {
    const { data } = node.weight;
    const before = data.slice();
    const drops = new Map<number, number>();
    const accuracyDrops = new Map<number, number>();
    for (const [k, bits] of widths.entries()) {
      quantizeWeightsOf(node, quantizer, bits);
      const { loss, accuracy } = await evaluate(network, dataset, options).finally(() => data.set(before));
      drops.set(bits, loss - whole.loss);
      accuracyDrops.set(bits, 100 * (whole.accuracy - accuracy));
      await options.onProgress?.((i + (k + 1) / widths.length) / nodes.length);
    }
    result.push({ name: node.name, count: data.length, drops, accuracyDrops });
  }
  return result;
}
