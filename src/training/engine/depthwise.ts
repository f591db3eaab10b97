// depthwise.ts: convolution with one input channel a group, plane by plane.

import { type Address, NOWHERE, plus } from "../../base/address.js";
import type { Shape } from "../../format/index.js";
import type { ConvNode } from "../../graph/index.js";
import { type Layer, type Plan, plane, scratch, volume } from "./layer.js";
import { padded, placeTables } from "./panels.js";
import { dataGradient, forwardPass, geometryOf, paddedInput, runsOf } from "./tables.js";
import type { Kernels } from "./wasm.js";

export function isDepthwise(node: ConvNode): boolean {
  return node.groups > 1 && node.weight.shape[1] === 1;
}

export function depthwiseLayer(plan: Plan, node: ConvNode): Layer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const g = geometryOf(node, x.shape);
  const weight = plan.parameter(node.name, "weight");
  const bias = node.bias ? plan.parameter(node.name, "bias") : null;
  const tables = forwardPass(g, 1);
  const forward = placeTables(plan.arena, tables);
  const inputPlane = paddedInput(g);
  // channel by channel
  const inputShape: Shape = [1, g.input[1], g.input[2]];
  const outputShape: Shape = [1, g.output[1], g.output[2]];
  const inPlane = plane(g.input);
  const outPlane = plane(g.output);
  const kernelBytes = g.kernel[0] * g.kernel[1] * 4;
  const outputs = g.output[0];
  const multiplier = g.groupOutputs;
  const paddedPlaneBytes = inputPlane[0] * inputPlane[1] * 4;
  const room = scratch(plan.arena, paddedPlaneBytes);

  /** Calls back for every channel of every image with its padded input plane. */
  const eachPlane = (
    k: Kernels,
    count: number,
    paddedRoom: Address,
    visit: (x: Address, image: number, channel: number) => void,
  ): void => {
    for (let n = 0; n < count; n++) {
      for (let c = 0; c < g.input[0]; c++) {
        const from = plus(x.address, (n * volume(g.input) + c * inPlane) * 4);
        visit(padded(k, from, inputShape, 1, inputPlane, paddedRoom), n, c);
      }
    }
  };

  return {
    output: node.name,
    inputs: [node.input],

    forward(k, count) {
      eachPlane(k, count, room, (from, n, c) => {
        for (let m = c * multiplier; m < (c + 1) * multiplier; m++) {
          k.depthwisePlane(
            from,
            forward.taps,
            forward.columns,
            forward.depth,
            forward.inputs,
            forward.outputs,
            forward.pixels,
            plus(weight.value, m * kernelBytes),
            bias ? plus(bias.value, m * 4) : NOWHERE,
            plus(y.address, (n * outputs + m) * outPlane * 4),
            0,
          );
        }
      });
    },

    planBackward(gradients) {
      const { arena } = gradients;
      const dy = gradients.of(node.name);
      const target = gradients.into(node.input);
      const runs = arena.table(runsOf(tables.inputs));
      // one output channel at a time: the group of the tables is a single channel
      const data = dataGradient({ ...g, groupOutputs: 1 }, 1);
      const passes = target ? data.passes.map((pass) => placeTables(arena, pass)) : [];
      const paddedRoom = scratch(arena, Math.max(paddedPlaneBytes, data.plane[0] * data.plane[1] * 4));
      return (k, count) => {
        if (bias) k.channelSums(dy, count, outputs, outPlane, bias.gradient);
        k.clear(weight.gradient, (outputs * kernelBytes) / 4);
        eachPlane(k, count, paddedRoom, (from, n, c) => {
          for (let m = c * multiplier; m < (c + 1) * multiplier; m++) {
            const d = plus(dy, (n * outputs + m) * outPlane * 4);
            const g = plus(weight.gradient, m * kernelBytes);
            k.depthwiseWeightGradient(from, forward.taps, forward.depth, runs, d, outPlane, g);
          }
        });
        if (!target) return;
        for (let n = 0; n < count; n++) {
          for (let m = 0; m < outputs; m++) {
            const d = plus(dy, (n * outputs + m) * outPlane * 4);
            const c = Math.floor(m / multiplier);
            const planes = padded(k, d, outputShape, 1, data.plane, paddedRoom);
            for (const pass of passes) {
              k.depthwisePlane(
                planes,
                pass.taps,
                pass.columns,
                pass.depth,
                pass.inputs,
                pass.outputs,
                pass.pixels,
                plus(weight.value, m * kernelBytes),
                NOWHERE,
                plus(target.address, (n * g.input[0] + c) * inPlane * 4),
                target.accumulate || m % multiplier > 0 ? 1 : 0,
              );
            }
          }
        }
      };
    },
  };
}
