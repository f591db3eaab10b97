// parameter.ts: the trainable parameters of convolution and dense nodes as fields: shapes in the JSON, values beside it.
import { fields as json, storeFloats } from "../format/index.js";
import type { Field, Tensor } from "./field.js";

/** Weights with this many dimensions, of which the first counts the outputs. */
export function weight(dimensions: number): Field<Tensor> {
  return {
    read(value, place, { name, source }) {
      const shape = json.list(value, place, (n, at) => json.integer(n, at, 1), dimensions);
      return { shape, data: source.floats(`${name}.weight`, shape) };
    },
    write({ shape, data }, { store }) {
      store("weight", storeFloats(shape, data));
      return shape;
    },
    parameter: (value) => value,
  };
}

/** One value for each output of the weight before it, or null. */
export const bias: Field<Tensor | null> = {
  read(value, place, { name, sofar, source }) {
    if (!json.boolean(value, place)) return null;
    const [outputs] = (sofar.weight as Tensor).shape;
    return { shape: [outputs], data: source.floats(`${name}.bias`, [outputs]) };
  },
  write(value, { store }) {
    if (value) store("bias", storeFloats(value.shape, value.data));
    return value !== null;
  },
  parameter: (value) => value,
};
