// browser.ts: the door of the data room where there are no files: sets of labelled images, generated, batched, augmented.
export type { Augmentation } from "./augment.js";
export { type Batch, type BatchOptions, batchCount, batches, normalizationTable } from "./batches.js";
export {
  checkDataset,
  computeNormalization,
  type Dataset,
  imageLength,
  sampleImages,
  size,
  split,
  subset,
  type TrainTest,
} from "./dataset.js";
export { type GenerateOptions, generate } from "./generate.js";
export { type Pictures, type Samples, type SamplesByInput, samplesOf, unlabelled } from "./samples.js";

// for the other rooms

export { AUGMENTATION } from "./augment.js";
export { countBatches } from "./batches.js";
export { DATASET } from "./dataset.js";
export { sampleBatches } from "./sample-batches.js";
export { countOf, eachInput, isSamples, readSamples, SAMPLES, type SamplesReader, samplesReader } from "./samples.js";
