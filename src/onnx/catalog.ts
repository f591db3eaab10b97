// catalog.ts: which operators and attributes are known, and the check of a whole model against it before any work.
import { ShiftwiseError } from "../base/index.js";
import type { AttributeType } from "./attributes.js";
import { type OnnxModel, type OnnxNode, shown } from "./model.js";

interface AttributeRule {
  readonly type: AttributeType;
  /** The only values that are done; all if absent. */
  readonly only?: readonly (number | string)[];
}

/** "name:type" or "name:type=value|value" */
function rules(text: string): Readonly<Record<string, AttributeRule>> {
  const parts = text.split(" ").filter((part) => part !== "");
  return Object.fromEntries(
    parts.map((part): [string, AttributeRule] => {
      const [, name, type, values] = /^(\w+):(\w+)(?:=(.*))?$/.exec(part)!;
      const only = values?.split("|").map((value) => (type === "int" ? Number(value) : value));
      return [name, { type: type as AttributeType, ...(only && { only }) }];
    }),
  );
}

const AUTO_PAD = "auto_pad:string=NOTSET|VALID|SAME_UPPER|SAME_LOWER";
const WINDOW = `${AUTO_PAD} dilations:ints kernel_shape:ints pads:ints strides:ints`;
const RESIZE_MODES = "mode:string=nearest|linear|bilinear|cubic";
const PLACES =
  "coordinate_transformation_mode:string=half_pixel|pytorch_half_pixel|asymmetric|align_corners|half_pixel_symmetric";
const NEAREST = "nearest_mode:string=round_prefer_floor|round_prefer_ceil|floor|ceil";
const REDUCE = "axes:ints keepdims:int noop_with_empty_axes:int";

export interface CatalogEntry {
  /** "network": becomes part of the network. "constants": only where the result does not depend on the input. */
  readonly use: "network" | "constants";
  readonly attributes: Readonly<Record<string, AttributeRule>>;
}

const network = (attributes = ""): CatalogEntry => ({ use: "network", attributes: rules(attributes) });
const constants = (attributes = ""): CatalogEntry => ({ use: "constants", attributes: rules(attributes) });

/** Every operator that is read, opset 7 and up. */
export const CATALOG: Readonly<Record<string, CatalogEntry>> = {
  Abs: constants(),
  Add: network(),
  And: constants(),
  AveragePool: network(`${WINDOW} ceil_mode:int count_include_pad:int`),
  BatchNormalization: network("epsilon:float momentum:float spatial:int=1 training_mode:int=0"),
  Cast: network("to:int saturate:int=1"),
  CastLike: constants("saturate:int=1"),
  Ceil: constants(),
  Clip: network("min:float max:float"),
  Concat: network("axis:int"),
  Constant: constants("value:tensor value_float:float value_floats:floats value_int:int value_ints:ints"),
  ConstantOfShape: constants("value:tensor"),
  Conv: network(`${WINDOW} group:int`),
  ConvTranspose: network(`${WINDOW} group:int output_padding:ints output_shape:ints`),
  DepthToSpace: network("blocksize:int mode:string=DCR|CRD"),
  DequantizeLinear: network("axis:int block_size:int=0"),
  Div: network(),
  Dropout: network("ratio:float seed:int"),
  Elu: network("alpha:float"),
  Equal: constants(),
  Exp: constants(),
  Expand: network(),
  Flatten: network("axis:int"),
  Floor: constants(),
  Gather: network("axis:int"),
  Gemm: network("alpha:float beta:float transA:int transB:int"),
  GlobalAveragePool: network(),
  GlobalMaxPool: network(),
  Greater: constants(),
  GreaterOrEqual: constants(),
  HardSigmoid: network("alpha:float beta:float"),
  HardSwish: network(),
  Identity: network(),
  LeakyRelu: network("alpha:float"),
  Less: constants(),
  MatMul: network(),
  Max: constants(),
  MaxPool: network(`${WINDOW} ceil_mode:int storage_order:int=0`),
  Min: constants(),
  Mul: network(),
  Neg: constants(),
  PRelu: network(),
  Pad: network("mode:string=constant|reflect|edge|wrap pads:ints value:float"),
  QuantizeLinear: network("axis:int block_size:int=0 output_dtype:int precision:int=0 saturate:int=1"),
  ReduceMax: constants(REDUCE),
  ReduceMean: network(REDUCE),
  ReduceSum: constants(REDUCE),
  Relu: network(),
  Reshape: network("allowzero:int"),
  Resize: network(
    `antialias:int=0 axes:ints ${PLACES} cubic_coeff_a:float exclude_outside:int extrapolation_value:float keep_aspect_ratio_policy:string=stretch|not_larger|not_smaller ${RESIZE_MODES} ${NEAREST} scales:floats`,
  ),
  Round: constants(),
  Shape: network("start:int end:int"),
  Sigmoid: network(),
  Slice: network("starts:ints ends:ints axes:ints"),
  Softmax: network("axis:int"),
  SpaceToDepth: network("blocksize:int"),
  Split: network("axis:int split:ints num_outputs:int"),
  Sqrt: constants(),
  Squeeze: network("axes:ints"),
  Sub: network(),
  Tanh: network(),
  Transpose: network("perm:ints"),
  Unsqueeze: network("axes:ints"),
  Upsample: network(`${RESIZE_MODES} scales:floats`),
  Where: constants(),
};

/** What is wrong with one node: operator or attribute, as a short text; none if it is known. */
export function nodeProblems(node: OnnxNode, inNetwork: boolean): string[] {
  const entry = node.domain === "" && Object.hasOwn(CATALOG, node.op) ? CATALOG[node.op] : undefined;
  if (!entry) return ["operator"];
  if (inNetwork && entry.use === "constants") return ["operator on values that depend on the input"];
  const problems: string[] = [];
  for (const [name, { type, value }] of node.attributes.all) {
    const rule = Object.hasOwn(entry.attributes, name) ? entry.attributes[name] : undefined;
    if (!rule) problems.push(`attribute ${name}`);
    else if (rule.type !== type) {
      const details = { where: `${node.where}.${name}`, expected: rule.type, found: type };
      throw new ShiftwiseError("BAD_GRAPH", "attribute of the wrong type", details);
    } else if (rule.only && !rule.only.includes(value as number | string)) {
      problems.push(`attribute ${name} = ${String(value)}`);
    }
  }
  return problems;
}

/**
 * Names of the values that depend on the model's inputs. Shapes do not: they are known before anything runs.
 */
export function dependentValues(model: OnnxModel): Set<string> {
  const dependent = new Set(model.inputs.map(({ name }) => name));
  for (const node of model.nodes) {
    if (node.op === "Shape" || !node.inputs.some((name) => dependent.has(name))) continue;
    for (const name of node.outputs) if (name !== "") dependent.add(name);
  }
  return dependent;
}

/** Problems that a message lists. */
const LISTED_MAX = 100;

/**
 * Checks every node before any work is done.
 * @throws UNSUPPORTED listing all nodes that cannot be imported, with name, operator, attribute and opset; BAD_GRAPH for
 *   an attribute of the wrong type
 */
export function checkSupported(model: OnnxModel, where: string): void {
  const dependent = dependentValues(model);
  const problems = model.nodes.flatMap((node) => {
    const inNetwork = node.op !== "Shape" && node.inputs.some((name) => dependent.has(name));
    const operator = `${node.domain ? `${node.domain}.` : ""}${node.op}`;
    const version = node.domain ? "" : `, opset ${model.opset}`;
    return nodeProblems(node, inNetwork).map(
      (problem) => `node ${shown(node.name)}: ${operator}: ${problem}${version}`,
    );
  });
  if (problems.length === 0) return;
  const more = problems.length - LISTED_MAX;
  const lines = more > 0 ? [...problems.slice(0, LISTED_MAX), `and ${more} more`] : problems;
  const list = lines.map((line) => `\n  ${line}`).join("");
  throw new ShiftwiseError("UNSUPPORTED", `${problems.length} of the model's nodes cannot be imported:${list}`, {
    where,
  });
}
