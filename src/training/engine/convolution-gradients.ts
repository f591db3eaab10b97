// convolution-gradients.ts: the gradients of a convolution by its weights and by its input, a block of images at a time.

import { type Address, plus } from "../../base/address.js";
import type { Arena } from "./arena.js";
import { type GradientTarget, plane, scratch } from "./layer.js";
import { padded, paddedBytes, panelScratch, place, roundUp } from "./panels.js";
import { dataGradient, type Geometry, type Pass, runsOf } from "./tables.js";
import type { Kernels } from "./wasm.js";

/** dW: sums kept as [output channel / 8][tap][8] over the batch, unpacked at its end. */
export function planWeightGradient(arena: Arena, g: Geometry, images: number, tables: Pass) {
  const depth = tables.taps.length;
  const depthRounded = roundUp(depth, 4);
  const taps = Array.from({ length: depthRounded }, (_, k) => tables.taps[Math.min(k, depth - 1)]);
  const tapTable = arena.table(taps);
  const runs = arena.table(runsOf(tables.inputs));
  const rowsRounded = roundUp(g.groupOutputs, 8);
  const groupBytes = rowsRounded * depthRounded * 4;
  const sums = arena.reserve(g.groups * groupBytes);
  const outPlane = plane(g.output);
  return {
    scratch: images * outPlane * rowsRounded * 4,
    clear(k: Kernels): void {
      k.clear(sums, (g.groups * groupBytes) / 4);
    },
    add(k: Kernels, planes: Address, dy: Address, group: number, block: number, room: Address): void {
      const from = plus(dy, group * g.groupOutputs * outPlane * 4);
      const imageBytes = g.output[0] * outPlane * 4;
      const to = plus(sums, group * groupBytes);
      k.convWeightGradient(
        planes,
        tapTable,
        depthRounded,
        runs,
        from,
        block,
        imageBytes,
        g.groupOutputs,
        outPlane,
        to,
        room,
      );
    },
    store(k: Kernels, gradient: Address, groupWeights: number): void {
      for (let group = 0; group < g.groups; group++) {
        const to = plus(gradient, group * groupWeights);
        k.unpackSums(plus(sums, group * groupBytes), g.groupOutputs, depth, depthRounded, to);
      }
    },
  };
}

/** dX: one pass per stride phase over padded planes of dy. */
export function planDataGradient(arena: Arena, g: Geometry, images: number, target: GradientTarget) {
  const tables = dataGradient(g, images);
  const passes = tables.passes.map((pass) => place(arena, pass, g.groupInputs, g.groups, images));
  const noBias = arena.reserve(roundUp(g.groupInputs, 4) * 4);
  const room = paddedBytes(g.output, tables.plane, images);
  const address = scratch(arena, room + Math.max(...passes.map(panelScratch)));
  const kernelBytes = g.kernel[0] * g.kernel[1] * 4;
  const groupWeights = g.groupOutputs * g.groupInputs * kernelBytes;
  const dyGroup = g.groupOutputs * tables.plane[0] * tables.plane[1] * 4;
  const dxGroup = g.groupInputs * plane(g.input) * 4;
  return {
    pack(k: Kernels, weight: Address): void {
      for (const pass of passes) {
        for (let group = 0; group < g.groups; group++) {
          const w = plus(weight, group * groupWeights);
          k.packRows(w, kernelBytes, pass.columns, pass.rows, pass.depth, plus(pass.packed, group * pass.packedGroup));
        }
      }
    },
    run(k: Kernels, dy: Address, dxOffset: number, block: number): void {
      const planes = padded(k, dy, g.output, block, tables.plane, address);
      for (const pass of passes) {
        for (let group = 0; group < g.groups; group++) {
          k.convPanels(
            plus(planes, group * dyGroup),
            pass.taps,
            pass.depth,
            pass.inputs,
            pass.outputs,
            block * pass.pixelsPerImage,
            plus(pass.packed, group * pass.packedGroup),
            noBias,
            pass.rows,
            plus(target.address, dxOffset + group * dxGroup),
            plane(g.input) * 4,
            target.accumulate,
            plus(address, room),
          );
        }
      }
    },
  };
}
