// make.js: a network and a model file of the command line to the two models that the pages show, with class names.
// Usage: node examples/models/make.js <name> <float network> <shift model>; see README.md here.
import { readFile } from "node:fs/promises";
import { decodeNetwork, lower } from "../../dist/graph/index.js";
import { decodeModel, encodeModel } from "../../dist/model/index.js";
import { writeAtomically } from "../../dist/training/index.js";

const LABELS = {
  mnist: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  fashion: "T-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot".split(","),
};

const [name, network, model] = process.argv.slice(2);
const labels = LABELS[name];
const shift = decodeModel(new Uint8Array(await readFile(model)));
const float = lower(decodeNetwork(new Uint8Array(await readFile(network))).network, { grids: null });
const inputs = float.inputs.map((port, i) => ({ ...port, normalization: shift.inputs[i].normalization }));
await write(`${name}-float`, { ...float, name: `${name} float32`, inputs, labels });
await write(`${name}-shift`, { ...shift, name: `${name} shift`, labels });

function write(file, def) {
  return writeAtomically(new URL(`${file}.safetensors`, import.meta.url).pathname, encodeModel(def));
}
