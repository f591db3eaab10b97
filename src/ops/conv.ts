// conv.ts: convolution.
import { type Check, fields as json } from "../format/index.js";
import {
  checkEpilogue,
  checkResidual,
  type Epilogue,
  epilogue,
  finish,
  optionalResidual,
  type Residual,
  residualAt,
} from "./epilogue.js";
import { count, padding, pair, type Tensor, tensor } from "./field.js";
import { foldEpilogue } from "./fold.js";
import { convOutputShape, elements, sameShape, zeroOf } from "./geometry.js";
import type { LayerKind, NodeKind } from "./kind.js";
import type { Lowering } from "./lowering.js";
import { weightValues } from "./numeric.js";
import { bias, weight } from "./parameter.js";
import type { Weights } from "./tensor.js";
import { checkWeights } from "./weight-check.js";
import { type LayerWeights, nodeWeights, weightsOf } from "./weights.js";
import { checkShape, checkWindow } from "./window.js";

/** Cross-correlation, then the epilogue. The padding holds the raw value that stands for 0. */
export interface ConvLayer {
  readonly op: "conv";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [vertical: number, horizontal: number];
  readonly dilation: readonly [vertical: number, horizontal: number];
  readonly padding: readonly [top: number, left: number, bottom: number, right: number];
  readonly groups: number;
  readonly weights: Weights;
  readonly epilogue: Epilogue;
  readonly residual?: Residual;
}

/** Cross-correlation. weight (out, in / groups, kernel height, kernel width), bias (out) or null. */
export interface ConvNode {
  readonly op: "conv";
  readonly name: string;
  readonly input: string;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly stride: readonly [vertical: number, horizontal: number];
  readonly dilation: readonly [vertical: number, horizontal: number];
  readonly padding: readonly [top: number, left: number, bottom: number, right: number];
  readonly groups: number;
}

/** acc + w x: exact for integers (below 2^53), product and sum each rounded to float32 for floats. */
export function accumulate(acc: number, w: number, x: number, float: boolean): number {
  return float ? Math.fround(acc + Math.fround(w * x)) : acc + w * x;
}

export const convLayer: LayerKind<ConvLayer> = {
  since: 1,
  fields: {
    input: tensor,
    kernel: pair,
    stride: pair,
    dilation: pair,
    padding,
    groups: count,
    weights: weightsOf<ConvLayer>(({ input, output, groups, kernel }, shapeOf, place) => {
      const perGroup = shapeOf(input)[0] / groups;
      const divides = Number.isInteger(perGroup);
      json.expect(divides, `${place}.groups`, "a divisor of the input channels", groups, "BAD_GRAPH");
      return [shapeOf(output)[0], perGroup, ...kernel];
    }),
    epilogue,
    residual: optionalResidual,
  },
  check(layer, [input, operand], output, check: Check) {
    const { groups, kernel } = layer;
    const [channels] = input.shape;
    const [outputs] = output.shape;
    checkWindow(layer, input.shape, check);
    const fits = Number.isInteger(groups) && groups >= 1 && channels % groups === 0 && outputs % groups === 0;
    check(fits, "groups", `a divisor of ${channels} and ${outputs}`, groups);
    checkShape(output, convOutputShape(input.shape, outputs, layer), check);
    checkWeights(layer.weights, outputs, (channels / groups) * elements(kernel), input.encoding, check);
    checkEpilogue(layer.epilogue, outputs, check);
    checkResidual(layer.residual, operand, output, check);
  },
  run(layer, [input, operand], { shape: [outChannels, outHeight, outWidth], encoding }) {
    const [channels, height, width] = input.spec.shape;
    const [kh, kw] = layer.kernel;
    const perGroup = channels / layer.groups;
    const weights = weightValues(layer.weights);
    const float = input.spec.encoding.kind === "float32";
    const outside = zeroOf(input.spec.encoding);
    const result = new Float32Array(outChannels * outHeight * outWidth);
    let at = 0;
    for (let o = 0; o < outChannels; o++) {
      const firstChannel = Math.floor(o / (outChannels / layer.groups)) * perGroup;
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) {
          let acc = 0;
          let k = o * perGroup * kh * kw;
          for (let c = firstChannel; c < firstChannel + perGroup; c++) {
            for (let ky = 0; ky < kh; ky++) {
              const row = y * layer.stride[0] + ky * layer.dilation[0] - layer.padding[0];
              for (let kx = 0; kx < kw; kx++) {
                const column = x * layer.stride[1] + kx * layer.dilation[1] - layer.padding[1];
                const inside = row >= 0 && row < height && column >= 0 && column < width;
                const value = inside ? input.raw[(c * height + row) * width + column] : outside;
                acc = accumulate(acc, weights[k++], value, float);
              }
            }
          }
          result[at] = finish(acc, o, layer.epilogue, residualAt(operand, layer.residual, at), encoding);
          at++;
        }
      }
    }
    return result;
  },
};

export const convNode: NodeKind<ConvNode> = {
  since: 1,
  fields: {
    input: tensor,
    stride: pair,
    dilation: pair,
    padding,
    groups: count,
    weight: /* @__PURE__ */ weight(4),
    bias,
  },
  role: () => "product",
  takesOperand: true,
  shape(node, [input], check: Check) {
    const { weight: w, groups } = node;
    check(w.shape.length === 4, "weight", "4 dimensions", w.shape);
    const [outputs, depth, height, width] = w.shape;
    const window = { ...node, kernel: [height, width] as const };
    checkWindow(window, input, check);
    const fits = Number.isInteger(groups) && groups >= 1 && outputs % groups === 0 && depth * groups === input[0];
    check(fits, "weight", `input channels ${input[0]} = ${groups} groups of ${depth}`, w.shape);
    check(!node.bias || sameShape(node.bias.shape, [outputs]), "bias", `${outputs} values`, node.bias?.shape);
    return convOutputShape(input, outputs, window);
  },
  lower(node, lowering) {
    const { weight: w, stride, dilation, padding: around, groups } = node;
    const made = nodeWeights(node, lowering.grids, lowering.spec(lowering.sources[0]).encoding);
    const kernel: readonly [number, number] = [w.shape[2], w.shape[3]];
    lowerConv(lowering, node.name, made, node.bias, { kernel, stride, dilation, padding: around, groups });
  },
};

type ConvWindow = Pick<ConvLayer, "kernel" | "stride" | "dilation" | "padding" | "groups">;

/** Adds a convolution with what its chain folds into it. */
export function lowerConv(
  lowering: Lowering,
  name: string,
  { weights, units, sums }: LayerWeights,
  added: Tensor | null,
  window: ConvWindow,
): void {
  const { sources, output, shape, encoding, ending, norm, residual } = lowering;
  const { epilogue: folded, residualScale } = foldEpilogue({
    channels: shape[0],
    input: lowering.spec(sources[0]).encoding,
    output: encoding,
    units,
    sums,
    bias: added?.data,
    norm,
    residual: residual === null ? null : lowering.spec(residual).encoding,
    ending,
  });
  const second = residual === null ? {} : { residual: { tensor: residual, scale: residualScale } };
  lowering.push<ConvLayer>(
    { op: "conv", name, input: sources[0], output, weights, epilogue: folded, ...window, ...second },
    encoding,
  );
}
