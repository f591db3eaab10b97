// elementwise.ts: the layers that keep every value's place: clamped sums, leaky ReLU, dropout, activation rounding.

import { type Address, NOWHERE, ShiftwiseError } from "../base/index.js";
import { crc32 } from "../format/index.js";
import { type DropoutNode, type LeakyReluNode, largestOf, type QuantizeNode, scaleOf, zeroOf } from "../ops/index.js";
import { type EngineLayer, type ForwardPlan, type Mode, type Range, volume } from "./layer.js";
import type { TrainingKernels } from "./wasm.js";

/** y = clamp(a + b), or clamp(a) with one input: ReLU, addition, and both at once. */
export function clampSumLayer(plan: ForwardPlan, output: string, inputs: readonly string[], clamp: Range): EngineLayer {
  const a = plan.tensor(inputs[0]);
  const b = inputs.length > 1 ? plan.tensor(inputs[1]) : null;
  const y = plan.tensor(output);
  const { low, high } = clamp;
  const clamps = low > Number.NEGATIVE_INFINITY || high < Number.POSITIVE_INFINITY;
  const size = volume(y.shape);
  return {
    output,
    inputs,
    forward(k, count) {
      k.clampSum(a.address, b?.address ?? NOWHERE, y.address, count * size, low, high);
    },
    planBackward(gradients) {
      const dy = gradients.of(output);
      // the second operand first: the one that takes dy over must be the last to be written
      const db = inputs.length > 1 ? gradients.into(inputs[1]) : null;
      const da = gradients.inPlace(output, inputs[0]);
      return (k, count) => {
        const length = count * size;
        if (clamps) k.clampBackward(y.address, dy, dy, length, low, high, 0);
        if (db) k.moveBlocks(dy, 0, db.address, 0, length * 4, 1, db.accumulate);
        if (da?.accumulate) k.addInto(dy, da.address, length);
      };
    },
  };
}

export function leakyReluLayer(plan: ForwardPlan, node: LeakyReluNode): EngineLayer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const size = volume(y.shape);
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count) {
      k.leakyRelu(x.address, y.address, count * size, node.slope);
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.inPlace(node.name, node.input);
      return (k, count) => {
        if (dx) k.leakyReluBackward(x.address, dy, dx.address, count * size, node.slope, dx.accumulate);
      };
    },
  };
}

/** Draws in "train" mode only. */
export function dropoutLayer(plan: ForwardPlan, node: DropoutNode): EngineLayer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const size = volume(y.shape);
  const bytes = size * 4;
  const factor = 1 / (1 - node.rate);
  const limit = Math.round(node.rate * 2 ** 32);
  // two dropouts of one network must not drop the same places
  const own = crc32(new TextEncoder().encode(node.name));
  let last: { readonly mode: Mode; readonly seed: number } = { mode: "eval", seed: 0 };
  const drop = (k: TrainingKernels, from: Address, to: Address, count: number, accumulate: 0 | 1): void => {
    if (last.mode === "train") k.dropout(from, to, count * size, last.seed ^ own, limit, factor, accumulate);
    else k.moveBlocks(from, 0, to, 0, count * bytes, 1, accumulate);
  };
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count, mode, seed) {
      last = { mode, seed };
      drop(k, x.address, y.address, count, 0);
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.inPlace(node.name, node.input);
      return (k, count) => {
        if (dx) drop(k, dy, dx.address, count, dx.accumulate);
      };
    },
  };
}

/** Backward is straight through for values inside the encoding's range, zero outside. */
export function quantizeLayer(plan: ForwardPlan, node: QuantizeNode): EngineLayer {
  const { encoding } = node;
  const top = largestOf(encoding);
  if (top === null) {
    throw new ShiftwiseError("BAD_GRAPH", "nothing to round to", {
      expected: "a linear or levels encoding",
      found: encoding.kind,
      where: node.name,
    });
  }
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const size = volume(x.shape);
  const scale = scaleOf(encoding);
  const zero = zeroOf(encoding);
  const steps =
    encoding.kind === "levels"
      ? Float32Array.from(
          encoding.thresholds.flatMap((threshold, i) => [threshold, encoding.levels[i + 1] - encoding.levels[i]]),
        )
      : null;
  const table = steps ? plan.arena.table(steps) : NOWHERE;
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count) {
      if (steps) k.quantizeLevels(x.address, y.address, count * size, scale, table, steps.length / 2);
      else k.quantizeLinear(x.address, y.address, count * size, scale, zero, top);
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.inPlace(node.name, node.input);
      // both ends of the range included
      const low = neighbour(scale * -zero, -1);
      const high = neighbour(scale * (top - zero), 1);
      return (k, count) => {
        if (dx) k.clampBackward(x.address, dy, dx.address, count * size, low, high, dx.accumulate);
      };
    },
  };
}

/** The next float32 in a direction. */
function neighbour(value: number, direction: 1 | -1): number {
  const float = Float32Array.of(value);
  const bits = new Int32Array(float.buffer);
  if (float[0] === 0) return direction * 2 ** -149;
  bits[0] += Math.sign(float[0]) === direction ? 1 : -1;
  return float[0];
}
