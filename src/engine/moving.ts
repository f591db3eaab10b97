// moving.ts: the layers that move values without changing them: concatenation, padding, slicing.

import { type Pointer, plus } from "../base/index.js";
import type { ConcatNode, PadNode, Shape, SliceNode } from "../ops/index.js";
import { type EngineLayer, type ForwardPlan, plane, volume } from "./layer.js";
import { BoxJob } from "./wasm.generated.js";

export function concatLayer(plan: ForwardPlan, node: ConcatNode): EngineLayer {
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
        k.moveBlocks(address, bytes, plus(y.address, offset), imageBytes, bytes, count, 0);
      }
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const targets = parts.map((part) => ({ ...part, target: gradients.into(part.name) }));
      return (k, count) => {
        for (const { target, bytes, offset } of targets) {
          if (!target) continue;
          k.moveBlocks(plus(dy, offset), imageBytes, target.address, bytes, bytes, count, target.accumulate);
        }
      };
    },
  };
}

/** Distances in bytes from one image, plane, row and column of a tensor to the next; `step` of them at a time. */
function strides(shape: Shape, step: Shape = [1, 1, 1]): readonly [number, number, number, number] {
  return [volume(shape) * 4, step[0] * plane(shape) * 4, step[1] * shape[2] * 4, step[2] * 4];
}

type Strides = ReturnType<typeof strides>;

/** A box of a shape, to be moved between places with these distances. */
function planBox({ arena }: ForwardPlan, [planes, rows, columns]: Shape, from: Strides, to: Strides): Pointer<BoxJob> {
  const [fromImage, fromPlane, fromRow, fromColumn] = from;
  const [toImage, toPlane, toRow, toColumn] = to;
  const source = { fromImage, fromPlane, fromRow, fromColumn };
  return arena.record(BoxJob, { planes, rows, columns, ...source, toImage, toPlane, toRow, toColumn });
}

/** Bytes from a tensor's start to an element of its first image. */
function offsetOf(shape: Shape, [channel, row, column]: Shape): number {
  return ((channel * shape[1] + row) * shape[2] + column) * 4;
}

export function padLayer(plan: ForwardPlan, node: PadNode): EngineLayer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const inside = offsetOf(y.shape, [node.channels[0], node.rows[0], node.columns[0]]);
  const [inner, outer] = [strides(x.shape), strides(y.shape)];
  const outwards = planBox(plan, x.shape, inner, outer);
  const inwards = planBox(plan, x.shape, outer, inner);
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count) {
      k.fill(y.address, count * volume(y.shape), node.value);
      k.moveBox(outwards, x.address, plus(y.address, inside), count, 0);
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.into(node.input);
      return (k, count) => {
        if (dx) k.moveBox(inwards, plus(dy, inside), dx.address, count, dx.accumulate);
      };
    },
  };
}

export function sliceLayer(plan: ForwardPlan, node: SliceNode): EngineLayer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const start = offsetOf(x.shape, node.start);
  const [stepped, dense] = [strides(x.shape, node.step), strides(y.shape)];
  const outwards = planBox(plan, y.shape, stepped, dense);
  const inwards = planBox(plan, y.shape, dense, stepped);
  return {
    output: node.name,
    inputs: [node.input],
    forward(k, count) {
      k.moveBox(outwards, plus(x.address, start), y.address, count, 0);
    },
    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const dx = gradients.into(node.input);
      return (k, count) => {
        if (!dx) return;
        // what the slice leaves out gets no gradient from here
        if (!dx.accumulate) k.clear(dx.address, count * volume(x.shape));
        k.moveBox(inwards, dy, plus(dx.address, start), count, 1);
      };
    },
  };
}
