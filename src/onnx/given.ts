// given.ts: the kinds of values that the ONNX room takes: a model that has been read, values, options of importing.
import { is, type Kind } from "../base/index.js";
import { elements, NORMALIZATION } from "../ops/index.js";
import type { ImportOptions } from "./import.js";
import type { OnnxInput, OnnxModel, OnnxNode } from "./model.js";
import { ELEMENT_TYPES, type Value } from "./tensor.js";

const DIMS = is.list(is.integer(0));
const TYPE = is.oneOf(...ELEMENT_TYPES);
const TEXTS = is.list(is.text);

const VALUE_FIELDS = is.record<Value>({ type: TYPE, dims: DIMS, data: is.array("Float32Array", "Float64Array") });

/** A tensor with as many elements as its sizes say. */
export const VALUE: Kind = (value, where) => {
  VALUE_FIELDS(value, where);
  const { dims, data } = value as Value;
  if (data.length !== elements(dims)) throw is.refused(`${where}.data`, `${elements(dims)} values`, data);
};

const OPEN_DIMS = is.nullable(is.list(is.nullable(is.integer(0))));
const ATTRIBUTE = is.record({ type: is.text, value: is.anything });

/** A model as readModel gives one. */
export const MODEL = is.record<OnnxModel>({
  name: is.text,
  opsets: is.map(is.number),
  nodes: is.list(
    is.record<OnnxNode>({
      name: is.text,
      op: is.text,
      domain: is.text,
      inputs: TEXTS,
      outputs: TEXTS,
      attributes: is.map(ATTRIBUTE),
      where: is.text,
    }),
  ),
  constants: is.map(VALUE),
  inputs: is.list(is.record<OnnxInput>({ name: is.text, type: TYPE, dims: OPEN_DIMS })),
  outputs: TEXTS,
  outputDims: is.map(OPEN_DIMS),
});

const NUMBERS = is.list(is.number);

export const IMPORT_OPTIONS = is.record<ImportOptions>({
  name: is.optional(is.text),
  normalization: is.optional(NORMALIZATION),
  labels: is.optional(TEXTS),
  inputShape: is.optional(is.either(Array.isArray, NUMBERS, is.dictionary(NUMBERS))),
  outputs: is.optional(TEXTS),
  constants: is.optional(is.dictionary(is.either((value) => typeof value === "number", is.number, NUMBERS))),
  logits: is.optional(is.boolean),
  budget: is.optional(is.number),
  external: is.optional(is.nullable(is.callback)),
  where: is.optional(is.text),
  onRemark: is.optional(is.callback),
});
