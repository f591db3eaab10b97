// layers.ts: every kind of layer in one table, and what loops over it: inputs, fields, files.
import { type ActivationLayer, activationLayer } from "./activation.js";
import { type AddLayer, addLayer } from "./add.js";
import { type AvgPoolLayer, avgPoolLayer } from "./avgpool.js";
import { type BinaryLayer, binaryLayer } from "./binary.js";
import { type ConcatLayer, concatLayer } from "./concat.js";
import { type ConstantLayer, constantLayer } from "./constant.js";
import { type ConvLayer, convLayer } from "./conv.js";
import { type DenseLayer, denseLayer } from "./dense.js";
import { type ElementwiseLayer, elementwiseLayer } from "./elementwise.js";
import { type GatherLayer, gatherLayer } from "./gather.js";
import type { LayerKind } from "./kind.js";
import { type MatmulLayer, matmulLayer } from "./matmul.js";
import { type MaxPoolLayer, maxPoolLayer } from "./maxpool.js";
import { type PermuteLayer, permuteLayer } from "./permute.js";
import { namesOf } from "./record.js";
import { type ResampleLayer, resampleLayer } from "./resample.js";
import { type SoftmaxLayer, softmaxLayer } from "./softmax.js";

/** A layer of a deployable model. Its kind is `op`; docs/format.md says what each kind computes. */
export type Layer =
  | ConvLayer
  | DenseLayer
  | MaxPoolLayer
  | AvgPoolLayer
  | AddLayer
  | ConcatLayer
  | GatherLayer
  | PermuteLayer
  | ActivationLayer
  | ElementwiseLayer
  | BinaryLayer
  | MatmulLayer
  | ConstantLayer
  | ResampleLayer
  | SoftmaxLayer;

export const LAYERS = {
  conv: convLayer,
  dense: denseLayer,
  maxPool: maxPoolLayer,
  avgPool: avgPoolLayer,
  add: addLayer,
  concat: concatLayer,
  gather: gatherLayer,
  permute: permuteLayer,
  activation: activationLayer,
  elementwise: elementwiseLayer,
  binary: binaryLayer,
  matmul: matmulLayer,
  constant: constantLayer,
  resample: resampleLayer,
  softmax: softmaxLayer,
} satisfies { readonly [Op in Layer["op"]]: LayerKind<Extract<Layer, { op: Op }>> };

/** The record of a layer's kind. The table's type says that it is one of just this kind. */
export function layerKind(layer: Layer): LayerKind<Layer> {
  return LAYERS[layer.op] as LayerKind<Layer>;
}

/** The tensors that a layer reads, in the order of its fields. */
export function layerInputs(layer: Layer): readonly string[] {
  return namesOf(LAYERS[layer.op].fields, layer);
}
