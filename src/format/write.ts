// write.ts: a ModelDef to the bytes of a model file.
import { packIndices } from "./codebook.js";
import { packCodes } from "./codes.js";
import { sealFile, storeBytes, storeFloats } from "./container.js";
import type { Layer, ModelDef } from "./model.js";
import {
  decodeModel,
  ENCODING_FIELDS,
  LAYER_FIELDS,
  NORMALIZATION_FIELDS,
  OPTIONAL_FIELDS,
  PORT_FIELDS,
  TAPS_FIELDS,
} from "./read.js";
import type { StoredTensor } from "./safetensors.js";
import { validateModel } from "./validate.js";

/**
 * Writes a model file (docs/format.md). The same model gives the same bytes.
 * @throws what `validateModel` and `decodeModel` throw: nothing is ever written that cannot be read
 */
export function encodeModel(def: ModelDef): Uint8Array {
  validateModel(def);
  const tensors = new Map<string, StoredTensor>();
  const signs = new Map<string, StoredTensor>();
  const layers = def.layers.map((layer) => encodeLayer(layer, def, tensors, signs));
  for (const [key, tensor] of signs) tensors.set(key, tensor);
  const specs = Object.entries(def.tensors).map(([name, { shape, encoding }]) => [
    name,
    { shape, encoding: pick(encoding, ENCODING_FIELDS[encoding.kind]) },
  ]);
  const graph = {
    name: def.name,
    inputs: def.inputs.map((port) => ({
      ...pick(port, PORT_FIELDS),
      ...(port.normalization && { normalization: pick(port.normalization, NORMALIZATION_FIELDS) }),
    })),
    outputs: def.outputs.map((port) => pick(port, PORT_FIELDS)),
    labels: def.labels,
    tensors: Object.fromEntries(specs),
    layers,
    notes: def.notes,
  };
  const bytes = sealFile("model", graph, tensors);
  decodeModel(bytes);
  return bytes;
}

/** The layer's JSON; its arrays go into `tensors` and `signs`. */
function encodeLayer(
  layer: Layer,
  def: ModelDef,
  tensors: Map<string, StoredTensor>,
  signs: Map<string, StoredTensor>,
): object {
  const json = (extra: object): object => {
    const optional = OPTIONAL_FIELDS[layer.op] ?? [];
    return pick({ ...layer, ...extra }, ["op", "name", "output", ...LAYER_FIELDS[layer.op], ...optional]);
  };
  if (layer.op === "constant") {
    tensors.set(`${layer.name}.values`, storeFloats(def.tensors[layer.output].shape, layer.values));
  }
  if (layer.op === "resample") {
    return json({ rows: pick(layer.rows, TAPS_FIELDS), columns: pick(layer.columns, TAPS_FIELDS) });
  }
  if (!("epilogue" in layer)) return json({});
  const { scale, offset, clamp } = layer.epilogue;
  tensors.set(`${layer.name}.scale`, storeFloats([scale.length], scale));
  tensors.set(`${layer.name}.offset`, storeFloats([offset.length], offset));
  const bounds = pick(clamp, ["low", "high"]);
  if (layer.op === "avgPool" || layer.op === "add") return json({ clamp: bounds });

  const { weights } = layer;
  if (weights.kind === "codes") {
    const packed = packCodes(weights.codes, weights.bits);
    tensors.set(`${layer.name}.codes`, storeBytes(packed.magnitudes));
    signs.set(`${layer.name}.signs`, storeBytes(packed.signs));
    return json({ weights: pick(weights, ["kind", "bits", "n1"]), clamp: bounds });
  }
  if (weights.kind === "codebook") {
    tensors.set(`${layer.name}.codes`, storeBytes(packIndices(weights.codes, weights.levels.length)));
    return json({ weights: pick(weights, ["kind", "levels"]), clamp: bounds });
  }
  const outputs = scale.length;
  const { shape } = def.tensors[layer.input];
  const dimensions =
    layer.op === "conv"
      ? [outputs, shape[0] / layer.groups, ...layer.kernel]
      : [outputs, weights.values.length / outputs];
  tensors.set(`${layer.name}.weight`, storeFloats(dimensions, weights.values));
  return json({ weights: { kind: weights.kind }, clamp: bounds });
}

/** The given fields of an object, in that order, without those it lacks: one model, one text. */
function pick(object: object, keys: readonly string[]): object {
  const values = object as Readonly<Record<string, unknown>>;
  return Object.fromEntries(keys.filter((key) => values[key] !== undefined).map((key) => [key, values[key]]));
}
