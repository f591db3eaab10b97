// move-steps.ts: the steps that only move raw values: gathers, other orders of axes, constants.
import {
  type ConstantLayer,
  elements,
  encodeInput,
  type GatherLayer,
  type PermuteLayer,
  simplifiedOrder,
  stridesOf,
} from "../ops/index.js";
import { isFloat, planeBytesOf } from "./memory.js";
import { channelOf, type PlanContext, planeSize, planesOf, type Step, unitsOf } from "./step.js";
import { GatherElementsJob, PermuteJob } from "./wasm.generated.js";

export function planConstant(context: PlanContext, { name, op, output, values }: ConstantLayer): Step {
  const { shape } = context.spec(output);
  const bytes = planeSize(shape) === 1 ? 4 * shape[0] : shape[0] * planeBytesOf(shape, 4);
  const plane = planeSize(shape);
  // planes as they lie in the tensor, so that they are copied at once
  const from = context.memory.later(bytes, ({ buffer, byteOffset }) => {
    const to = new Float32Array(buffer, byteOffset, bytes / 4);
    const stride = planeBytesOf(shape, 4) / 4;
    for (let c = 0; c < shape[0]; c++) for (let i = 0; i < plane; i++) to[c * stride + i] = values[c * plane + i];
  });
  return {
    name,
    op,
    units: 1,
    run(kernels) {
      kernels.flatten(context.place(output).address, from, 0, 1, bytes);
    },
  };
}

/** Whether numbers from the first on follow each other, `step` apart, and none is -1. */
const follow = (list: readonly number[], step: number): boolean =>
  list[0] >= 0 && list.every((n, i) => n === list[0] + i * step);

/** The forms of assembly/steps/move.ts: whole planes, whole rows, single elements. */
const [PLANES, ROWS, ELEMENTS] = [2, 1, 0];

export function planGather(context: PlanContext, layer: GatherLayer): Step {
  const { memory } = context;
  const { name, op, input, output, channels, rows, columns } = layer;
  const { shape, encoding } = context.spec(input);
  const out = context.spec(output).shape;
  const [, height, width] = out;
  const float = isFloat(encoding);
  const fill = encodeInput(layer.value, encoding);
  const isRows = follow(columns, 1);
  const isPlanes = isRows && width === shape[2] && follow(rows, 1);
  // rows that are copied whole begin at their first column
  const first = isRows ? columns[0] : 0;
  const lists = {
    channels: memory.constant(Int32Array.from(channels)),
    rows: memory.constant(Int32Array.from(rows, (row) => (row < 0 ? -1 : row * shape[2] + first))),
    columns: memory.constant(isRows ? new Int32Array(0) : Int32Array.from(columns)),
  };
  const job = memory.record(GatherElementsJob, () => {
    return {
      ...planesOf(context, layer),
      ...lists,
      height,
      width,
      form: isPlanes ? PLANES : isRows ? ROWS : ELEMENTS,
      float,
      fill: float ? new Uint32Array(Float32Array.of(fill).buffer)[0] : fill,
    };
  });
  memory.needScratch(64);
  return {
    name,
    op,
    units: unitsOf(out),
    run(kernels, from, to, scratch) {
      kernels.gather_elements(job, channelOf(out, from), channelOf(out, to), scratch);
    },
  };
}

export function planPermute(context: PlanContext, layer: PermuteLayer): Step {
  const { memory } = context;
  const { name, op, input, output } = layer;
  const { shape: inShape, encoding } = context.spec(input);
  const { shape: outShape } = context.spec(output);
  const size = elements(inShape);
  // vectors lie close together, as one plane does
  const [inPlane, outPlane] = [inShape, outShape].map((shape) => (planeSize(shape) === 1 ? size : planeSize(shape)));
  const { lengths, places } = simplifiedOrder(layer.dims, layer.order);
  const strides = stridesOf(lengths);
  const [axis = 0] = places.slice(-1);
  const [whole, step] = [lengths[axis] ?? 1, strides[axis] ?? 1];
  // lines of the result that no plane's end cuts, nor one of the input's where a plane has a whole number of steps
  const uncut = step < inPlane && inPlane % step === 0 ? inPlane / step : whole;
  const line = greatestDivisor(greatestDivisor(whole, outPlane), uncut);
  const outer = places.slice(0, -1);
  const axes = {
    axes: outer.length + 1,
    lengths: memory.constant(Int32Array.of(...outer.map((one) => lengths[one]), whole / line)),
    steps: memory.constant(Int32Array.of(...outer.map((one) => strides[one]), step * line)),
  };
  memory.needScratch(4 * axes.axes);
  const job = memory.record(PermuteJob, () => {
    return {
      ...planesOf(context, layer),
      plane: inPlane,
      outPlane,
      float: isFloat(encoding),
      line,
      step,
      ...axes,
      size: planeSize(outShape),
    };
  });
  return {
    name,
    op,
    units: unitsOf(outShape),
    run(kernels, first, last, scratch) {
      kernels.permute_axes(job, channelOf(outShape, first), channelOf(outShape, last), scratch);
    },
  };
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
