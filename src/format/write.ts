// write.ts: a ModelDef to the bytes of a model file.
import { packCodes } from "./codes.js";
import { sealFile, storeBytes, storeFloats } from "./container.js";
import type { Layer, ModelDef } from "./model.js";
import type { StoredTensor } from "./safetensors.js";
import { validateModel } from "./validate.js";

/**
 * Writes a model file (docs/format.md). The same model gives the same bytes.
 * @throws what `validateModel` throws: nothing invalid is ever written
 */
export function encodeModel(def: ModelDef): Uint8Array {
  validateModel(def);
  const tensors = new Map<string, StoredTensor>();
  const { name, inputs, outputs, labels, notes } = def;
  const signs = new Map<string, StoredTensor>();
  const layers = def.layers.map((layer) => encodeLayer(layer, def, tensors, signs));
  for (const [key, tensor] of signs) tensors.set(key, tensor);
  return sealFile("model", { name, inputs, outputs, labels, tensors: def.tensors, layers, notes }, tensors);
}

/** The layer's JSON; its arrays go into `tensors` and `signs`. */
function encodeLayer(
  layer: Layer,
  def: ModelDef,
  tensors: Map<string, StoredTensor>,
  signs: Map<string, StoredTensor>,
): object {
  if (layer.op === "maxPool" || layer.op === "concat") return layer;
  const { scale, offset, clamp } = layer.epilogue;
  tensors.set(`${layer.name}.scale`, storeFloats([scale.length], scale));
  tensors.set(`${layer.name}.offset`, storeFloats([offset.length], offset));
  const { epilogue: _, ...rest } = layer;
  if (layer.op === "avgPool" || layer.op === "add") return { ...rest, clamp };

  const outputs = layer.epilogue.scale.length;
  const { weights } = layer;
  if (weights.kind === "codes") {
    const packed = packCodes(weights.codes, weights.bits);
    tensors.set(`${layer.name}.codes`, storeBytes(packed.magnitudes));
    signs.set(`${layer.name}.signs`, storeBytes(packed.signs));
    return { ...rest, weights: { kind: weights.kind, bits: weights.bits, n1: weights.n1 }, clamp };
  }
  const depth = weights.values.length / outputs;
  const { shape } = def.tensors[layer.input];
  const dimensions = layer.op === "conv" ? [outputs, shape[0] / layer.groups, ...layer.kernel] : [outputs, depth];
  tensors.set(`${layer.name}.weight`, storeFloats(dimensions, weights.values));
  return { ...rest, weights: { kind: weights.kind }, clamp };
}
