// validate.ts: everything about a model that the runtime relies on, checked once before it runs.
import { arrayKind, described, frozenCopy, guarded } from "../base/index.js";
import { at, type Check, checker, INT32_MAX, fields as json } from "../format/index.js";
import {
  checkNormalization,
  checkPort,
  elements,
  LAYERS,
  layerInputs,
  layerKind,
  type TensorSpec,
  validateEncoding,
} from "../ops/index.js";
import type { ModelDef } from "./model.js";

/**
 * Checks a whole model: names, shapes, encodings, weights, epilogues, and that no int32 sum can overflow.
 * @param where file name for error messages
 * @throws BAD_GRAPH; BAD_FILE for a malformed name; OVERFLOW for sums or tensors beyond 2^31 - 1
 */
export function validateModel(def: ModelDef, where = ""): void {
  ownModel(def, where);
}

/**
 * Checks a model as validateModel does.
 * @returns a copy that nobody changes; typed arrays in it are the same ones
 * @internal
 */
export function ownModel(def: ModelDef, where = ""): ModelDef {
  const expected = "a ModelDef, as decodeModel gives one";
  const copied = (): ModelDef => checkModel(frozenCopy(def), where);
  return guarded(copied, "BAD_GRAPH", "this is no model", { where, expected, found: described(def) });
}

function checkModel(def: ModelDef, where: string): ModelDef {
  const check: Check = checker(where);
  const written = new Set<string>();
  const spec = (name: string, place: string): TensorSpec => {
    check(Object.hasOwn(def.tensors, name), place, "a tensor of the model", name);
    return def.tensors[name];
  };
  const write = (name: string, place: string): TensorSpec => {
    const tensor = spec(name, place);
    check(!written.has(name), place, "a tensor not written before", name);
    written.add(name);
    return tensor;
  };
  const read = (name: string, place: string): TensorSpec => {
    const tensor = spec(name, place);
    check(written.has(name), place, "an input or the output of an earlier layer", name);
    return tensor;
  };
  const unique = (names: readonly string[], place: string): void => {
    names.forEach((name, i) => {
      json.identifier(name, at(where, `${place}[${i}]`));
    });
    check(new Set(names).size === names.length, place, "names that differ", names);
  };

  checkLists(def, check);
  json.identifier(def.name, at(where, "name"));
  for (const key of Object.keys(def.notes ?? {})) json.identifier(key, at(where, "notes"));
  const { labels = [] } = def;
  check(Array.isArray(labels) && labels.every((label) => typeof label === "string"), "labels", "texts", labels);
  let total = 0;
  for (const [name, tensor] of Object.entries(def.tensors)) {
    const place = `tensor ${json.identifier(name, at(where, "tensors"))}`;
    check(tensor.shape.length === 3, `${place}.shape`, "3 dimensions", tensor.shape);
    for (const n of tensor.shape)
      check(Number.isInteger(n) && n > 0, `${place}.shape`, "positive integers", tensor.shape);
    total += elements(tensor.shape);
    check(total <= INT32_MAX, place, `at most ${INT32_MAX} elements in all tensors`, total, "OVERFLOW");
    validateEncoding(tensor.encoding, at(where, `${place}.encoding`));
  }
  for (const side of ["inputs", "outputs"] as const) {
    check(def[side].length > 0, side, "at least one", 0);
    unique(
      def[side].map((port) => port.name),
      side,
    );
  }
  unique(
    def.layers.map((layer) => layer.name),
    "layers",
  );
  for (const port of def.inputs) {
    const place = `input ${port.name}`;
    const { shape } = write(port.tensor, place);
    if (port.normalization) checkNormalization(port.normalization, shape[0], place, check);
    checkPort(port, shape, place, check);
    const { channelsLast = false } = port;
    check(typeof channelsLast === "boolean", `${place}.channelsLast`, "true or false", channelsLast);
  }
  for (const layer of def.layers) {
    const place = `layer ${layer.name}`;
    check(Object.hasOwn(LAYERS, layer.op), place, `a kind of layer: ${Object.keys(LAYERS).join(", ")}`, layer.op);
    const second = "residual" in layer && layer.residual ? 1 : null;
    const inputs = layerInputs(layer).map((name, i) => read(name, `${place}.${i === second ? "residual" : "input"}`));
    const output = write(layer.output, `${place}.output`);
    layerKind(layer).check(layer, inputs, output, (ok, field, expected, found, code) =>
      check(ok, at(place, field), expected, found, code),
    );
  }
  for (const port of def.outputs) {
    const place = `output ${port.name}`;
    checkPort(port, read(port.tensor, place).shape, place, check);
  }
  for (const name of Object.keys(def.tensors))
    check(written.has(name), `tensor ${name}`, "a layer that writes it", "none");
  return def;
}

/** Fields that hold typed arrays, whose kinds are for the layers to check. */
const TYPED = ["codes", "of", "values", "scale", "offset", "gains"];

/** All other lists are plain arrays, as JSON has them: typed ones lack some of their ways. */
function checkLists(def: ModelDef, check: Check): void {
  const look = (owner: object, place: string, depth: number): void => {
    for (const [key, value] of Object.entries(owner)) {
      const typed = arrayKind(value) !== undefined;
      check(!typed || TYPED.includes(key), `${place}.${key}`, "a plain array", value);
      if (!typed && depth > 0 && Object(value) === value && !Array.isArray(value))
        look(value, `${place}.${key}`, depth - 1);
    }
  };
  for (const layer of def.layers) look(layer, `layer ${layer.name}`, 2);
  for (const port of def.inputs) look(port, `input ${port.name}`, 1);
  for (const name of Object.keys(def.tensors)) look(def.tensors[name], `tensor ${name}`, 1);
}
