// norm.ts: normalizations.
import { elements, type Tensor } from "../../ops/index.js";
import { added, type Conversion, expectNode, make, planes, required, unsupported } from "./call.js";
import { groupNormalization, instanceNormalization, layerNormalization, meanVarianceNormalization } from "./moments.js";
import { type Operators, operator } from "./operator.js";
import { localResponse, lpNormalization } from "./scaling.js";
import { float, int } from "./spec.js";

const batchNormalization = operator(
  {
    epsilon: float(Math.fround(1e-5)),
    momentum: float(0.9),
    spatial: int(1, { legal: [1] }),
    training_mode: int(0, { legal: [0] }),
  },
  {
    evaluate(call) {
      const [x, gamma, beta, mean, variance] = [0, 1, 2, 3, 4].map((i) => required(call, i));
      const channels = x.dims[1];
      for (const { data } of [gamma, beta, mean, variance]) {
        expectNode(data.length === channels, call.node, `${channels} values`, data.length);
      }
      const plane = elements(x.dims.slice(2));
      const y = make(call, x.type, x.dims);
      for (let i = 0; i < y.data.length; i++) {
        const c = Math.floor(i / plane) % channels;
        const deviation = Math.sqrt(variance.data[c] + call.attributes.epsilon);
        y.data[i] = (gamma.data[c] * (x.data[i] - mean.data[c])) / deviation + beta.data[c];
      }
      return [y];
    },
    convert(conversion) {
      const { node, draft, attributes } = conversion;
      const { dims, shape, input } = planes(conversion);
      if (node.outputs.slice(1).some((name) => draft.readers(name) > 0)) {
        throw unsupported(node, "outputs of training mode");
      }
      const [gamma, beta, mean, raw] = [1, 2, 3, 4].map((i) => {
        const value = required(conversion, i);
        expectNode(value.data.length === shape[0], node, `${shape[0]} values`, value.data.length, `input[${i}]`);
        return draft.parameter(value, [shape[0]]);
      });
      const { epsilon, variance } = positive(conversion, raw, attributes.epsilon);
      // ONNX: running = momentum running + (1 - momentum) batch
      const momentum = Math.min(Math.max(1 - attributes.momentum, 0), 1);
      const made = { op: "batchNorm", input, gamma, beta, mean, variance, epsilon, momentum } as const;
      return [added(conversion, made, shape, dims)];
    },
  },
);

/**
 * A variance with an epsilon, none of them below zero, whose sums are the given ones: rounding may have left a variance
 * slightly negative.
 */
function positive({ node, draft, remark }: Conversion, variance: Tensor, epsilon: number) {
  const least = variance.data.reduce((low, v) => Math.min(low, v), Infinity);
  if (!(least < 0)) return { variance, epsilon };
  const sum = least + epsilon;
  expectNode(sum > 0, node, `variances above ${-epsilon}, with epsilon ${epsilon}`, least, "input[4]");
  remark("warning", node.where, `a variance of ${least}, below zero: epsilon makes up for it`);
  const { data } = variance;
  return { variance: draft.filled(variance.shape, (c) => data[c] + epsilon - sum), epsilon: sum };
}

export const NORMS: Operators = {
  BatchNormalization: batchNormalization,
  GroupNormalization: { versions: { 18: groupNormalization(false), 21: groupNormalization(true) } },
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization(true),
  LpNormalization: lpNormalization,
  LRN: localResponse,
  MeanVarianceNormalization: meanVarianceNormalization,
  RMSNormalization: layerNormalization(false),
};
