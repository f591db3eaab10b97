// read.ts: a model file's bytes to a ModelDef that is safe to run.
import { at, fields as json, type OpenedFile, tensorSource } from "../format/index.js";
import {
  LAYERS,
  type Layer,
  readEncoding,
  readNormalization,
  readPortShape,
  readRecord,
  type Shape,
  type TensorSpec,
} from "../ops/index.js";
import type { InputPort, ModelDef, Port } from "./model.js";
import { validateModel } from "./validate.js";

/** Fields that every layer has besides its kind. */
export const LAYER_FIELDS = ["name", "output"] as const;

/**
 * Reads the model in an opened file that is not packed. Parameters and errors as of `decodeModel`.
 * @internal
 */
export function readOpened(file: OpenedFile, where: string, limit: number): ModelDef {
  const source = tensorSource(file.tensors, where, limit);
  const place = at(where, "graph");
  const graph = json.record(file.graph, place, ["name", "inputs", "outputs", "tensors", "layers"], ["labels", "notes"]);
  const tensors: Record<string, TensorSpec> = {};
  for (const [name, value] of Object.entries(json.dictionary(graph.tensors, `${place}.tensors`))) {
    tensors[json.identifier(name, `${place}.tensors`)] = readSpec(value, `${place}.tensors.${name}`);
  }
  const shapeOf =
    (where: string) =>
    (tensor: string): Shape => {
      json.expect(Object.hasOwn(tensors, tensor), where, "a tensor of the graph", tensor, "BAD_GRAPH");
      return tensors[tensor].shape;
    };
  const def: ModelDef = {
    name: json.identifier(graph.name, `${place}.name`),
    inputs: json.list(graph.inputs, `${place}.inputs`, (value, p) => readInput(value, p, file.version)),
    outputs: json.list(graph.outputs, `${place}.outputs`, (value, p) => readOutput(value, p, file.version)),
    ...(graph.labels !== undefined && { labels: json.list(graph.labels, `${place}.labels`, json.text) }),
    tensors,
    layers: json.list(graph.layers, `${place}.layers`, (value, p) =>
      readRecord<Layer>(LAYERS, LAYER_FIELDS, value, p, { source, shapeOf: shapeOf(p) }, file.version),
    ),
    ...(graph.notes !== undefined && { notes: json.texts(graph.notes, `${place}.notes`) }),
  };
  source.done();
  validateModel(def, where);
  return def;
}

const PORT = ["name", "tensor"] as const;
/** The first version in which ports have dimensions and an order. */
export const PORT_SHAPES_SINCE = 2;

function readPort(value: json.Json, where: string): Port {
  return {
    name: json.identifier(value.name, `${where}.name`),
    tensor: json.identifier(value.tensor, `${where}.tensor`),
    ...readPortShape(value, where),
  };
}

function readOutput(value: unknown, where: string, version: number): Port {
  return readPort(json.record(value, where, PORT, version < PORT_SHAPES_SINCE ? [] : ["dims"]), where);
}

function readInput(value: unknown, where: string, version: number): InputPort {
  const shapes = version < PORT_SHAPES_SINCE ? [] : ["dims", "channelsLast"];
  const given = json.record(value, where, PORT, [...shapes, "normalization"]);
  const { normalization } = given;
  return {
    ...readPort(given, where),
    ...(normalization !== undefined && { normalization: readNormalization(normalization, `${where}.normalization`) }),
  };
}

function readSpec(value: unknown, where: string): TensorSpec {
  const { shape, encoding } = json.record(value, where, ["shape", "encoding"]);
  return { shape: json.triple(shape, `${where}.shape`), encoding: readEncoding(encoding, `${where}.encoding`) };
}
