// pool.ts: the steps of maximum and average pooling: on patches, on whole planes, and value by value.
import type { Address } from "../base/index.js";
import { type AvgPoolLayer, elements, type MaxPoolLayer, maximum } from "../ops/index.js";
import { planEpilogue, planOnes } from "./epilogue.js";
import type { Kernels } from "./kernels.js";
import { PART_BYTES, PART_ROWS } from "./layout.js";
import { elementBytes } from "./memory.js";
import { planPatch, SUMS_BYTES } from "./patch.js";
import { channelOf, type PlanContext, planeSize, type Step, unitsOf } from "./step.js";
import { windowOf } from "./taps.js";
import { MaxPoolJob, SumPoolJob } from "./wasm.generated.js";

type Plane = Float32Array | Uint8Array;

/** Returns the result of a window with the values from `from` on, `step` apart, before `stop`. */
type Join = (result: number, values: Plane, from: number, stop: number, step: number) => number;

const largest: Join = (best, values, from, stop, step) => {
  for (let i = from; i < stop; i += step) best = maximum(best, values[i]);
  return best;
};

const integerSum: Join = (sum, values, from, stop, step) => {
  for (let i = from; i < stop; i += step) sum += values[i];
  return sum;
};

const floatSum: Join = (sum, values, from, stop, step) => {
  for (let i = from; i < stop; i += step) sum = Math.fround(sum + values[i]);
  return sum;
};

/** Most taps of a window that is gathered, for the memory that its patch takes: 20 MB in float32. */
const TAPS_MAX = 2 ** 16;

export function planMaxPool(context: PlanContext, layer: MaxPoolLayer): Step {
  const { encoding } = context.spec(layer.output);
  const float = encoding.kind === "float32";
  if (isLarge(layer)) {
    return planLargePool(context, layer, largest, -Infinity, ({ buffer }, channel, _, fill) => {
      fill(planeOf(context, layer.output, channel, buffer));
    });
  }
  const patch = planPatch(context, layer, float ? -Infinity : 0);
  const job = context.memory.record(MaxPoolJob, () => {
    const { address, planeBytes } = context.place(layer.output);
    return { taps: patch.taps, out: address, outBytes: planeBytes };
  });
  return {
    name: layer.name,
    op: layer.op,
    units: patch.tiles,
    run(kernels, first, last, scratch) {
      patch.forEach(kernels, first, last, scratch, ({ address, channel, channels, pixel, pixels }) => {
        if (float) kernels.pool_max_f32(job, address, channel, channels, pixel, pixels);
        else kernels.pool_max_u8(job, address, channel, channels, pixel, pixels);
      });
    },
  };
}

export function planAvgPool(context: PlanContext, layer: AvgPoolLayer): Step {
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
        kernels.end_vector(epilogue, scratch, 0, shape[0], float ? 0 : 1);
      },
    };
  }
  if (isLarge(layer)) {
    const size = planeSize(shape);
    context.memory.needScratch(size * 4 + 64);
    return planLargePool(
      context,
      layer,
      float ? floatSum : integerSum,
      0,
      ({ end_plane, buffer }, channel, scratch, fill) => {
        // an integer sum is rounded to float32 here, as the epilogue would round it
        fill(new Float32Array(buffer, scratch, size));
        end_plane(epilogue, scratch, channel, size);
      },
    );
  }
  const rounds = Math.ceil((layer.kernel[0] * layer.kernel[1]) / PART_ROWS);
  const factors = planOnes(context, rounds);
  const patch = planPatch(context, layer, 0, 1, Math.max(SUMS_BYTES, (rounds + 1) * PART_BYTES));
  const job = context.memory.record(SumPoolJob, () => ({ taps: patch.taps, factors, epilogue }));
  return {
    name: layer.name,
    op: layer.op,
    units: patch.tiles,
    run(kernels, first, last, scratch) {
      patch.forEach(kernels, first, last, scratch, ({ address, channel, channels, pixel, pixels, sums }) => {
        if (float) kernels.pool_sum_f32(job, address, channel, channels, sums, pixel, pixels);
        else kernels.pool_sum_u8(job, address, channel, channels, sums, pixel, pixels);
      });
    },
  };
}

/** Whether a pooling layer's windows have too many taps to be gathered. */
export function isLarge({ kernel }: Pick<MaxPoolLayer, "kernel">): boolean {
  return elements(kernel) > TAPS_MAX;
}

/** The values of one channel's plane where they lie. */
function planeOf(context: PlanContext, tensor: string, channel: number, buffer: ArrayBufferLike): Plane {
  const { address, planeBytes } = context.place(tensor);
  const { shape, encoding } = context.spec(tensor);
  const at = address + channel * planeBytes;
  const size = planeSize(shape);
  return elementBytes(encoding) === 4 ? new Float32Array(buffer, at, size) : new Uint8Array(buffer, at, size);
}

/**
 * Windows of any size, value by value in the order of the taps, in plain TypeScript.
 * @param start what a window of no values would come to
 * @param end hands `fill` a plane for a channel's results
 */
function planLargePool(
  context: PlanContext,
  layer: MaxPoolLayer | AvgPoolLayer,
  join: Join,
  start: number,
  end: (kernels: Kernels, channel: number, scratch: Address, fill: (results: Plane) => void) => void,
): Step {
  const { kernel, stride, dilation, padding } = windowOf(layer);
  const { shape } = context.spec(layer.input);
  const out = context.spec(layer.output).shape;
  /** The first tap inside the plane and the one behind the last, for an output row or column. */
  const first = (axis: 0 | 1, at: number): number => at + Math.max(0, Math.ceil(-at / dilation[axis])) * dilation[axis];
  const behind = (axis: 0 | 1, at: number): number =>
    at + Math.min(kernel[axis], Math.ceil((shape[1 + axis] - at) / dilation[axis])) * dilation[axis];
  const pool = (values: Plane, results: Plane): void => {
    for (let i = 0, row = 0; row < out[1]; row++) {
      const top = row * stride[0] - padding[0];
      const bottom = behind(0, top);
      for (let column = 0; column < out[2]; column++) {
        const left = column * stride[1] - padding[1];
        const [from, to] = [first(1, left), behind(1, left)];
        let result = start;
        for (let y = first(0, top); y < bottom; y += dilation[0]) {
          result = join(result, values, y * shape[2] + from, y * shape[2] + to, dilation[1]);
        }
        results[i++] = result;
      }
    }
  };
  return {
    name: layer.name,
    op: layer.op,
    units: unitsOf(out),
    run(kernels, first, last, scratch) {
      for (let channel = channelOf(out, first); channel < channelOf(out, last); channel++) {
        const values = planeOf(context, layer.input, channel, kernels.buffer);
        end(kernels, channel, scratch, (results) => pool(values, results));
      }
    },
  };
}
