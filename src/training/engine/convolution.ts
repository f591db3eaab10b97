// convolution.ts: the convolution and dense layers on the panel kernels, a block of images at a time.
import { plus } from "../../base/address.js";
import type { ConvNode, DenseNode } from "../../graph/index.js";
import { planDataGradient, planWeightGradient } from "./convolution-gradients.js";
import { type Layer, type Plan, plane, scratch, volume } from "./layer.js";
import { padded, paddedBytes, panelScratch, place, roundUp } from "./panels.js";
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

export function convolutionLayer(plan: Plan, node: ConvNode | DenseNode): Layer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const g = node.op === "conv" ? geometryOf(node, x.shape) : denseGeometry(node);
  const weight = plan.parameter(node.name, "weight");
  const bias = node.bias ? plan.parameter(node.name, "bias") : null;
  const images = imagesPerBlock(plane(g.output), plan.batch);
  const inputPlane = paddedInput(g);
  const kernelSize = g.kernel[0] * g.kernel[1];
  const rowBytes = g.groupInputs * kernelSize * 4;
  const groupWeights = g.groupOutputs * rowBytes;
  const inBytes = volume(g.input) * 4;
  const outBytes = volume(g.output) * 4;

  const forwardTables = forwardPass(g, images);
  const forward = place(plan.arena, forwardTables, g.groupOutputs, g.groups, images);
  const biasGroup = roundUp(g.groupOutputs, 4) * 4;
  const packedBias = plan.arena.reserve(g.groups * biasGroup);
  const room = paddedBytes(g.input, inputPlane, images);
  const forwardRoom = scratch(plan.arena, room + panelScratch(forward));
  const biasColumn = plan.arena.table([0]);

  const inputGroup = g.groupInputs * inputPlane[0] * inputPlane[1] * 4;
  const outputGroup = g.groupOutputs * plane(g.output) * 4;

  return {
    output: node.name,
    inputs: [node.input],

    forward(k, count) {
      for (let group = 0; group < g.groups; group++) {
        const w = plus(weight.value, group * groupWeights);
        k.packRows(
          w,
          rowBytes,
          forward.columns,
          forward.rows,
          forward.depth,
          plus(forward.packed, group * forward.packedGroup),
        );
        // a bias packed as a row of depth 1 is itself, rounded up to four with zeros
        if (bias) {
          const b = plus(bias.value, group * g.groupOutputs * 4);
          k.packRows(b, 4, biasColumn, g.groupOutputs, 1, plus(packedBias, group * biasGroup));
        }
      }
      for (let n = 0; n < count; n += images) {
        const block = Math.min(images, count - n);
        const planes = padded(k, plus(x.address, n * inBytes), g.input, block, inputPlane, forwardRoom);
        for (let group = 0; group < g.groups; group++) {
          k.convPanels(
            plus(planes, group * inputGroup),
            forward.taps,
            forward.depth,
            forward.inputs,
            forward.outputs,
            block * forward.pixelsPerImage,
            plus(forward.packed, group * forward.packedGroup),
            plus(packedBias, group * biasGroup),
            forward.rows,
            plus(y.address, n * outBytes + group * outputGroup),
            plane(g.output) * 4,
            0,
            plus(forwardRoom, room),
          );
        }
      }
    },

    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const weights = planWeightGradient(gradients.arena, g, images, forwardTables);
      const target = gradients.into(node.input);
      const data = target && planDataGradient(gradients.arena, g, images, target);
      const paddedRoom = scratch(gradients.arena, room + weights.scratch);
      return (k, count) => {
        if (bias) k.channelSums(dy, count, g.output[0], plane(g.output), bias.gradient);
        weights.clear(k);
        data?.pack(k, weight.value);
        for (let n = 0; n < count; n += images) {
          const block = Math.min(images, count - n);
          // dy of this block is in the cache for both gradients
          data?.run(k, plus(dy, n * outBytes), n * inBytes, block);
          const planes = padded(k, plus(x.address, n * inBytes), g.input, block, inputPlane, paddedRoom);
          for (let group = 0; group < g.groups; group++) {
            weights.add(
              k,
              plus(planes, group * inputGroup),
              plus(dy, n * outBytes),
              group,
              block,
              plus(paddedRoom, room),
            );
          }
        }
        weights.store(k, weight.gradient, groupWeights);
      };
    },
  };
}
