// weq.ts: weighted-entropy quantization as a quantizer among the others: 2^bits levels a layer.
import { checkQuantizerBits, type Fit, type Quantizer, realFit } from "../quantizer.js";
import { fitWeq, type WeqForm } from "../weighted-entropy.js";

const ABOUT: Readonly<Record<WeqForm, string>> = {
  paper:
    "2^bits levels; clusters of sorted |w|, negative and other weights apart, that maximise −Σ I P ln P with importance I = mean w²; level √I",
  code: "the authors' program: signs pooled, boundaries by bisection, warm start",
};

export function weq(form: WeqForm = "paper"): Quantizer {
  const quantizer: Quantizer = {
    name: form === "paper" ? "weq" : "weq-code",
    about: ABOUT[form],
    bits: [1, 2, 3, 4, 5],
    fit(weights, layer, before) {
      checkQuantizerBits(layer.bits, quantizer.bits, layer);
      const start = form === "code" && before ? boundariesOf(before) : undefined;
      const { levels, codes } = fitWeq(weights, { levels: 2 ** layer.bits, form, ...(start && { start }) }, layer.name);
      return realFit(levels, codes, layer);
    },
  };
  return quantizer;
}

/** Counts the sorted magnitudes that lay under each inner boundary of a fit. */
function boundariesOf({ levels, codes }: Fit): number[] {
  const counts = new Map([...new Set(levels.map(Math.abs))].sort((a, b) => a - b).map((size) => [size, 0]));
  const byCode = new Uint32Array(levels.length);
  for (const code of codes) byCode[code]++;
  for (const [code, n] of byCode.entries()) {
    const size = Math.abs(levels[code]);
    counts.set(size, counts.get(size)! + n);
  }
  let sum = 0;
  const ends = Array.from(counts.values(), (n) => {
    sum += n;
    return sum;
  });
  return ends.slice(0, -1);
}
