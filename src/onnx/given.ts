// given.ts: the kinds of values that the ONNX room takes: a model that has been read, values, options of importing.
import { is, type Kind } from "../base/index.js";
import { elements, NORMALIZATION } from "../ops/index.js";
import { type InputNormalization, type InputShape, isNormalization } from "./input.js";
import type { OnnxInput, OnnxModel, OnnxNode } from "./model.js";
import type { RemarkLevel } from "./surroundings.js";
import { ELEMENT_TYPES, type ExternalData, type Value } from "./tensor.js";

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
  metadata: is.optional(is.map(is.text)),
});

const NUMBERS = is.list(is.number);

/** Options of `importOnnx`. */
export interface ImportOptions {
  /**
   * Name of the network. Default: the graph's own, or where exporters give every graph that name, such as "torch_jit" or "main_graph", the
   * one of the file in `where`.
   */
  readonly name?: string;
  /** The normalization of pixels, which an ONNX file does not hold; of several inputs by name where they differ. */
  readonly normalization?: InputNormalization;
  readonly labels?: readonly string[];
  /** Sizes of the input as ONNX has them, with or without the batch, where the file leaves some open. */
  readonly inputShape?: InputShape;
  /**
   * Sizes by input for those that the file leaves open, where inputShape says nothing. The file's own sizes count before these.
   * @internal
   */
  readonly openSizes?: Readonly<Record<string, readonly number[]>>;
  /** Values that the network ends in, instead of the file's outputs: what comes behind them is not imported. */
  readonly outputs?: readonly string[];
  /** Numbers for inputs that are to be constants: one for all elements, or as many as there are. */
  readonly constants?: Readonly<Record<string, number | readonly number[]>>;
  /** Leaves out a softmax that makes an output, so that the network ends in logits, as training wants. */
  readonly logits?: boolean;
  /**
   * The number of elements that importing may make beyond those in the file: constants that are folded, lists of
   * indices, copies of weights. Default 2^24, and 16 for each element of the file.
   */
  readonly budget?: number;
  /** Reads tensors that lie in other files. Without it such a model is refused. */
  readonly external?: ExternalData;
  /** File name for error messages, and for a graph without a name of its own. */
  readonly where?: string;
  /**
   * Called with what is no error. A "warning" says what may be wrong, such as a variance below zero. A "note" says what is
   * only worth knowing, such as an input that nothing reads.
   */
  readonly onRemark?: (text: string, level: RemarkLevel) => void;
}

export const IMPORT_OPTIONS = is.record<ImportOptions>({
  name: is.optional(is.text),
  normalization: is.optional(
    is.either((value) => isNormalization(Object(value)), NORMALIZATION, is.dictionary(NORMALIZATION)),
  ),
  labels: is.optional(TEXTS),
  inputShape: is.optional(is.either(Array.isArray, NUMBERS, is.dictionary(NUMBERS))),
  openSizes: is.optional(is.dictionary(NUMBERS)),
  outputs: is.optional(TEXTS),
  constants: is.optional(is.dictionary(is.either((value) => typeof value === "number", is.number, NUMBERS))),
  logits: is.optional(is.boolean),
  budget: is.optional(is.number),
  external: is.optional(is.nullable(is.callback)),
  where: is.optional(is.text),
  onRemark: is.optional(is.callback),
});
