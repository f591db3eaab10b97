// write.ts: a ModelDef to the bytes of a model file.
import { openFile, packFile, sealFile } from "../format/index.js";
import {
  layerKind,
  orderStores,
  type Shape,
  unusual,
  versionOf,
  writeEncoding,
  writeNormalization,
  writeRecord,
} from "../ops/index.js";
import { decodeModel } from "./decode.js";
import type { InputPort, ModelDef } from "./model.js";
import { LAYER_FIELDS, PORT_SHAPES_SINCE } from "./read.js";
import { validateModel } from "./validate.js";

/**
 * Writes a model file (docs/format.md). The same model gives the same bytes.
 * @throws what `validateModel` and `decodeModel` throw: nothing is ever written that cannot be read
 */
export function encodeModel(def: ModelDef): Uint8Array {
  validateModel(def);
  const { name, labels, notes } = def;
  const shapeOf = (tensor: string) => def.tensors[tensor].shape;
  const layers = def.layers.map((layer) => writeRecord(layerKind(layer), LAYER_FIELDS, layer, shapeOf));
  const specs = Object.entries(def.tensors).map(([tensor, { shape, encoding }]) => [
    tensor,
    { shape, encoding: writeEncoding(encoding) },
  ]);
  const graph = {
    name,
    inputs: def.inputs.map(({ normalization, ...port }) => ({
      ...writePort(port, shapeOf(port.tensor)),
      ...(normalization && { normalization: writeNormalization(normalization) }),
    })),
    outputs: def.outputs.map((port) => writePort(port, shapeOf(port.tensor))),
    labels,
    tensors: Object.fromEntries(specs),
    layers: layers.map(({ json }) => json),
    notes,
  };
  const shaped = [...graph.inputs, ...graph.outputs].some((port) => "dims" in port || "channelsLast" in port);
  const least = shaped ? PORT_SHAPES_SINCE : 1;
  const version = Math.max(least, ...def.layers.map((layer) => versionOf(layerKind(layer), layer)));
  const bytes = sealFile("model", graph, orderStores(layers.map(({ store }) => store)), version);
  decodeModel(bytes);
  return bytes;
}

/**
 * Writes a model file whose header and codes are entropy-coded where that makes it smaller (docs/format.md). The same model
 * gives the same bytes.
 * @throws what `encodeModel` throws
 */
export function packModel(def: ModelDef): Uint8Array {
  const plain = encodeModel(def);
  const packed = packFile(openFile(plain, ["model"]));
  if (!packed || packed.length >= plain.length) return plain;
  decodeModel(packed);
  return packed;
}

function writePort({ name, tensor, ...given }: InputPort, shape: Shape): object {
  return { name, tensor, ...unusual(shape, given) };
}
