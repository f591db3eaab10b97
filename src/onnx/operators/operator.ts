// operator.ts: all that is known of one operator of ONNX, as one record.
import { isActivation, type Known } from "../draft.js";
import type { OnnxNode } from "../model.js";
import type { Value } from "../tensor.js";
import { type Bare, type BareConversion, type Call, type Conversion, unsupported } from "./call.js";
import { readSpecs, type Specs, type ValuesOf } from "./spec.js";

/** Nodes that stand for one, with constants of theirs. */
export interface Expansion {
  readonly nodes: readonly OnnxNode[];
  readonly constants?: ReadonlyMap<string, Value>;
}

/** An operator is computed and converted, or it stands for other nodes. */
export type Operator = Simple | Composite;

/** An operator that is written out as other nodes before it is computed or converted. */
export interface Composite {
  readonly attributes: Specs;
  /** The nodes that take the place of one; constant operands are known. */
  expand(call: Bare): Expansion;
}

/** An operator that is computed, and that may become nodes of the network. */
export interface Simple {
  readonly attributes: Specs;
  /** The outputs for constant inputs, as many as the node asks for, or fewer. */
  evaluate(call: Bare): readonly Value[];
  /** The nodes of the network for inputs that depend on the model's. Absent: only constants are done. */
  convert?(conversion: BareConversion): readonly Known[];
  /** True where the result depends on the inputs' shapes alone, which are known before anything runs. */
  readonly ofShapes?: true;
  /** True where `convert` takes integers too; otherwise only floats. */
  readonly anyType?: true;
  /** True where the result's elements are elements of the inputs, whatever their type. */
  readonly moves?: true;
  /** True where `convert` takes integers of QuantizeLinear as the floats that they stand for. */
  readonly takesQuantized?: true;
  /** True where an attribute may name the axis of the images, which is left as it is. */
  readonly keepsImages?: true;
}

/** An operator whose meaning changed: by the first version of its domain that has it so. */
export interface Versions {
  readonly versions: Readonly<Record<number, Operator>>;
}

/** Operators by name; those of other domains than ONNX's own as "domain.name". */
export type Operators = Readonly<Record<string, Operator | Versions>>;

/** An operator whose functions receive the values of its attributes, checked and typed. */
export function operator<S extends Specs>(
  attributes: S,
  parts: {
    evaluate(call: Call<ValuesOf<S>>): readonly Value[];
    convert?(conversion: Conversion<ValuesOf<S>>): readonly Known[];
  } & Pick<Simple, "ofShapes" | "anyType" | "moves" | "takesQuantized" | "keepsImages">,
): Simple {
  const { evaluate, convert, ...flags } = parts;
  return {
    ...flags,
    attributes,
    evaluate: (call) => evaluate({ ...call, attributes: readSpecs(attributes, call) }),
    ...(convert && {
      convert(conversion: BareConversion) {
        const values = readSpecs(attributes, conversion);
        if (!flags.keepsImages) checkBatch(conversion, values);
        return convert({ ...conversion, attributes: values });
      },
    }),
  };
}

/**
 * A batch that stands in the file is read as 1, so nothing may be done along it.
 * @throws UNSUPPORTED for a node that works along the axis of the images
 */
function checkBatch({ node, batch, operands }: BareConversion, attributes: object): void {
  if (batch === 1) return;
  const image = operands.find((operand) => isActivation(operand) && operand.dims[0] === 1);
  if (!image) return;
  const { axis, axes, keepdims, noop_with_empty_axes: noop } = attributes as Readonly<Record<string, unknown>>;
  // a reduction without axes is one over all of them
  const unnamed = axes === null || (Array.isArray(axes) && axes.length === 0);
  const all = keepdims !== undefined && unnamed && noop !== true;
  const along = [axis ?? [], axes ?? []].flat() as readonly unknown[];
  if (!all && !along.some((one) => one === 0 || one === -image.dims.length)) return;
  throw unsupported(node, `work along the batch of ${batch} that stands in the file, which is read as 1`);
}

/** An operator that stands for other nodes; `expand` receives the values of its attributes, checked and typed. */
export function composite<S extends Specs>(attributes: S, expand: (call: Call<ValuesOf<S>>) => Expansion): Composite {
  return { attributes, expand: (call) => expand({ ...call, attributes: readSpecs(attributes, call) }) };
}

export function isComposite(operator: Operator | undefined): operator is Composite {
  return operator !== undefined && "expand" in operator;
}

/** Whether a result depends on the inputs' shapes alone. */
export function isOfShapes(operator: Operator | undefined): boolean {
  return operator !== undefined && "ofShapes" in operator && operator.ofShapes === true;
}
