// write.ts: a ModelDef to the bytes of a model file.
import { greatestOf } from "../base/index.js";
import { type OpenedFile, sealFile } from "../format/index.js";
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
  const bytes = sealModel(modelContent(def));
  decodeModel(bytes);
  return bytes;
}

/** The bytes of a model file that is not packed. */
export const sealModel = ({ graph, tensors, version }: OpenedFile): Uint8Array =>
  sealFile("model", graph, tensors, version);

/** A model as its file has it. @throws as `validateModel` */
export function modelContent(def: ModelDef): OpenedFile {
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
  const version = Math.max(least, greatestOf(def.layers.map((layer) => versionOf(layerKind(layer), layer))));
  return { kind: "model", version, graph, tensors: orderStores(layers.map(({ store }) => store)) };
}

function writePort({ name, tensor, ...given }: InputPort, shape: Shape): object {
  return { name, tensor, ...unusual(shape, given) };
}
