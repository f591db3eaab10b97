// sensitivity.ts: what each layer loses by itself at each bit width, without retraining.
import type { Dataset } from "../data/browser.js";
import type { Network } from "../graph/index.js";
import { type LayerSensitivity, type Quantizer, quantizeWeightsOf, weightNodes } from "../quantize/index.js";
import { type EvaluateOptions, evaluate } from "./evaluate.js";

/** As LayerSensitivity, with the accuracy lost in points beside the drop. */
export interface MeasuredSensitivity extends LayerSensitivity {
  readonly accuracyDrops: ReadonlyMap<number, number>;
}

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
  options: EvaluateOptions & { readonly onProgress?: (share: number) => void } = {},
): Promise<MeasuredSensitivity[]> {
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
      options.onProgress?.((i + (k + 1) / widths.length) / nodes.length);
    }
    result.push({ name: node.name, count: data.length, drops, accuracyDrops });
  }
  return result;
}
