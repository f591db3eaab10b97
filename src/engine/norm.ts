// norm.ts: the batch norm layer, with the addition and the ReLU behind it taken into the same passes over memory.

import { type Address, NOWHERE } from "../base/index.js";
import type { BatchNormNode } from "../ops/index.js";
import { type EngineLayer, type ForwardPlan, type Mode, NO_CLAMP, plane, type Range, volume } from "./layer.js";
import { NormGradient, NormJob } from "./wasm.generated.js";
import type { TrainingKernels } from "./wasm.js";

/** The nodes that follow the batch norm and are computed with it. */
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

export function normLayer(
  plan: ForwardPlan,
  node: BatchNormNode,
  tail: NormTail,
  statistics: NormStatistics,
): EngineLayer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(tail.output);
  const residual = tail.residual ? plan.tensor(tail.residual) : null;
  const gamma = plan.parameter(node.name, "gamma");
  const beta = plan.parameter(node.name, "beta");
  const channels = x.shape[0];
  const pixels = plane(x.shape);
  const channelBytes = channels * 4;
  const factor = plan.arena.reserve(channelBytes);
  const planNorm = ({ low, high }: Range) => ({
    channels,
    plane: pixels,
    epsilon: node.epsilon,
    gamma: gamma.value,
    beta: beta.value,
    factor,
    low,
    high,
  });
  const clamp = tail.clamp ?? NO_CLAMP;
  const job = plan.arena.record(NormJob, planNorm(clamp));
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
      if (mode === "train") k.normStatistics(job, x.address, count, mean, variance);
      k.normFactors(job, variance);
      k.normApply(job, x.address, residual?.address ?? NOWHERE, y.address, count, mean);
    },

    planBackward(gradients) {
      const { arena } = gradients;
      const dy = gradients.of(tail.output);
      // with a residual the clamp's mask is applied first, in place: what is left is the residual's gradient as well
      const mask = tail.clamp && residual ? tail.clamp : null;
      const own = arena.record(NormJob, planNorm(residual ? NO_CLAMP : clamp));
      const dx = residual ? gradients.into(node.input) : gradients.inPlace(tail.output, node.input);
      const temporary = dx?.accumulate ? arena.borrow(plan.batch * volume(x.shape) * 4) : null;
      const dr = tail.residual ? gradients.inPlace(tail.output, tail.residual) : null;
      if (temporary) arena.release(temporary);
      const gradient = arena.record(NormGradient, {
        sums: arena.reserve(channels * 16),
        dgamma: gamma.gradient,
        dbeta: beta.gradient,
        centre: arena.reserve(channelBytes),
        slope: arena.reserve(channelBytes),
      });

      return (k: TrainingKernels, count: number) => {
        const { mean, variance } = used(last);
        const length = count * volume(x.shape);
        if (mask) k.clampBackward(y.address, dy, dy, length, mask.low, mask.high, 0);
        k.normGradientSums(own, gradient, x.address, dy, count, mean);
        k.normGradientFactors(own, gradient, variance, last === "train" ? count * pixels : 0);
        if (dx) {
          k.normBackward(own, gradient, x.address, dy, temporary ?? dx.address, count, mean);
          if (temporary) k.addInto(temporary, dx.address, length);
        }
        if (dr?.accumulate) k.addInto(dy, dr.address, length);
      };
    },
  };
}
