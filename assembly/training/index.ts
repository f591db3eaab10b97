// index.ts: the training module's exports, by name.

export { factorUpper, multiplyBlock, roundBlock, solveBlock } from "./compensation";
export { convPanels, convWeightGradient } from "./convolution";
export { depthwisePlane, depthwiseWeightGradient } from "./depthwise";
export {
  addInto,
  channelSums,
  clampBackward,
  clampSum,
  clear,
  dropout,
  fill,
  firstNonFinite,
  leakyRelu,
  leakyReluBackward,
  moveBlocks,
  moveBox,
  scale,
} from "./elementwise";
export { distill, softmaxCrossEntropy } from "./loss";
export { productSums, tapSums } from "./moments";
export {
  normApply,
  normBackward,
  normFactors,
  normGradientFactors,
  normGradientSums,
  normStatistics,
} from "./norm";
export { packRows, padPlanes, unpackSums } from "./pack";
export { avgPool, avgPoolBackward, maxPool, maxPoolBackward } from "./pool";
export { quantizeLevels, quantizeLinear } from "./quantize";
export { approach, sgdStep, sumOfSquares } from "./sgd";
