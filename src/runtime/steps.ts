// steps.ts: the steps that are not convolutions: input, phases, dense, pooling, add, concatenation.
import { plus } from "../base/address.js";
import {
  type AddLayer,
  type AvgPoolLayer,
  type ConcatLayer,
  type DenseLayer,
  elements,
  type Layer,
  layerInputs,
  type MaxPoolLayer,
  ShiftwiseError,
} from "../format/index.js";
import { isPointLayer, planConv } from "./conv.js";
import { planDense } from "./dense.js";
import { planEpilogue, planInputEncoding } from "./epilogue.js";
import { planFloat } from "./float.js";
import { PART_BYTES, PART_ROWS, TILE } from "./layout.js";
import { copy, elementBytes } from "./memory.js";
import { planPatch, SUMS_BYTES } from "./patch.js";
import { partFactors } from "./schedule.js";
import type { PlanContext, Step } from "./step.js";

/** The number of a sum's parts is 16 bits wide. */
const PARTS_MAX = 65534;

const planeSize = (shape: readonly number[]): number => shape[1] * shape[2];

/** Channels, which threads may share; but those of vectors lie so close that each is written over by the one before. */
const unitsOf = (shape: readonly number[]): number => (planeSize(shape) === 1 ? 1 : shape[0]);

/** The channel that begins a unit. */
const channelOf = (shape: readonly number[], unit: number): number => (planeSize(shape) === 1 ? unit * shape[0] : unit);

/** Encodes a model input from its float staging area. */
export function planInput(context: PlanContext, tensor: string): Step {
  const { shape } = context.spec(tensor);
  const epilogue = planInputEncoding(context, tensor);
  return {
    name: tensor,
    op: "input",
    units: unitsOf(shape),
    run(kernels, first, last) {
      const from = context.place(tensor, "staging");
      const end = channelOf(shape, last);
      kernels.add_f32(from.address, from.planeBytes, first, end, epilogue, planeSize(shape));
    },
  };
}

/** Splits planes into the four phases that stride 2 reads. */
export function planSplit(context: PlanContext, tensor: string): Step {
  const [channels, height, width] = context.spec(tensor).shape;
  return {
    name: `${tensor} (phases)`,
    op: "split",
    units: channels,
    run(kernels, first, last) {
      const from = context.place(tensor);
      const to = context.place(tensor, "phases");
      kernels.split_phases_u8(
        to.address + first * to.planeBytes,
        to.planeBytes / 4,
        from.address + first * from.planeBytes,
        from.planeBytes,
        last - first,
        height,
        width,
      );
    },
  };
}

/** @param adopted places of a concatenation's inputs that already lie in its output */
export function planLayer(context: PlanContext, layer: Layer, adopted: ReadonlySet<number>): Step {
  switch (layer.op) {
    case "conv":
      return isPointLayer(context, layer) ? planDense(context, layer) : planConv(context, layer);
    case "dense":
      return planDense(context, layer as DenseLayer);
    case "maxPool":
      return planMaxPool(context, layer);
    case "avgPool":
      return planAvgPool(context, layer);
    case "add":
      return planAdd(context, layer);
    case "concat":
      return planConcat(context, layer, adopted);
    default:
      return planFloat(context, layer, layerInputs(layer));
  }
}

function planMaxPool(context: PlanContext, layer: MaxPoolLayer): Step {
  const { encoding } = context.spec(layer.output);
  const float = encoding.kind === "float32";
  const patch = planPatch(context, layer, float ? -Infinity : 0);
  const tileBytes = float ? 4 * TILE : TILE;
  return {
    name: layer.name,
    op: layer.op,
    units: patch.tiles,
    run(kernels, first, last, scratch) {
      const out = context.place(layer.output);
      patch.forEach(kernels, first, last, scratch, (tile) => {
        const to = out.address + tile.channel * out.planeBytes + (tile.pixel / TILE) * tileBytes;
        if (float) {
          kernels.pool_max_f32(
            tile.address,
            tile.panelBytes,
            patch.taps,
            tile.channels,
            to,
            out.planeBytes,
            tile.pixels,
          );
        } else {
          kernels.pool_max_u8(tile.address, patch.taps, tile.channels, to, out.planeBytes, tile.pixels);
        }
      });
    },
  };
}

/** Factors of a sum whose parts all count once. @throws OVERFLOW for more parts than the kernels can count */
function onesFor({ memory }: PlanContext, parts: number): number {
  if (parts > PARTS_MAX) {
    throw new ShiftwiseError("OVERFLOW", "the window of a pooling layer is too large", {
      expected: `at most ${PARTS_MAX * PART_ROWS} values`,
      found: `more than ${(parts - 1) * PART_ROWS}`,
    });
  }
  const factors = partFactors(new Array<number>(parts).fill(1));
  return memory.shared(`${parts} parts`, factors.byteLength, (to) => copy(to, factors));
}

function planAvgPool(context: PlanContext, layer: AvgPoolLayer): Step {
  const input = context.spec(layer.input);
  const { shape } = context.spec(layer.output);
  const float = input.encoding.kind === "float32";
  const epilogue = planEpilogue(context, layer.epilogue, shape[0], layer.output);
  if (elements(shape) === shape[0] && layer.kernel[0] === input.shape[1] && layer.kernel[1] === input.shape[2]) {
    context.memory.needScratch(shape[0] * 4 + 64);
    return {
      name: layer.name,
      op: layer.op,
      units: 1,
      run(kernels, _first, _last, scratch) {
        const from = context.place(layer.input);
        const sum = float ? kernels.plane_sums_f32 : kernels.plane_sums_u8;
        sum(from.address, from.planeBytes, planeSize(input.shape), shape[0], scratch);
        kernels.end_vector(epilogue, scratch, 0, shape[0], Number(!float));
      },
    };
  }
  const rounds = Math.ceil((layer.kernel[0] * layer.kernel[1]) / PART_ROWS);
  const factors = onesFor(context, rounds);
  const patch = planPatch(context, layer, 0, 1, Math.max(SUMS_BYTES, (rounds + 1) * PART_BYTES));
  return {
    name: layer.name,
    op: layer.op,
    units: patch.tiles,
    run(kernels, first, last, scratch) {
      patch.forEach(
        kernels,
        first,
        last,
        scratch,
        ({ address, panelBytes, channel, channels, pixel, pixels, sums }) => {
          if (float) {
            kernels.pool_sum_f32(address, panelBytes, patch.taps, channel, channels, sums, epilogue, pixel, pixels);
          } else {
            kernels.pool_sum_u8(address, patch.taps, channel, channels, sums, factors, epilogue, pixel, pixels);
          }
        },
      );
    },
  };
}

function planAdd(context: PlanContext, layer: AddLayer): Step {
  const { shape, encoding } = context.spec(layer.input);
  const float = encoding.kind === "float32";
  const epilogue = planEpilogue(context, layer.epilogue, shape[0], layer.output, { residual: layer.residual });
  const factors = onesFor(context, 1);
  context.memory.needScratch(SUMS_BYTES);
  return {
    name: layer.name,
    op: layer.op,
    units: unitsOf(shape),
    run(kernels, first, last, scratch) {
      const { address, planeBytes } = context.place(layer.input);
      const end = channelOf(shape, last);
      if (float) kernels.add_f32(address, planeBytes, first, end, epilogue, planeSize(shape));
      else kernels.add_u8(address, planeBytes, first, end, scratch, factors, epilogue, planeSize(shape));
    },
  };
}

function planConcat(context: PlanContext, layer: ConcatLayer, adopted: ReadonlySet<number>): Step {
  const bytes = elementBytes(context.spec(layer.output).encoding);
  return {
    name: layer.name,
    op: layer.op,
    units: 1,
    run(kernels) {
      const { address, planeBytes } = context.place(layer.output);
      let to = address;
      for (const [i, name] of layer.inputs.entries()) {
        const { shape } = context.spec(name);
        const from = context.place(name);
        // equal shapes have equal plane distances, so whole planes are copied at once
        if (!adopted.has(i)) {
          const size = planeSize(shape) === 1 ? shape[0] * bytes : shape[0] * planeBytes;
          kernels.flatten(to, from.address, 0, 1, size);
        }
        to = plus(to, shape[0] * planeBytes);
      }
    },
  };
}
