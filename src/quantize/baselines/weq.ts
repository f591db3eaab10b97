// weq.ts: weighted-entropy quantization as a quantizer among the others: 2^bits levels a layer.
import { checkQuantizerBits, type Quantizer, realFit } from "../quantizer.js";
import { fitWeq, type WeqForm } from "../weq.js";

export function weq(form: WeqForm = "paper"): Quantizer {
  const quantizer: Quantizer = {
    name: form === "paper" ? "weq" : "weq-code",
    bits: [1, 2, 3, 4, 5],
    fit(weights, layer) {
      checkQuantizerBits(layer.bits, quantizer.bits, layer);
      const { levels, codes } = fitWeq(weights, { levels: 2 ** layer.bits, form }, layer.name);
      return realFit(levels, codes, layer);
    },
  };
  return quantizer;
}
