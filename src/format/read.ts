// read.ts: a model file's bytes to a ModelDef that is safe to run.
import { LEVELS_MAX, unpackIndices } from "./codebook.js";
import { type CodeBits, unpackCodes } from "./codes.js";
import { openFile, type TensorSource, tensorSource } from "./container.js";
import {
  at,
  dictionary,
  expect,
  identifier,
  integer,
  type Json,
  list,
  number,
  oneOf,
  pair,
  quad,
  record,
  text,
  texts,
  triple,
} from "./fields.js";
import { elements } from "./geometry.js";
import {
  ACTIVATIONS,
  type ActivationName,
  BINARY_FUNCTIONS,
  type Clamp,
  type Encoding,
  type Epilogue,
  type InputPort,
  type Layer,
  type ModelDef,
  type Normalization,
  type Port,
  type Residual,
  type Shape,
  type Taps,
  type TensorSpec,
  type Weights,
} from "./model.js";
import { validateModel } from "./validate.js";

/** Fields of the graph's objects in the order in which they are written; layers have op, name and output besides. */
export const PORT_FIELDS = ["name", "tensor"] as const;
export const NORMALIZATION_FIELDS = ["mean", "std"] as const;
export const TAPS_FIELDS = ["indices", "weights"] as const;
export const ENCODING_FIELDS = {
  float32: ["kind"],
  linear: ["kind", "scale", "zero", "max"],
  levels: ["kind", "scale", "levels", "thresholds"],
} as const;
export const LAYER_FIELDS = {
  conv: ["input", "kernel", "stride", "dilation", "padding", "groups", "weights", "clamp"],
  dense: ["input", "weights", "clamp"],
  maxPool: ["input", "kernel", "stride", "padding"],
  avgPool: ["input", "kernel", "stride", "clamp"],
  add: ["input", "clamp", "residual"],
  concat: ["inputs"],
  gather: ["input", "channels", "rows", "columns", "value"],
  permute: ["input", "dims", "order"],
  activation: ["input", "fn", "parameters"],
  binary: ["input", "other", "fn"],
  constant: [],
  resample: ["input", "rows", "columns"],
  softmax: ["input", "axis"],
} as const;
/** Fields that a layer may lack. */
export const OPTIONAL_FIELDS: { readonly [op in Layer["op"]]?: readonly string[] } = {
  conv: ["residual"],
  maxPool: ["dilation"],
};

/**
 * Reads and validates a model file (docs/format.md).
 * @param bytes the whole file, not gzip-compressed
 * @param where file name for error messages
 * @throws BAD_FILE, TRUNCATED, CHECKSUM for the container; BAD_GRAPH, OVERFLOW for the model in it
 */
export function decodeModel(bytes: Uint8Array, where = ""): ModelDef {
  const file = openFile(bytes, "model", where);
  const source = tensorSource(file.tensors, where);
  const place = at(where, "graph");
  const graph = record(file.graph, place, ["name", "inputs", "outputs", "tensors", "layers"], ["labels", "notes"]);
  const tensors: Record<string, TensorSpec> = {};
  for (const [name, value] of Object.entries(dictionary(graph.tensors, `${place}.tensors`))) {
    tensors[identifier(name, `${place}.tensors`)] = readSpec(value, `${place}.tensors.${name}`);
  }
  const def: ModelDef = {
    name: identifier(graph.name, `${place}.name`),
    inputs: list(graph.inputs, `${place}.inputs`, readInput),
    outputs: list(graph.outputs, `${place}.outputs`, (value, p) => readPort(record(value, p, PORT_FIELDS), p)),
    ...(graph.labels !== undefined && { labels: list(graph.labels, `${place}.labels`, text) }),
    tensors,
    layers: list(graph.layers, `${place}.layers`, (value, p) => readLayer(value, p, tensors, source)),
    ...(graph.notes !== undefined && { notes: texts(graph.notes, `${place}.notes`) }),
  };
  source.done();
  validateModel(def, where);
  return def;
}

function readPort(value: Json, where: string): Port {
  return { name: identifier(value.name, `${where}.name`), tensor: identifier(value.tensor, `${where}.tensor`) };
}

function readInput(value: unknown, where: string): InputPort {
  const fields = record(value, where, PORT_FIELDS, ["normalization"]);
  const port = readPort(fields, where);
  if (fields.normalization === undefined) return port;
  return { ...port, normalization: readNormalization(fields.normalization, `${where}.normalization`) };
}

/** Reads the JSON of a Normalization; lengths are for the caller to check. */
export function readNormalization(value: unknown, where: string): Normalization {
  const fields = record(value, where, NORMALIZATION_FIELDS);
  return { mean: list(fields.mean, `${where}.mean`, number), std: list(fields.std, `${where}.std`, number) };
}

function readSpec(value: unknown, where: string): TensorSpec {
  const fields = record(value, where, ["shape", "encoding"]);
  return {
    shape: triple(fields.shape, `${where}.shape`),
    encoding: readEncoding(fields.encoding, `${where}.encoding`),
  };
}

/** Reads the JSON of an Encoding; `validateEncoding` checks its values. */
export function readEncoding(value: unknown, where: string): Encoding {
  const kinds = Object.keys(ENCODING_FIELDS) as Encoding["kind"][];
  const kind = oneOf(text(dictionary(value, where).kind, `${where}.kind`) as Encoding["kind"], `${where}.kind`, kinds);
  const fields = record(value, where, ENCODING_FIELDS[kind]);
  if (kind === "float32") return { kind };
  const scale = number(fields.scale, `${where}.scale`);
  if (kind === "linear") {
    return { kind, scale, zero: number(fields.zero, `${where}.zero`), max: number(fields.max, `${where}.max`) };
  }
  return {
    kind,
    scale,
    levels: list(fields.levels, `${where}.levels`, number),
    thresholds: list(fields.thresholds, `${where}.thresholds`, number),
  };
}

function readClamp(value: unknown, where: string): Clamp {
  const { low, high } = record(value, where, [], ["low", "high"]);
  return {
    ...(low !== undefined && { low: number(low, `${where}.low`) }),
    ...(high !== undefined && { high: number(high, `${where}.high`) }),
  };
}

/** Reads the JSON of Taps; which indices there are is for the caller to check. */
export function readTaps(value: unknown, where: string): Taps {
  const { indices, weights } = record(value, where, TAPS_FIELDS);
  return {
    indices: list(indices, `${where}.indices`, (entry, p) => integer(entry, p)),
    weights: list(weights, `${where}.weights`, number),
  };
}

function readLayer(
  value: unknown,
  where: string,
  tensors: Readonly<Record<string, TensorSpec>>,
  source: TensorSource,
): Layer {
  const ops = Object.keys(LAYER_FIELDS) as (keyof typeof LAYER_FIELDS)[];
  const op = oneOf(text(dictionary(value, where).op, `${where}.op`) as Layer["op"], `${where}.op`, ops);
  const fields = record(value, where, ["op", "name", "output", ...LAYER_FIELDS[op]], OPTIONAL_FIELDS[op]);
  const common = {
    name: identifier(fields.name, `${where}.name`),
    output: identifier(fields.output, `${where}.output`),
  };
  if (op === "concat") return { op, ...common, inputs: list(fields.inputs, `${where}.inputs`, identifier) };
  const shapeOf = (tensor: string): Shape => {
    expect(Object.hasOwn(tensors, tensor), where, "a tensor of the graph", tensor, "BAD_GRAPH");
    return tensors[tensor].shape;
  };
  const channels = (tensor: string): number => shapeOf(tensor)[0];
  if (op === "constant") {
    return { op, ...common, values: source.floats(`${common.name}.values`, shapeOf(common.output)) };
  }
  const input = identifier(fields.input, `${where}.input`);
  const integers = (field: string, low: number): number[] =>
    list(fields[field], `${where}.${field}`, (entry, p) => integer(entry, p, low));
  const epilogue = (length: number): Epilogue => ({
    scale: source.floats(`${common.name}.scale`, [length]),
    offset: source.floats(`${common.name}.offset`, [length]),
    clamp: readClamp(fields.clamp, `${where}.clamp`),
  });
  const window = () => ({
    kernel: pair(fields.kernel, `${where}.kernel`),
    stride: pair(fields.stride, `${where}.stride`),
  });
  const residual = (): Residual => {
    const found = record(fields.residual, `${where}.residual`, ["tensor", "scale"]);
    return {
      tensor: identifier(found.tensor, `${where}.residual.tensor`),
      scale: number(found.scale, `${where}.residual.scale`),
    };
  };
  switch (op) {
    case "conv": {
      const { kernel, stride } = window();
      const groups = integer(fields.groups, `${where}.groups`, 1);
      const outputs = channels(common.output);
      const shape = [outputs, channels(input) / groups, ...kernel];
      expect(Number.isInteger(shape[1]), `${where}.groups`, "a divisor of the input channels", groups, "BAD_GRAPH");
      return {
        op,
        ...common,
        input,
        kernel,
        stride,
        dilation: pair(fields.dilation, `${where}.dilation`),
        padding: quad(fields.padding, `${where}.padding`),
        groups,
        weights: readWeights(fields.weights, `${where}.weights`, common.name, shape, source),
        epilogue: epilogue(outputs),
        ...(fields.residual !== undefined && { residual: residual() }),
      };
    }
    case "dense": {
      const outputs = channels(common.output);
      const shape = [outputs, elements(shapeOf(input))];
      const weights = readWeights(fields.weights, `${where}.weights`, common.name, shape, source);
      return { op, ...common, input, weights, epilogue: epilogue(outputs) };
    }
    case "maxPool":
      return {
        op,
        ...common,
        input,
        ...window(),
        padding: quad(fields.padding, `${where}.padding`),
        ...(fields.dilation !== undefined && { dilation: pair(fields.dilation, `${where}.dilation`) }),
      };
    case "avgPool":
      return { op, ...common, input, ...window(), epilogue: epilogue(1) };
    case "add":
      return { op, ...common, input, epilogue: epilogue(1), residual: residual() };
    case "gather": {
      const value = number(fields.value, `${where}.value`);
      const [c, rows, columns] = ["channels", "rows", "columns"].map((field) => integers(field, -1));
      return { op, ...common, input, channels: c, rows, columns, value };
    }
    case "permute":
      return { op, ...common, input, dims: integers("dims", 1), order: integers("order", 0) };
    case "activation": {
      const fn = oneOf(fields.fn, `${where}.fn`, Object.keys(ACTIVATIONS) as ActivationName[]);
      return { op, ...common, input, fn, parameters: list(fields.parameters, `${where}.parameters`, number) };
    }
    case "binary": {
      const fn = oneOf(fields.fn, `${where}.fn`, BINARY_FUNCTIONS);
      return { op, ...common, input, other: identifier(fields.other, `${where}.other`), fn };
    }
    case "resample":
      return {
        op,
        ...common,
        input,
        rows: readTaps(fields.rows, `${where}.rows`),
        columns: readTaps(fields.columns, `${where}.columns`),
      };
    case "softmax":
      return {
        op,
        ...common,
        input,
        axis: oneOf(number(fields.axis, `${where}.axis`) as 0 | 1 | 2, `${where}.axis`, [0, 1, 2]),
      };
  }
}

function readWeights(value: unknown, where: string, layer: string, shape: number[], source: TensorSource): Weights {
  const kind = oneOf(text(dictionary(value, where).kind, `${where}.kind`), `${where}.kind`, [
    "codes",
    "codebook",
    "float32",
  ]);
  if (kind === "float32") {
    record(value, where, ["kind"]);
    return { kind, values: source.floats(`${layer}.weight`, shape) };
  }
  if (kind === "codebook") {
    const levels = list(record(value, where, ["kind", "levels"]).levels, `${where}.levels`, number);
    expect(levels.length >= 2 && levels.length <= LEVELS_MAX, where, `2 to ${LEVELS_MAX} levels`, levels.length);
    return {
      kind,
      levels,
      codes: unpackIndices(source.bytes(`${layer}.codes`, null), elements(shape), levels.length, where),
    };
  }
  const fields = record(value, where, ["kind", "bits", "n1"]);
  const bits = oneOf<CodeBits>(number(fields.bits, `${where}.bits`) as CodeBits, `${where}.bits`, [2, 3, 4, 5]);
  const n1 = integer(fields.n1, `${where}.n1`, -126, 127);
  const packed = { magnitudes: source.bytes(`${layer}.codes`, null), signs: source.bytes(`${layer}.signs`, null) };
  return { kind, bits, n1, codes: unpackCodes(packed, elements(shape), bits, where) };
}
