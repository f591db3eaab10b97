// model.ts: the deployable model as data, what the file holds and the runtime runs.
import type { InputPortShape, Layer, Normalization, PortShape, TensorSpec } from "../ops/index.js";

/** An input or output of a model: a name for users and the tensor that it stands for. */
export interface Port extends PortShape {
  readonly name: string;
  readonly tensor: string;
}

/** The host encodes a float32 value x for an integer tensor as an epilogue with scale fround(1 / scale) and offset zero. */
export interface InputPort extends Port, InputPortShape {
  readonly normalization?: Normalization;
}

/** A deployable model. Layers are in execution order; every tensor is written by one layer or is an input. */
export interface ModelDef {
  readonly name: string;
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly Port[];
  readonly labels?: readonly string[];
  readonly tensors: { readonly [name: string]: TensorSpec };
  readonly layers: readonly Layer[];
  /** Free text about how the model came to be (training command, accuracy); shown by `inspect`, never interpreted. */
  readonly notes?: { readonly [key: string]: string };
}
