// lowering.ts: what a node that becomes a layer is given, and may ask for.

import type { Ending } from "./epilogue.js";
import type { Norm } from "./fold.js";
import type { WeightGrids } from "./grid.js";
import type { Encoding, Normalization, Shape, TensorSpec } from "./tensor.js";

/** The fields of every layer: its kind, its own name, and the tensor that it writes. */
export interface LayerBase {
  readonly op: string;
  readonly name: string;
  readonly output: string;
}

/** One chain on its way to a layer: the head that is asked, and what the rest of the chain says of its epilogue. */
export interface Lowering {
  /** The tensors of the model that hold the head's operands, in order. */
  readonly sources: readonly string[];
  /** Name of the tensor that the layer writes, and its shape. */
  readonly output: string;
  readonly shape: Shape;
  /** Encoding of the result where the head computes one. */
  readonly encoding: Encoding;
  /** The rest of the epilogue, in real values. */
  readonly ending: Ending;
  /** The batch norm that follows the head, or null. */
  readonly norm: Norm | null;
  /** The tensor that is added, or null. */
  readonly residual: string | null;
  /** Grids of the weights; null where the network stays float32. */
  readonly grids: WeightGrids | null;
  /** Shape and encoding of a tensor of the model. */
  spec(tensor: string): TensorSpec;
  /** Adds the layer, whose kind has to be named as L; its output has this encoding. */
  push<L extends LayerBase = never>(layer: NoInfer<L>, encoding: Encoding): void;
  /** Adds an input of the model, which holds the head's result. */
  pushInput(name: string, normalization?: Normalization): void;
  /** Says that the first source holds the result as it is. */
  alias(): void;
  /** A copy of a tensor as float32; the tensor itself where it is float32 already. */
  toFloat32(tensor: string): string;
  /** The layer of a kind that writes a tensor which nothing else reads; null where there is none. */
  soleWriter<L extends LayerBase = never>(op: NoInfer<L>["op"], tensor: string): L | null;
  /** Takes a layer out again, with its output. */
  remove(layer: LayerBase): void;
}
