// conv.ts: the steps of convolution layers: bucket sums for packed codes, a GEMM for float32.
import { roundUp } from "../base/index.js";
import { type ConvLayer, elements, largestOf, type Shape, zeroOf } from "../ops/index.js";
import { planCodes } from "./codes.js";
import { planDepthwise } from "./depthwise.js";
import { planEpilogue } from "./epilogue.js";
import { TILE } from "./layout.js";
import type { IntegerWeights } from "./levels.js";
import { copy } from "./memory.js";
import { planPatch } from "./patch.js";
import { packFloat } from "./planes.js";
import { blocksOf, type PlanContext, planeSize, type Step } from "./step.js";
import { ConvJob, FloatJob } from "./wasm.generated.js";

/** Pixels of a tile that conv_codes sums alone, activations of few bits as well. */
const NARROW = 16;
/** Rows that lie in the first-level cache together with their complements. */
const ROWS_MAX = 384;
/** Rows whose complements an output channel makes up for. */
const OUTPUT_ROWS = 8;
/** Pixels of a map that has too few tiles for the core to learn where the lists of rows end. */
const PIXELS_MAX = 1000;

/** Whether a layer that no kernel of depthwise layers runs adds complements of rows instead of subtracting rows. */
export function addsComplements(
  [inputs]: Shape,
  output: Shape,
  { kernel, groups }: Pick<ConvLayer, "kernel" | "groups">,
): boolean {
  const rows = inputs * elements(kernel);
  return groups === 1 && rows <= ROWS_MAX && rows <= OUTPUT_ROWS * output[0] && planeSize(output) <= PIXELS_MAX;
}

/** Whether a convolution is a dense layer: one tap on one pixel, which is the input's only one and no padding. */
export function isPointLayer(
  context: Pick<PlanContext, "spec">,
  { input, kernel, padding, groups }: ConvLayer,
): boolean {
  const { shape } = context.spec(input);
  const sizes = [shape[1], shape[2], kernel[0], kernel[1], groups];
  return sizes.every((size) => size === 1) && padding.every((p) => p === 0);
}

export function planConv(context: PlanContext, layer: ConvLayer): Step {
  const { weights } = layer;
  return weights.kind === "float32" ? planFloatConv(context, layer) : planBucketConv(context, layer, weights);
}

function planBucketConv(context: PlanContext, layer: ConvLayer, weights: IntegerWeights): Step {
  const { memory } = context;
  const { groups } = layer;
  const { encoding, shape } = context.spec(layer.input);
  const output = context.spec(layer.output).shape;
  const [outputs] = output;
  const perGroup = shape[0] / groups;
  const groupOutputs = outputs / groups;
  const sliding = perGroup === 1 && planDepthwise(context, layer, weights);
  if (sliding) return sliding;
  const max = largestOf(encoding)!;
  const complements = addsComplements(shape, output, layer);
  const { codes, partsBytes } = planCodes(context, layer, weights, { complements });
  const patch = planPatch(context, layer, zeroOf(encoding), perGroup, partsBytes, complements ? max : 0);
  const groupBytes = perGroup * patch.taps * TILE;
  const run = Math.floor(255 / max);
  const job = memory.record(ConvJob, () => ({ ...codes, groupChannels: groupOutputs, groupBytes, run }));
  // one thread still gathers each patch once
  const blocks = groups === 1 ? blocksOf(planeSize(output), patch.tiles, outputs) : 1;
  const blockOutputs = Math.ceil(outputs / blocks);
  return {
    name: layer.name,
    op: layer.op,
    units: patch.tiles * blocks,
    run(kernels, firstUnit, lastUnit, scratch) {
      const firstTile = Math.floor(firstUnit / blocks);
      const lastTile = Math.ceil(lastUnit / blocks);
      patch.forEach(kernels, firstTile, lastTile, scratch, ({ address, channel, channels, pixel, pixels, sums }) => {
        let first = (channel / perGroup) * groupOutputs;
        let last = first + (channels / perGroup) * groupOutputs;
        if (blocks > 1) {
          const tileUnit = (pixel / TILE) * blocks;
          first = Math.max(firstUnit - tileUnit, 0) * blockOutputs;
          last = Math.min((lastUnit - tileUnit) * blockOutputs, outputs);
        }
        // each kernel is called in a place of its own, as in patch.ts
        if (run > 1 && pixels > NARROW) kernels.conv_codes_u8(job, address, first, last, sums, pixel, pixels);
        else kernels.conv_codes(job, address, first, last, sums, pixel, pixels);
      });
    },
  };
}

function planFloatConv(context: PlanContext, layer: ConvLayer): Step {
  const { memory } = context;
  const { weights, groups } = layer;
  if (weights.kind !== "float32") throw new TypeError("float32 weights expected");
  const inputs = context.spec(layer.input).shape[0];
  const outputs = context.spec(layer.output).shape[0];
  const perGroup = inputs / groups;
  const groupOutputs = outputs / groups;
  const patch = planPatch(context, layer, 0, perGroup);
  const depth = perGroup * patch.taps;
  const epilogue = planEpilogue(context, layer.epilogue, outputs, layer.output, { residual: layer.residual });
  const single = groupOutputs === 1;
  const groupWeights = groupOutputs * depth;
  const lanes = single ? 1 : 4;
  const groupLength = depth * roundUp(groupOutputs, lanes);
  const packed = memory.later(4 * groups * groupLength, (to) => {
    for (let g = 0; g < groups; g++) {
      const part = weights.values.subarray(g * groupWeights, (g + 1) * groupWeights);
      copy(to.subarray(4 * g * groupLength), packFloat(part, groupOutputs, lanes));
    }
  });
  const job = memory.record(FloatJob, () => {
    return { weights: packed, groupBytes: 4 * groupLength, depth, outputs: groupOutputs, epilogue };
  });
  return {
    name: layer.name,
    op: layer.op,
    units: patch.tiles,
    run(kernels, firstTile, lastTile, scratch) {
      patch.forEach(kernels, firstTile, lastTile, scratch, ({ address, channel, channels, sums, pixel, pixels }) => {
        const first = channel / perGroup;
        const last = first + channels / perGroup;
        if (single) kernels.conv_f32_single(job, address, first, last, sums, pixel, pixels);
        else kernels.conv_f32(job, address, first, last, sums, pixel, pixels);
      });
    },
  };
}
