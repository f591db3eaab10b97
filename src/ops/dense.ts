// dense.ts: dense layers, products of a matrix and the flattened input.
import type { Check } from "../format/index.js";
import { accumulate } from "./conv.js";
import { checkEpilogue, type Epilogue, epilogue, finish } from "./epilogue.js";
import { type Tensor, tensor } from "./field.js";
import { foldEpilogue } from "./fold.js";
import { elements, sameShape } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import { weightValues } from "./numeric.js";
import { bias, weight } from "./parameter.js";
import type { Weights } from "./tensor.js";
import { checkWeights } from "./weight-check.js";
import { nodeWeights, weightsOf } from "./weights.js";
import { checkShape } from "./window.js";

/** A fully connected layer: y = W x over the input flattened as (channel, row, column). Output shape [n, 1, 1]. */
export interface DenseLayer {
  readonly op: "dense";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly weights: Weights;
  readonly epilogue: Epilogue;
}

/** A fully connected layer: y = W x + b over the input flattened as (channel, row, column). weight (out, in). */
export interface DenseNode {
  readonly op: "dense";
  readonly name: string;
  readonly input: string;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

export const denseLayer: LayerKind<DenseLayer> = {
  since: 1,
  fields: {
    input: tensor,
    weights: weightsOf<DenseLayer>(({ input, output }, shapeOf) => [shapeOf(output)[0], elements(shapeOf(input))]),
    epilogue,
  },
  check({ weights, epilogue: ending }, [input], output, check: Check) {
    const [outputs] = output.shape;
    checkShape(output, [outputs, 1, 1], check);
    checkWeights(weights, outputs, elements(input.shape), input.encoding, check);
    checkEpilogue(ending, outputs, check);
  },
  run(layer, [input], output) {
    const inputs = input.raw.length;
    const weights = weightValues(layer.weights);
    const float = input.spec.encoding.kind === "float32";
    return Float32Array.from({ length: output.shape[0] }, (_, o) => {
      let acc = 0;
      for (let i = 0; i < inputs; i++) acc = accumulate(acc, weights[o * inputs + i], input.raw[i], float);
      return finish(acc, o, layer.epilogue, null, output.encoding);
    });
  },
};

export const denseNode: NodeKind<DenseNode> = {
  since: 1,
  fields: { input: tensor, weight: /* @__PURE__ */ weight(2), bias },
  role: () => "product",
  shape({ weight: w, bias: b }, [input], check: Check) {
    const [outputs, depth] = w.shape;
    const fits = w.shape.length === 2 && depth === elements(input);
    check(fits, "weight", `(outputs, ${elements(input)})`, w.shape);
    check(!b || sameShape(b.shape, [outputs]), "bias", `${outputs} values`, b?.shape);
    return [outputs, 1, 1];
  },
  lower(node, lowering) {
    const { sources, output, shape, encoding, ending, norm } = lowering;
    const input = lowering.spec(sources[0]).encoding;
    const { weights, units, sums } = nodeWeights(node, lowering.grids, input);
    const affine = { channels: shape[0], input, output: encoding, units, sums, bias: node.bias?.data, norm, ending };
    const { epilogue: folded } = foldEpilogue(affine);
    lowering.push<DenseLayer>(
      { op: "dense", name: node.name, input: sources[0], output, weights, epilogue: folded },
      encoding,
    );
  },
};
