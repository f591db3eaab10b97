// constant.ts: values that do not depend on the input.
import { firstNonFinite, isArray } from "../base/index.js";
import { type Check, fields as json, storeFloats } from "../format/index.js";
import type { Field, Tensor } from "./field.js";
import { elements } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";

/** Float32 values that the model holds. */
export interface ConstantLayer {
  readonly op: "constant";
  readonly name: string;
  readonly output: string;
  readonly values: Float32Array;
}

/** Values (channel, row, column) that do not depend on the input. */
export interface ConstantNode {
  readonly op: "constant";
  readonly name: string;
  readonly value: Tensor;
}

/** Values of the output's shape; the JSON says nothing of them. */
const values: Field<Float32Array> = {
  key: null,
  read: (_, __, { name, sofar, source, shapeOf }) => source.floats(`${name}.values`, shapeOf(sofar.output as string)),
  write: (given, { owner, shapeOf, store }) => store("values", storeFloats(shapeOf(owner.output as string), given)),
};

const value: Field<Tensor> = {
  read(given, place, { name, source }) {
    const shape = json.triple(given, place);
    return { shape, data: source.floats(`${name}.value`, shape) };
  },
  write({ shape, data }, { store }) {
    store("value", storeFloats(shape, data));
    return shape;
  },
  parameter: (given) => given,
};

export const constantLayer: LayerKind<ConstantLayer> = {
  since: 1,
  fields: { values },
  check({ values: given }, _, output, check: Check) {
    check(output.encoding.kind === "float32", "output", "a float32 tensor", output.encoding);
    check(isArray(given, "Float32Array"), "values", "a Float32Array", given);
    check(given.length === elements(output.shape), "values", `${elements(output.shape)} values`, given.length);
    const bad = firstNonFinite(given);
    check(bad < 0, `values[${bad}]`, "a finite number", String(given[bad]));
  },
  run: ({ values: given }) => new Float32Array(given),
};

export const constantNode: NodeKind<ConstantNode> = {
  since: 1,
  fields: { value },
  role: () => "constant",
  shape({ value: { shape } }, _, check: Check) {
    check(shape.length === 3, "value", "3 dimensions", shape);
    return [shape[0], shape[1], shape[2]];
  },
  lower({ op, name, value: { data } }, { output, push }) {
    push<ConstantLayer>({ op, name, output, values: data.slice() }, { kind: "float32" });
  },
};
