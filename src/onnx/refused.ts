// refused.ts: operators that are not read, and will not be: why, and what to do.
import type { OnnxNode } from "./model.js";
import { operatorName } from "./operators/index.js";

const RECURRENCE = "recurrence over time is not run: take outputs before it, or train a convolution over time instead";
const LOOP = "loops are not run: unroll those of known length, as onnxsim does, or take outputs before it";
const FOURIER =
  "Fourier transforms are not run: compute them before the network, and take outputs or inputs around them";
const BOXES =
  "what is chosen differs in number from image to image: take outputs before it, and choose behind the network";
const RANDOM = "random numbers are of training: export the network with eval()";
const REGIONS = "regions of each image's own are not run: take outputs before it";
const TEXT = "text is not run: split it into numbers before the network";
const TABLE =
  "tables looked up by an input are not run: give what they look up as the input, or --constant for the indices";
const PACKED = "weights packed for one kind of machine: take the float32 model that it was made from";

const REASONS: Readonly<Record<string, string>> = {
  ...named(RECURRENCE, "com.microsoft.DynamicQuantizeLSTM", "com.microsoft.AttnLSTM"),
  ...named(LOOP, "Loop", "Scan", "com.microsoft.BeamSearch", "com.microsoft.GreedySearch", "com.microsoft.Sampling"),
  ...named(FOURIER, "DFT", "STFT", "com.microsoft.Rfft", "com.microsoft.Irfft"),
  ...named(BOXES, "com.microsoft.Unique", "Compress", "NonMaxSuppression", "NonZero", "Unique"),
  ...named(
    RANDOM,
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
  ),
  ...named(REGIONS, "MaxRoiPool", "RoiAlign", "com.microsoft.CropAndResize", "DeformConv"),
  ...named(TEXT, "RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"),
  ...named(TABLE, "com.microsoft.EmbedLayerNormalization", "com.microsoft.QEmbedLayerNormalization"),
  ...named(PACKED, "com.microsoft.MatMulNBits", "com.microsoft.MatMulFpQ4", "com.microsoft.MatMulBnb4"),
};

function named(reason: string, ...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, reason]));
}

/** Domains of nodes that no other program reads. */
const DOMAINS: Readonly<Record<string, string>> = {
  "com.microsoft.nchwc":
    "blocked for the cache of one machine: save the model with onnxruntime's optimizations at `extended` or below, not `all`",
  "ai.onnx.ml": "trees and other models that are no networks are not run: take outputs before it",
  "ai.onnx.preview.training": "training is not read from a file: export the network with eval()",
};

/** Why an operator is not read, and what to do; `otherwise` where no more is known. */
export function reasonOf(node: OnnxNode, otherwise = "operator"): string {
  const name = operatorName(node);
  if (Object.hasOwn(REASONS, name)) return REASONS[name];
  if (Object.hasOwn(DOMAINS, node.domain)) return DOMAINS[node.domain];
  const own = node.domain === "" || node.domain === "com.microsoft";
  return own ? otherwise : "operator of another program, without a function in the file that says what it computes";
}
