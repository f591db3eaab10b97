// fidelity.ts: how far a quantized network is from its float network, by what they make of the same images.
import type { Samples } from "../data/browser.js";
import type { Network } from "../graph/index.js";
import { softmax } from "../ops/index.js";
import { sampleActivations } from "./evaluate.js";

/** The distance of a quantized network from its float network on some images. */
export interface Divergence {
  /** Mean of KL(softmax(float) || softmax(quantized)) in nats; infinite where logits are not finite. */
  readonly kl: number;
  /** Share of the images, 0..1, whose largest logit is the same. */
  readonly agreement: number;
}

/** Measures networks against `float`, whose logits are computed once. */
export function fidelityTo(float: Network, samples: Samples): (network: Network) => Divergence {
  const expected = logitsOf(float, samples);
  const classes = expected.length / samples.count;
  return (network) => {
    const found = logitsOf(network, samples);
    let kl = 0;
    let agreeing = 0;
    for (let from = 0; from < expected.length; from += classes) {
      const [p, q] = [expected, found].map((logits) => logits.slice(from, from + classes));
      if (p.indexOf(Math.max(...p)) === q.indexOf(Math.max(...q))) agreeing++;
      softmax(p);
      softmax(q);
      for (let k = 0; k < classes; k++) if (p[k] > 0) kl += p[k] * Math.log(p[k] / Math.max(q[k], LEAST));
    }
    return {
      kl: Number.isFinite(kl) ? kl / samples.count : Number.POSITIVE_INFINITY,
      agreement: agreeing / samples.count,
    };
  };
}

/** Keeps logarithms finite. */
const LEAST = 1e-300;

/** Returns the logits of all images, by the network's one output. */
function logitsOf(network: Network, samples: Samples): Float64Array {
  const [output] = network.outputs;
  return Float64Array.from(
    [...sampleActivations(network, samples, [output])].flatMap((values) => [...values.get(output)!]),
  );
}
