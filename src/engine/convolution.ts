// convolution.ts: the convolution and dense layers on the panel kernels, a block of images at a time.
import { plus, roundUp } from "../base/index.js";
import type { ConvNode, DenseNode } from "../ops/index.js";
import { planDataGradient, planWeightGradient } from "./convolution-gradients.js";
import { type EngineLayer, type ForwardPlan, plane, scratch, volume } from "./layer.js";
import { panelScratch, planPadding, planPanels } from "./panels.js";
import { forwardPass, type Geometry, geometryOf, imagesPerBlock, paddedInput } from "./tables.js";

/** The convolution a dense layer is: the whole input one pixel of in channels. */
export function denseGeometry(node: DenseNode): Geometry {
  const [outputs, inputs] = node.weight.shape;
  return {
    input: [inputs, 1, 1],
    output: [outputs, 1, 1],
    kernel: [1, 1],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [0, 0, 0, 0],
    groups: 1,
    groupInputs: inputs,
    groupOutputs: outputs,
  };
}

export function convolutionLayer(plan: ForwardPlan, node: ConvNode | DenseNode): EngineLayer {
  const { arena } = plan;
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const g = node.op === "conv" ? geometryOf(node, x.shape) : denseGeometry(node);
  const weight = plan.parameter(node.name, "weight");
  const bias = node.bias ? plan.parameter(node.name, "bias") : null;
  const images = imagesPerBlock(plane(g.output), plan.batch);
  const outer = paddedInput(g);
  const rows = g.groupOutputs;
  const rowBytes = g.groupInputs * g.kernel[0] * g.kernel[1] * 4;
  const inBytes = volume(g.input) * 4;
  const outBytes = volume(g.output) * 4;

  const tables = forwardPass(g, images);
  const padding = planPadding(arena, g.input, outer, images);
  const room = scratch(arena, padding.bytes + panelScratch(tables, rows));
  const groupBias = roundUp(rows, 4) * 4;
  const packedBias = arena.reserve(g.groups * groupBias);
  const biasColumn = arena.table([0]);
  const panels = planPanels(arena, tables, images, 0, plus(room, padding.bytes), {
    groups: g.groups,
    rows,
    rowBytes,
    groupWeights: rows * rowBytes,
    bias: packedBias,
    groupBias,
    from: [g.groupInputs, outer[0], outer[1]],
    to: [rows, g.output[1], g.output[2]],
  });

  return {
    output: node.name,
    inputs: [node.input],

    forward(k, count) {
      panels.pack(k, weight.value);
      for (let group = 0; bias && group < g.groups; group++) {
        // a bias packed as a row of depth 1 is itself, rounded up to four with zeros
        const b = plus(bias.value, group * rows * 4);
        k.packRows(b, 4, biasColumn, rows, 1, plus(packedBias, group * groupBias));
      }
      for (let n = 0; n < count; n += images) {
        const block = Math.min(images, count - n);
        const planes = padding.run(k, plus(x.address, n * inBytes), block, room);
        panels.run(k, planes, plus(y.address, n * outBytes), block);
      }
    },

    planBackward(gradients) {
      const dy = gradients.of(node.name);
      // before the others' scratch, which is free again at once
      const target = gradients.into(node.input);
      const weights = planWeightGradient(gradients.arena, g, images, tables);
      const data = target && planDataGradient(gradients.arena, g, images, target);
      return (k, count) => {
        if (bias) k.channelSums(dy, count, g.output[0], plane(g.output), bias.gradient);
        weights.clear(k);
        data?.pack(k, weight.value);
        for (let n = 0; n < count; n += images) {
          const block = Math.min(images, count - n);
          const dyBlock = plus(dy, n * outBytes);
          // dy of this block is in the cache for both gradients
          data?.run(k, dyBlock, n * inBytes, block);
          weights.add(k, plus(x.address, n * inBytes), dyBlock, block);
        }
        weights.store(k, weight.gradient);
      };
    },
  };
}
