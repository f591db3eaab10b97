// depthwise.ts: convolution with one input channel a group, plane by plane.

import { type Address, NOWHERE, type Pointer, plus } from "../base/index.js";
import type { ConvNode } from "../ops/index.js";
import type { Arena } from "./arena.js";
import { type EngineLayer, type ForwardPlan, plane, scratch, volume } from "./layer.js";
import { planPadding } from "./panels.js";
import { dataGradient, forwardPass, geometryOf, type Pass, paddedInput, runsOf } from "./tables.js";
import { PlaneJob } from "./wasm.generated.js";
import type { TrainingKernels } from "./wasm.js";

export function isDepthwise(node: ConvNode): boolean {
  return node.groups > 1 && node.weight.shape[1] === 1;
}

export function depthwiseLayer(plan: ForwardPlan, node: ConvNode): EngineLayer {
  const x = plan.tensor(node.input);
  const y = plan.tensor(node.name);
  const g = geometryOf(node, x.shape);
  const weight = plan.parameter(node.name, "weight");
  const bias = node.bias ? plan.parameter(node.name, "bias") : null;
  const tables = forwardPass(g, 1);
  const forward = planPlane(plan.arena, tables);
  const inPlane = plane(g.input);
  const outPlane = plane(g.output);
  const kernelBytes = g.kernel[0] * g.kernel[1] * 4;
  const outputs = g.output[0];
  const multiplier = g.groupOutputs;
  // channel by channel
  const padding = planPadding(plan.arena, [1, g.input[1], g.input[2]], paddedInput(g), 1);
  const room = scratch(plan.arena, padding.bytes);

  /** Calls back for every channel of every image with its padded input plane. */
  const eachPlane = (
    k: TrainingKernels,
    count: number,
    paddedRoom: Address,
    visit: (x: Address, image: number, channel: number) => void,
  ): void => {
    for (let n = 0; n < count; n++) {
      for (let c = 0; c < g.input[0]; c++) {
        const from = plus(x.address, (n * volume(g.input) + c * inPlane) * 4);
        visit(padding.run(k, from, 1, paddedRoom), n, c);
      }
    }
  };

  return {
    output: node.name,
    inputs: [node.input],

    forward(k, count) {
      eachPlane(k, count, room, (from, n, c) => {
        for (let m = c * multiplier; m < (c + 1) * multiplier; m++) {
          const b = bias ? plus(bias.value, m * 4) : NOWHERE;
          const to = plus(y.address, (n * outputs + m) * outPlane * 4);
          k.depthwisePlane(forward, from, plus(weight.value, m * kernelBytes), b, to, 0);
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
      const passes = target ? data.passes.map((pass) => planPlane(arena, pass)) : [];
      const dyPadding = planPadding(arena, [1, g.output[1], g.output[2]], data.plane, 1);
      const paddedRoom = scratch(arena, Math.max(padding.bytes, dyPadding.bytes));
      return (k, count) => {
        if (bias) k.channelSums(dy, count, outputs, outPlane, bias.gradient);
        k.clear(weight.gradient, (outputs * kernelBytes) / 4);
        eachPlane(k, count, paddedRoom, (from, n, c) => {
          for (let m = c * multiplier; m < (c + 1) * multiplier; m++) {
            const d = plus(dy, (n * outputs + m) * outPlane * 4);
            k.depthwiseWeightGradient(forward, from, runs, d, plus(weight.gradient, m * kernelBytes));
          }
        });
        if (!target) return;
        for (let n = 0; n < count; n++) {
          for (let m = 0; m < outputs; m++) {
            const c = Math.floor(m / multiplier);
            const d = plus(dy, (n * outputs + m) * outPlane * 4);
            const planes = dyPadding.run(k, d, 1, paddedRoom);
            const w = plus(weight.value, m * kernelBytes);
            const dx = plus(target.address, (n * g.input[0] + c) * inPlane * 4);
            const accumulate = target.accumulate || m % multiplier > 0 ? 1 : 0;
            for (const pass of passes) k.depthwisePlane(pass, planes, w, NOWHERE, dx, accumulate);
          }
        }
      };
    },
  };
}

/** A pass as the kernels for one channel take it. */
function planPlane(arena: Arena, { taps, inputs, outputs, columns }: Pass): Pointer<PlaneJob> {
  return arena.record(PlaneJob, {
    taps: arena.table(taps),
    weights: arena.table(columns),
    inputs: arena.table(inputs),
    outputs: arena.table(outputs),
    depth: taps.length,
    pixels: inputs.length,
  });
}
