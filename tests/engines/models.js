// models.js: the models that engines are compared on, as files, and the hashes that the reference gives.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { goldenHash } from "../../dist/format/index.js";
import { demoNetwork, lower, resnet20 } from "../../dist/graph/index.js";
import { decodeModel, encodeModel, runReference } from "../../dist/model/index.js";
import { everything } from "../models/everything.js";
import { FLOAT32, linear } from "../models/layers.js";
import { convModel, quantized } from "../models/random.js";
import { hashOf } from "./app/measure.js";

const EXAMPLES = fileURLToPath(new URL("../../examples/models/", import.meta.url));
/** A network to quantize, not a model to run. */
const NETWORK = "float.safetensors";

const small = () => resnet20([3, 12, 12], 10, 4);

/** Models made here, for the kernels that the examples do not reach. */
const MADE = {
  everything,
  "resnet-w3a4": () => quantized(small(), 3, 4),
  "resnet-w2-log": () => quantized(small(), 2, "log"),
  "resnet-float": () => lower(small(), { grids: null }),
  "demo-float": () => lower(demoNetwork([1, 18, 18], 10, 3, 8), { grids: null }),
  // enough pixels and channels that two threads have work each
  "wide-w5a8": () => convModel({ shape: [16, 40, 40], channels: 36, residual: linear(255, 120) }),
  "wide-float": () => convModel({ shape: [8, 33, 35], channels: 20, input: FLOAT32, output: FLOAT32, stride: [2, 2] }),
  depthwise: () => convModel({ shape: [24, 29, 31], channels: 24, groups: 24, levels: [-96, -24, -3, 0, 5, 33, 64] }),
};

/**
 * Writes all models to a folder, and their names to names.json there.
 * @returns the reference's hash by name
 */
export async function writeModels(folder) {
  mkdirSync(folder, { recursive: true });
  const files = [
    ...readdirSync(EXAMPLES, { recursive: true })
      .sort()
      .filter((path) => path.endsWith(".safetensors") && basename(path) !== NETWORK)
      .map((path) => [basename(path, ".safetensors"), readFileSync(join(EXAMPLES, path))]),
    ...Object.entries(MADE).map(([name, make]) => [name, encodeModel(make())]),
  ];
  const expected = {};
  for (const [name, bytes] of files) {
    writeFileSync(join(folder, name), bytes);
    expected[name] = await expectedHash(decodeModel(bytes));
  }
  writeFileSync(join(folder, "names.json"), JSON.stringify(Object.keys(expected)));
  return expected;
}

/** What a model's outputs hash to in plain TypeScript. */
function expectedHash(def) {
  const inputs = def.inputs.map(({ name, tensor, normalization }) => {
    return { name, shape: def.tensors[tensor].shape, normalization };
  });
  return hashOf(goldenHash, { inputs, outputs: def.outputs }, (images) => runReference(def, images).outputs);
}
