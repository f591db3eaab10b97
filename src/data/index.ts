// index.ts: the door of the data room: sets of labelled images, read, made, augmented and batched.
export {
  type Augmentation,
  type Batch,
  type BatchOptions,
  batchCount,
  batches,
  checkDataset,
  computeNormalization,
  type Dataset,
  type GenerateOptions,
  generate,
  imageLength,
  normalizationTable,
  type Pictures,
  type Samples,
  type SamplesByInput,
  sampleImages,
  samplesOf,
  size,
  split,
  subset,
  type TrainTest,
  unlabelled,
} from "./browser.js";
export { type Calibration, type CalibrationInput, openCalibration, openCalibrations } from "./calibration.js";
export { type CifarRecords, loadCifarFolder, parseCifar } from "./cifar.js";
export { imagesOf } from "./fit.js";
export { type IdxArray, type IdxOptions, loadIdxFolder, parseIdx } from "./idx.js";
export { decodeImage, type Image, resizeImage } from "./image.js";
export { type Answerer, type LabelledImages, openLabelled } from "./labelled.js";
export { type NpyArray, readNpy, readNpz } from "./npy.js";
export { type OpenOptions, openDataset } from "./open.js";
export {
  normalizationOf,
  type PictureInput,
  type Preprocessing,
  prepareImage,
  readPreprocessing,
} from "./preprocessing.js";
export { loadTarFolder } from "./tar.js";

// for the other rooms

export { readWhole } from "./bytes.js";
export { isTable, readTable } from "./label-table.js";
export { numberedText } from "./labelled.js";
export { CHANNELS, readPreprocessings } from "./preprocessing.js";
export { contentOf } from "./signatures.js";
