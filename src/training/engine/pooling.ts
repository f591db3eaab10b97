// pooling.ts: the maximum, average and global average pooling layers.
import type { AvgPoolNode, GlobalAvgPoolNode, MaxPoolNode } from "../../ops/index.js";
import { type Layer, type Plan, plane, volume } from "./layer.js";

export function maxPoolLayer(plan: Plan, node: MaxPoolNode): Layer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const [channels, height, width] = x.shape;
  const [, outHeight, outWidth] = y.shape;
  const winners = plan.arena.reserve(plan.batch * volume(y.shape) * 4);
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count) {
      k.maxPool(
        x.address,
        count * channels,
        height,
        width,
        node.kernel[0],
        node.kernel[1],
        node.stride[0],
        node.stride[1],
        node.padding[0],
        node.padding[1],
        outHeight,
        outWidth,
        y.address,
        winners,
      );
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.into(node.input);
      return (k, count) => {
        if (!dx) return;
        k.maxPoolBackward(dy, winners, count * channels, plane(x.shape), plane(y.shape), dx.address, dx.accumulate);
      };
    },
  };
}

/** Global pooling is one window over the whole plane. */
export function avgPoolLayer(plan: Plan, node: AvgPoolNode | GlobalAvgPoolNode): Layer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const [channels, height, width] = x.shape;
  const [, outHeight, outWidth] = y.shape;
  const [kernelHeight, kernelWidth] = node.op === "avgPool" ? node.kernel : [height, width];
  const [strideY, strideX] = node.op === "avgPool" ? node.stride : [1, 1];
  const window = [height, width, kernelHeight, kernelWidth, strideY, strideX, outHeight, outWidth] as const;
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count) {
      k.avgPool(x.address, count * channels, ...window, y.address);
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.into(node.input);
      return (k, count) => {
        if (dx) k.avgPoolBackward(dy, count * channels, ...window, dx.address, dx.accumulate);
      };
    },
  };
}
