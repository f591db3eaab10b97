// batchnorm.ts: batch normalization, a scale and an offset for every channel; a layer folds it into its epilogue.
import { type Check, fields as json, storeFloats } from "../format/index.js";
import { lowerConv } from "./conv.js";
import { type Field, number, type Tensor, tensor } from "./field.js";
import type { Norm } from "./fold.js";
import { sameShape } from "./geometry.js";
import type { NodeKind } from "./kind.js";
import { unitWeights } from "./weights.js";

/**
 * Batch normalization: y = gamma (x - mean) / sqrt(variance + epsilon) + beta, per channel; mean and variance are the
 * running ones.
 */
export interface BatchNormNode extends Norm {
  readonly op: "batchNorm";
  readonly name: string;
  readonly input: string;
  /** running = (1 - momentum) running + momentum batch */
  readonly momentum: number;
}

/** One value for each channel; the JSON says once, with gamma, how many channels there are. */
function vector(suffix: string): Field<Tensor> {
  return {
    key: suffix === "gamma" ? "channels" : null,
    read(value, place, { name, sofar, source }) {
      const channels = suffix === "gamma" ? json.integer(value, place, 1) : (sofar.gamma as Tensor).data.length;
      return { shape: [channels], data: source.floats(`${name}.${suffix}`, [channels]) };
    },
    write({ shape, data }, { store }) {
      store(suffix, storeFloats(shape, data));
      return data.length;
    },
    parameter: (value) => value,
  };
}

export const batchNormNode: NodeKind<BatchNormNode> = {
  since: 1,
  fields: {
    input: tensor,
    gamma: /* @__PURE__ */ vector("gamma"),
    beta: /* @__PURE__ */ vector("beta"),
    mean: /* @__PURE__ */ vector("mean"),
    variance: /* @__PURE__ */ vector("variance"),
    epsilon: number,
    momentum: number,
  },
  role: () => "norm",
  takesOperand: true,
  shape({ gamma, beta, mean, variance }, [input], check: Check) {
    for (const [field, value] of Object.entries({ gamma, beta, mean, variance })) {
      check(sameShape(value.shape, [input[0]]), field, `${input[0]} values`, value.shape);
    }
    return input;
  },
  check({ epsilon, momentum, variance }, check: Check) {
    check(epsilon >= 0 && epsilon < Infinity, "epsilon", "finite, >= 0", epsilon);
    check(momentum >= 0 && momentum <= 1, "momentum", "a number in 0..1", momentum);
    const bad = variance.data.findIndex((v) => !(v >= 0 && v + epsilon > 0));
    check(bad < 0, `variance[${bad}]`, ">= 0, with epsilon > 0", variance.data[bad]);
  },
  // a batch norm that follows no layer is a depthwise 1x1 convolution with weights 1
  lower(node, lowering) {
    const [channels] = lowering.shape;
    const made = unitWeights(channels, lowering.spec(lowering.sources[0]).encoding);
    const window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0] } as const;
    lowerConv(lowering, node.name, made, null, { ...window, groups: channels });
  },
};
