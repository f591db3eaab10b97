// norm.ts: the batch norm layer, with the addition and the ReLU behind it taken into the same passes over memory.

import { type Address, NOWHERE } from "../../base/address.js";
import type { BatchNormNode } from "../../graph/index.js";
import { type Layer, type Mode, NO_CLAMP, type Plan, plane, type Range, volume } from "./layer.js";
import type { Kernels } from "./wasm.js";

/** What follows the batch norm and is computed with it. */
export interface NormTail {
  /** Name of the tensor that the last fused node makes. */
  readonly output: string;
  readonly residual: string | null;
  readonly clamp: Range | null;
}

/** Statistics of one batch norm: the running ones that the trainer writes, and those of the last batch. */
export interface NormStatistics {
  readonly runningMean: Address;
  readonly runningVariance: Address;
  readonly batchMean: Address;
  /** Biased: divided by count * plane. */
  readonly batchVariance: Address;
}

export function normLayer(plan: Plan, node: BatchNormNode, tail: NormTail, statistics: NormStatistics): Layer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(tail.output);
  const residual = tail.residual ? plan.tensor(tail.residual) : null;
  const gamma = plan.parameter(node.name, "gamma");
  const beta = plan.parameter(node.name, "beta");
  const channels = x.shape[0];
  const pixels = plane(x.shape);
  const { low, high } = tail.clamp ?? NO_CLAMP;
  const channelBytes = channels * 4;
  const factor = plan.arena.reserve(channelBytes);
  // which statistics the last forward pass used, for the backward pass that belongs to it
  let last: Mode = "eval";
  const used = (mode: Mode) => ({
    mean: mode === "train" ? statistics.batchMean : statistics.runningMean,
    variance: mode === "train" ? statistics.batchVariance : statistics.runningVariance,
  });

  return {
    output: tail.output,
    inputs: tail.residual ? [node.input, tail.residual] : [node.input],

    forward(k, count, mode) {
      last = mode;
      const { mean, variance } = used(mode);
      if (mode === "train") k.normStatistics(x.address, count, channels, pixels, mean, variance);
      k.normFactors(gamma.value, variance, node.epsilon, channels, factor);
      const r = residual?.address ?? NOWHERE;
      k.normApply(x.address, r, y.address, count, channels, pixels, mean, factor, beta.value, low, high);
    },

    planBackward(gradients) {
      const { arena } = gradients;
      const dy = gradients.of(tail.output);
      // with a residual the clamp's mask is applied first, in place: what is left is the residual's gradient as well
      const mask = tail.clamp && residual ? tail.clamp : null;
      const own = residual ? NO_CLAMP : { low, high };
      const dx = residual ? gradients.into(node.input) : gradients.inPlace(tail.output, node.input);
      const temporary = dx?.accumulate ? arena.borrow(plan.batch * volume(x.shape) * 4) : null;
      const dr = tail.residual ? gradients.inPlace(tail.output, tail.residual) : null;
      if (temporary) arena.release(temporary);
      const sums = arena.reserve(channels * 16);
      const centre = arena.reserve(channelBytes);
      const slope = arena.reserve(channelBytes);

      return (k: Kernels, count: number) => {
        const { mean, variance } = used(last);
        const length = count * volume(x.shape);
        if (mask) k.clampBackward(y.address, dy, dy, length, mask.low, mask.high, 0);
        const samples = last === "train" ? count * pixels : 0;
        const b = beta.value;
        k.normGradientSums(x.address, dy, count, channels, pixels, mean, factor, b, own.low, own.high, sums);
        k.normGradientFactors(
          sums,
          factor,
          variance,
          node.epsilon,
          channels,
          samples,
          gamma.gradient,
          beta.gradient,
          centre,
          slope,
        );
        if (dx) {
          const to = temporary ?? dx.address;
          k.normBackward(x.address, dy, to, count, channels, pixels, mean, factor, b, own.low, own.high, centre, slope);
          if (temporary) k.addInto(temporary, dx.address, length);
        }
        if (dr?.accumulate) k.addInto(dy, dr.address, length);
      };
    },
  };
}
