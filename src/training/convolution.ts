// convolution.ts: the convolution and dense layers on the panel kernels, a block of images at a time.
import type { Shape } from "../format/index.js";
import type { ConvNode, DenseNode } from "../graph/index.js";
import type { Kernels, Pointer } from "./kernels.js";
import { type GradientPlan, type Layer, type Plan, plane, scratch, volume } from "./layer.js";
import {
  dataGradient,
  forwardPass,
  type Geometry,
  geometryOf,
  imagesPerBlock,
  type PaddedPlane,
  type Pass,
  paddedInput,
  runsOf,
} from "./tables.js";

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/** A pass whose tables have addresses and whose weights have room, packed anew whenever the weights changed. */
interface PlacedPass {
  readonly depth: number;
  readonly rows: number;
  readonly pixelsPerImage: number;
  readonly taps: Pointer;
  readonly inputs: Pointer;
  readonly outputs: Pointer;
  readonly columns: Pointer;
  /** Packed weights, group after group. */
  readonly packed: Pointer;
  readonly packedGroup: number;
}

function place(plan: Pick<Plan, "arena">, pass: Pass, rows: number, groups: number, images: number): PlacedPass {
  const { arena } = plan;
  const depth = pass.taps.length;
  const packedGroup = roundUp(rows, 4) * depth * 4;
  return {
    depth,
    rows,
    pixelsPerImage: pass.inputs.length / images,
    taps: arena.table(pass.taps),
    inputs: arena.table(pass.inputs),
    outputs: arena.table(pass.outputs),
    columns: arena.table(pass.columns),
    packed: arena.reserve(groups * packedGroup),
    packedGroup,
  };
}

const panelScratch = (pass: PlacedPass): number => pass.depth * 32 + pass.rows * 32 + 64;

/** Planes of a block of images, copied into padding unless there is none. Returns their address. */
function padded(
  k: Kernels,
  from: Pointer,
  shape: Shape,
  images: number,
  [height, width, top, left]: PaddedPlane,
  room: Pointer,
): Pointer {
  if (height === shape[1] && width === shape[2]) return from;
  k.padPlanes(from, room, images * shape[0], shape[1], shape[2], height, width, top, left);
  return room;
}

const isPadded = (shape: Shape, [height, width]: PaddedPlane): boolean => height !== shape[1] || width !== shape[2];

/** Room for a block of padded planes; none where the tensor itself serves. */
const paddedBytes = (shape: Shape, to: PaddedPlane, images: number): number =>
  isPadded(shape, to) ? images * shape[0] * to[0] * to[1] * 4 : 0;

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
  const forward = place(plan, forwardTables, g.groupOutputs, g.groups, images);
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
        const w = weight.value + group * groupWeights;
        k.packRows(
          w,
          rowBytes,
          forward.columns,
          forward.rows,
          forward.depth,
          forward.packed + group * forward.packedGroup,
        );
        // a bias packed as a row of depth 1 is itself, rounded up to four with zeros
        if (bias) {
          const b = bias.value + group * g.groupOutputs * 4;
          k.packRows(b, 4, biasColumn, g.groupOutputs, 1, packedBias + group * biasGroup);
        }
      }
      for (let n = 0; n < count; n += images) {
        const block = Math.min(images, count - n);
        const planes = padded(k, x.address + n * inBytes, g.input, block, inputPlane, forwardRoom);
        for (let group = 0; group < g.groups; group++) {
          k.convPanels(
            planes + group * inputGroup,
            forward.taps,
            forward.depth,
            forward.inputs,
            forward.outputs,
            block * forward.pixelsPerImage,
            forward.packed + group * forward.packedGroup,
            packedBias + group * biasGroup,
            forward.rows,
            y.address + n * outBytes + group * outputGroup,
            plane(g.output) * 4,
            0,
            forwardRoom + room,
          );
        }
      }
    },

    planBackward(gradients) {
      const dy = gradients.of(node.name);
      const weights = planWeightGradient(gradients, g, images, forwardTables);
      const data = planDataGradient(gradients, g, images, node.input);
      const paddedRoom = scratch(gradients.arena, room + weights.scratch);
      return (k, count) => {
        if (bias) k.channelSums(dy, count, g.output[0], plane(g.output), bias.gradient);
        weights.clear(k);
        data?.pack(k, weight.value);
        for (let n = 0; n < count; n += images) {
          const block = Math.min(images, count - n);
          // dy of this block is in the cache for both gradients
          data?.run(k, dy + n * outBytes, n * inBytes, block);
          const planes = padded(k, x.address + n * inBytes, g.input, block, inputPlane, paddedRoom);
          for (let group = 0; group < g.groups; group++) {
            weights.add(k, planes + group * inputGroup, dy + n * outBytes, group, block, paddedRoom + room);
          }
        }
        weights.store(k, weight.gradient, groupWeights);
      };
    },
  };
}

/** dW: sums kept as [output channel / 8][tap][8] over the batch, unpacked at its end. */
function planWeightGradient(gradients: GradientPlan, g: Geometry, images: number, tables: Pass) {
  const { arena } = gradients;
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
    add(k: Kernels, planes: Pointer, dy: Pointer, group: number, block: number, room: Pointer): void {
      const from = dy + group * g.groupOutputs * outPlane * 4;
      const imageBytes = g.output[0] * outPlane * 4;
      const to = sums + group * groupBytes;
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
    store(k: Kernels, gradient: Pointer, groupWeights: number): void {
      for (let group = 0; group < g.groups; group++) {
        const to = gradient + group * groupWeights;
        k.unpackSums(sums + group * groupBytes, g.groupOutputs, depth, depthRounded, to);
      }
    },
  };
}

/** dX: one pass per stride phase over padded planes of dy. */
function planDataGradient(gradients: GradientPlan, g: Geometry, images: number, input: string) {
  const target = gradients.into(input);
  if (!target) return null;
  const { arena } = gradients;
  const tables = dataGradient(g, images);
  const passes = tables.passes.map((pass) => place(gradients, pass, g.groupInputs, g.groups, images));
  const noBias = arena.reserve(roundUp(g.groupInputs, 4) * 4);
  const room = paddedBytes(g.output, tables.plane, images);
  const address = scratch(arena, room + Math.max(...passes.map(panelScratch)));
  const kernelBytes = g.kernel[0] * g.kernel[1] * 4;
  const groupWeights = g.groupOutputs * g.groupInputs * kernelBytes;
  const dyGroup = g.groupOutputs * tables.plane[0] * tables.plane[1] * 4;
  const dxGroup = g.groupInputs * plane(g.input) * 4;
  return {
    pack(k: Kernels, weight: Pointer): void {
      for (const pass of passes) {
        for (let group = 0; group < g.groups; group++) {
          const w = weight + group * groupWeights;
          k.packRows(w, kernelBytes, pass.columns, pass.rows, pass.depth, pass.packed + group * pass.packedGroup);
        }
      }
    },
    run(k: Kernels, dy: Pointer, dxOffset: number, block: number): void {
      const planes = padded(k, dy, g.output, block, tables.plane, address);
      for (const pass of passes) {
        for (let group = 0; group < g.groups; group++) {
          k.convPanels(
            planes + group * dyGroup,
            pass.taps,
            pass.depth,
            pass.inputs,
            pass.outputs,
            block * pass.pixelsPerImage,
            pass.packed + group * pass.packedGroup,
            noBias,
            pass.rows,
            target.address + dxOffset + group * dxGroup,
            plane(g.input) * 4,
            target.accumulate,
            address + room,
          );
        }
      }
    },
  };
}
