// elementwise.ts: the layers that keep every value's place: clamped sums, concatenation, activation rounding.
import { largestOf, ShiftwiseError, scaleOf, zeroOf } from "../format/index.js";
import type { ConcatNode, QuantizeNode } from "../graph/index.js";
import { type Layer, type Plan, plane, type Range, volume } from "./layer.js";

/** y = clamp(a + b), or clamp(a) with one input: ReLU, addition, and both at once. */
export function clampSumLayer(plan: Plan, output: string, inputs: readonly string[], clamp: Range): Layer {
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
      k.clampSum(a.address, b?.address ?? 0, y.address, count * size, low, high);
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

export function concatLayer(plan: Plan, node: ConcatNode): Layer {
  const y = plan.tensor(node.name);
  const imageBytes = volume(y.shape) * 4;
  let offset = 0;
  const parts = node.inputs.map((name) => {
    const x = plan.tensor(name);
    const bytes = x.shape[0] * plane(x.shape) * 4;
    const part = { name, address: x.address, bytes, offset };
    offset += bytes;
    return part;
  });
  return {
    output: node.name,
    inputs: node.inputs,
    forward(k, count) {
      for (const { address, bytes, offset } of parts) {
        k.moveBlocks(address, bytes, y.address + offset, imageBytes, bytes, count, 0);
      }
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const targets = parts.map((part) => ({ ...part, target: gradients.into(part.name) }));
      return (k, count) => {
        for (const { target, bytes, offset } of targets) {
          if (!target) continue;
          k.moveBlocks(dy + offset, imageBytes, target.address, bytes, bytes, count, target.accumulate);
        }
      };
    },
  };
}

/** Backward is straight through for values inside the encoding's range, zero outside. */
export function quantizeLayer(plan: Plan, node: QuantizeNode): Layer {
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
  const table = steps ? plan.arena.table(steps) : 0;
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
      return (k, count) => {
        if (!dx) return;
        const low = scale * -zero;
        const high = scale * (top - zero);
        k.quantizeBackward(x.address, dy, dx.address, count * size, low, high, dx.accumulate);
      };
    },
  };
}
