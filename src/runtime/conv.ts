// conv.ts: the steps of convolution layers: bucket sums for packed codes, a GEMM for float32.
import { roundUp } from "../base/index.js";
import { type ConvLayer, largestOf, zeroOf } from "../ops/index.js";
import { planEpilogue } from "./epilogue.js";
import { TILE } from "./layout.js";
import { copy } from "./memory.js";
import { planPatch, planSliding, type SlidingPlan } from "./patch.js";
import { compileSchedule, leastStreamBytes, packFloat } from "./schedule.js";
import type { PlanContext, Step } from "./step.js";
import { ConvJob, DepthwiseJob, FloatJob } from "./wasm.generated.js";

/** Units of a layer that threads should at least find to share. */
const UNITS_MIN = 64;
/** Channels of a unit that make up for its call. */
const CHANNELS_MIN = 16;

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
  return layer.weights.kind === "float32" ? planFloatConv(context, layer) : planBucketConv(context, layer);
}

function planBucketConv(context: PlanContext, layer: ConvLayer): Step {
  const { memory } = context;
  const { weights, groups } = layer;
  if (weights.kind === "float32") throw new TypeError("codes expected");
  const { encoding, shape } = context.spec(layer.input);
  const [outputs, outHeight, outWidth] = context.spec(layer.output).shape;
  const size = outHeight * outWidth;
  const max = largestOf(encoding)!;
  const perGroup = shape[0] / groups;
  const groupOutputs = outputs / groups;
  memory.expect(leastStreamBytes(weights));
  const schedule = compileSchedule(weights, outputs, max, `layer ${layer.name}`);
  const { residual, output } = layer;
  const codes = {
    stream: memory.constant(schedule.stream),
    starts: memory.constant(schedule.starts),
    epilogue: planEpilogue(context, layer.epilogue, outputs, output, { residual, largest: schedule.largest }),
  };
  if (perGroup === 1 && zeroOf(encoding) === 0) {
    const sliding = planSliding(context, layer, 0, schedule.partsBytes);
    if (sliding.form === "shifted") {
      return depthwiseStep(context, layer, sliding, blocksOf(size, outputs), groupOutputs, outputs, codes);
    }
  }
  const patch = planPatch(context, layer, zeroOf(encoding), perGroup, schedule.partsBytes);
  const groupBytes = perGroup * patch.taps * TILE;
  const run = Math.floor(255 / max);
  const job = memory.record(ConvJob, () => ({ ...codes, groupChannels: groupOutputs, groupBytes, run }));
  // one thread still gathers each patch once
  const blocks = groups === 1 ? blocksOf(size, outputs) : 1;
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
        kernels.conv_codes(job, address, first, last, sums, pixel, pixels);
      });
    },
  };
}

/**
 * Every row of a depthwise patch would be read by one channel only, so none is gathered.
 * @param blocks of output channels, units of their own
 * @param multiplier output channels of each plane
 */
function depthwiseStep(
  { memory }: PlanContext,
  { name, op }: ConvLayer,
  { tiles, taps, source, forEach }: SlidingPlan,
  blocks: number,
  multiplier: number,
  outputs: number,
  codes: Pick<ConvJob, "stream" | "starts" | "epilogue">,
): Step {
  const blockOutputs = roundUp(Math.ceil(outputs / blocks), multiplier);
  const job = memory.record(DepthwiseJob, () => {
    const { address, planeBytes } = source();
    return { ...codes, planes: address, planeBytes, multiplier, offsets: taps.offsets };
  });
  return {
    name,
    op,
    units: tiles * blocks,
    run(kernels, firstUnit, lastUnit, scratch) {
      const firstTile = Math.floor(firstUnit / blocks);
      forEach(kernels, firstTile, Math.ceil(lastUnit / blocks), scratch, ({ pixel, pixels, sums, masks }) => {
        const tileUnit = (pixel / TILE) * blocks;
        const first = Math.max(firstUnit - tileUnit, 0) * blockOutputs;
        const last = Math.min((lastUnit - tileUnit) * blockOutputs, outputs);
        kernels.conv_codes_depthwise(job, masks, first, last, sums, pixel, pixels);
      });
    },
  };
}

/**
 * Into how many blocks of channels to cut each tile, where there are few tiles for threads to share. Channels of a single
 * pixel lie so close that each is written over by the one before, so one thread makes them all, in order.
 */
function blocksOf(pixels: number, channels: number): number {
  if (pixels === 1) return 1;
  const tiles = Math.ceil(pixels / TILE);
  return Math.max(1, Math.min(Math.ceil(UNITS_MIN / tiles), Math.floor(channels / CHANNELS_MIN)));
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
