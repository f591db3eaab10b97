// convolution-gradients.ts: the gradients of a convolution by its weights and by its input, a block of images at a time.
import { type Address, plus, roundUp } from "../base/index.js";
import type { Arena } from "./arena.js";
import { type GradientTarget, plane, scratch, volume } from "./layer.js";
import { panelScratch, planPadding, planPanels } from "./panels.js";
import { dataGradient, type Geometry, type Pass, paddedInput, runsOf } from "./tables.js";
import { WeightJob } from "./wasm.generated.js";
import type { TrainingKernels } from "./wasm.js";

/** dW: sums kept as [output channel / 8][tap][8] over the batch, unpacked at its end. */
export function planWeightGradient(arena: Arena, g: Geometry, images: number, tables: Pass) {
  const outer = paddedInput(g);
  const padding = planPadding(arena, g.input, outer, images);
  const depth = tables.taps.length;
  const depthRounded = roundUp(depth, 4);
  const rowsRounded = roundUp(g.groupOutputs, 8);
  const groupBytes = rowsRounded * depthRounded * 4;
  const sums = arena.reserve(g.groups * groupBytes);
  const outPlane = plane(g.output);
  const room = scratch(arena, padding.bytes + images * outPlane * rowsRounded * 4);
  const job = arena.record(WeightJob, {
    taps: arena.table(Array.from({ length: depthRounded }, (_, k) => tables.taps[Math.min(k, depth - 1)])),
    depth,
    runs: arena.table(runsOf(tables.inputs)),
    rows: g.groupOutputs,
    plane: outPlane,
    imageBytes: volume(g.output) * 4,
    scratch: plus(room, padding.bytes),
  });
  const xGroup = g.groupInputs * outer[0] * outer[1] * 4;
  const dyGroup = g.groupOutputs * outPlane * 4;
  return {
    clear(k: TrainingKernels): void {
      k.clear(sums, (g.groups * groupBytes) / 4);
    },
    add(k: TrainingKernels, x: Address, dy: Address, block: number): void {
      const planes = padding.run(k, x, block, room);
      for (let group = 0; group < g.groups; group++) {
        const to = plus(sums, group * groupBytes);
        k.convWeightGradient(job, plus(planes, group * xGroup), plus(dy, group * dyGroup), block, to);
      }
    },
    store(k: TrainingKernels, gradient: Address): void {
      for (let group = 0; group < g.groups; group++) {
        const to = plus(gradient, group * g.groupOutputs * depth * 4);
        k.unpackSums(plus(sums, group * groupBytes), g.groupOutputs, depth, to);
      }
    },
  };
}

/** dX: one pass per stride phase over padded planes of dy. */
export function planDataGradient(arena: Arena, g: Geometry, images: number, target: GradientTarget) {
  const tables = dataGradient(g, images);
  const padding = planPadding(arena, g.output, tables.plane, images);
  const rows = g.groupInputs;
  const room = scratch(arena, padding.bytes + Math.max(...tables.passes.map((pass) => panelScratch(pass, rows))));
  const kernelBytes = g.kernel[0] * g.kernel[1] * 4;
  const groups = {
    groups: g.groups,
    rows,
    rowBytes: kernelBytes,
    groupWeights: g.groupOutputs * rows * kernelBytes,
    bias: arena.reserve(roundUp(rows, 4) * 4),
    groupBias: 0,
    from: [g.groupOutputs, tables.plane[0], tables.plane[1]],
    to: [rows, g.input[1], g.input[2]],
  } as const;
  const passes = tables.passes.map((pass) =>
    planPanels(arena, pass, images, target.accumulate, plus(room, padding.bytes), groups),
  );
  return {
    pack(k: TrainingKernels, weight: Address): void {
      for (const pass of passes) pass.pack(k, weight);
    },
    run(k: TrainingKernels, dy: Address, dxOffset: number, block: number): void {
      const planes = padding.run(k, dy, block, room);
      for (const pass of passes) pass.run(k, planes, plus(target.address, dxOffset), block);
    },
  };
}
