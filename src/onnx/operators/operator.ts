// operator.ts: all that is known of one operator of ONNX, as one record.
import type { Known } from "../draft.js";
import type { Value } from "../tensor.js";
import type { Bare, BareConversion, Call, Conversion } from "./call.js";
import { readSpecs, type Specs, type ValuesOf } from "./spec.js";

export interface Operator {
  readonly attributes: Specs;
  /** The outputs for constant inputs, as many as the node asks for, or fewer. */
  evaluate(call: Bare): readonly Value[];
  /** The nodes of the network for inputs that depend on the model's. Absent: only constants are done. */
  convert?(conversion: BareConversion): readonly Known[];
  /** True where the result depends on the inputs' shapes alone, which are known before anything runs. */
  readonly ofShapes?: true;
  /** True where `convert` takes integers too; otherwise only floats. */
  readonly anyType?: true;
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
  } & Pick<Operator, "ofShapes" | "anyType">,
): Operator {
  const { evaluate, convert, ...flags } = parts;
  return {
    ...flags,
    attributes,
    evaluate: (call) => evaluate({ ...call, attributes: readSpecs(attributes, call) }),
    ...(convert && {
      convert: (conversion: BareConversion) =>
        convert({ ...conversion, attributes: readSpecs(attributes, conversion) }),
    }),
  };
}
