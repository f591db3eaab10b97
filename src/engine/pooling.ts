// pooling.ts: the maximum, average and global average pooling layers.
import type { Pointer } from "../base/index.js";
import type { AvgPoolNode, GlobalAvgPoolNode, MaxPoolNode, Shape } from "../ops/index.js";
import { type EngineLayer, type ForwardPlan, untrainable, volume } from "./layer.js";
import { PoolJob } from "./wasm.generated.js";

/** @throws UNSUPPORTED for a dilated window */
export function maxPoolLayer(plan: ForwardPlan, node: MaxPoolNode): EngineLayer {
  if (node.dilation) throw untrainable(node);
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const [channels] = x.shape;
  const job = planPool(plan, x.shape, y.shape, node.kernel, node.stride, node.padding);
  const row = plan.arena.reserve(x.shape[2] * 4);
  const winners = plan.arena.reserve(plan.batch * volume(y.shape) * 4);
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count, mode) {
      if (mode === "eval") k.maxPoolValues(job, x.address, count * channels, y.address, row);
      else k.maxPool(job, x.address, count * channels, y.address, winners);
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.into(node.input);
      return (k, count) => {
        if (dx) k.maxPoolBackward(job, dy, winners, count * channels, dx.address, dx.accumulate);
      };
    },
  };
}

/** Global pooling is one window over the whole plane. */
export function avgPoolLayer(plan: ForwardPlan, node: AvgPoolNode | GlobalAvgPoolNode): EngineLayer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const [channels, height, width] = x.shape;
  const { kernel, stride } = node.op === "avgPool" ? node : { kernel: [height, width], stride: [1, 1] };
  const job = planPool(plan, x.shape, y.shape, kernel, stride, [0, 0]);
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count) {
      k.avgPool(job, x.address, count * channels, y.address);
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.into(node.input);
      return (k, count) => {
        if (dx) k.avgPoolBackward(job, dy, count * channels, dx.address, dx.accumulate);
      };
    },
  };
}

function planPool(
  { arena }: ForwardPlan,
  [, height, width]: Shape,
  [, outHeight, outWidth]: Shape,
  [kernelHeight, kernelWidth]: readonly number[],
  [strideY, strideX]: readonly number[],
  [top, left]: readonly number[],
): Pointer<PoolJob> {
  const window = { height, width, kernelHeight, kernelWidth, strideY, strideX, top, left, outHeight, outWidth };
  return arena.record(PoolJob, window);
}
