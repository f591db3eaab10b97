// shared.js: the models and data that tests read from beside the repository, where they are.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const data = new URL("../../../shared/data/", import.meta.url);

/** Path of a file or folder of the shared data. */
export const shared = (name) => fileURLToPath(new URL(name, data));

/** False where the shared data are, else why a test that needs them is skipped. */
export const skip = existsSync(data) ? false : "the shared data are not beside the repository";

/** The imported models that tests run, with how pixels become their input. */
export const MODELS = {
  resnet20_cifar10_bn: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  resnet20_cifar10_folded: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  resnet8_cifar10: { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
  vww_mobilenetv1_025_96: { mean: [0, 0, 0], std: [1, 1, 1] },
  "squeezenet1.1": { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  "mobilenet_v2_1.0_224": { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

export const modelPath = (name) => shared(`models/${name}.onnx`);

/** Paths of the photographs, in order. */
export function imageFiles() {
  const folder = shared("imagenet-val-650/images");
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.jpe?g$/i.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}

export const argmax = (values) => values.indexOf(values.reduce((best, value) => Math.max(best, value), -Infinity));
