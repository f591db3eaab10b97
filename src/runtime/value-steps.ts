// value-steps.ts: the steps that compute with real values: functions of one value and of two, interpolation, softmax.
import { encode, NOWHERE, type Pointer } from "../base/index.js";
import {
  type ActivationLayer,
  activationOf,
  type BinaryLayer,
  decoderOf,
  type ElementwiseLayer,
  encoderOf,
  type ResampleLayer,
  type Shape,
  type SoftmaxLayer,
  STEP_NAMES,
  type StepName,
  stepsOf,
  zeroOf,
} from "../ops/index.js";
import { planEncoding } from "./epilogue.js";
import { elementBytes, isFloat } from "./memory.js";
import { type PlanContext, planeSize, planesOf, type Step, unitsOf } from "./step.js";
import { BinaryJob, FunctionJob, FunctionStep, Operand, ResampleJob, SoftmaxJob, TableJob } from "./wasm.generated.js";

/** Bytes of a value of a block, and what kernels may write behind the last: assembly/steps/function.ts and block.ts. */
const VALUE_BYTES = 512;
const ROOM = 64;
/** Bytes of two blocks of float32: assembly/steps/binary.ts. */
const PAIR_BYTES = 2048;
/** Most lines of columns that are kept: assembly/steps/resample.ts. */
const LINES_MAX = 8;
/** Results that wait to be encoded together. */
const RESULTS = 256;

/** The number of a function: src/runtime/step-codes.ts. */
const codeOf = (fn: StepName): number => STEP_NAMES.indexOf(fn);

/** The channels of a step, and the pixels and the width of each: a vector, whose channels lie close together, is one row. */
function gridOf(shape: Shape) {
  const [channels, , width] = shape;
  return planeSize(shape) === 1 ? { size: channels, width: channels } : { size: planeSize(shape), width };
}

/** The way through the planes of a tensor that is read. */
type Way = Pick<Operand, "planeBytes" | "rowStep" | "columnStep">;

function planPlanes(context: PlanContext, tensor: string, wayOf: (planeBytes: number) => Way): Pointer<Operand> {
  const { encoding } = context.spec(tensor);
  const real = encoding.kind === "float32" ? { scale: 1, zero: 0 } : { scale: encoding.scale, zero: zeroOf(encoding) };
  return context.memory.record(Operand, () => {
    const { address, planeBytes } = context.place(tensor);
    return { planes: address, ...wayOf(planeBytes), float: isFloat(encoding), ...real };
  });
}

/** Places the record of a tensor that is read as it lies. */
const planSource = (context: PlanContext, tensor: string): Pointer<Operand> =>
  planPlanes(context, tensor, (planeBytes) => ({ planeBytes, rowStep: context.spec(tensor).shape[2], columnStep: 1 }));

/** Places the record of a tensor that is read as a result of this shape wants it: axes of length 1 meet every index. */
function planOperand(context: PlanContext, tensor: string, out: Shape): Pointer<Operand> {
  const { shape } = context.spec(tensor);
  const isVector = planeSize(out) === 1;
  const [channels, height, width] = isVector ? [1, 1, shape[0]] : shape;
  const wide = width === gridOf(out).width;
  const many = !isVector && out[1] > 1;
  const rowStep = height === 1 && (many || !wide) ? 0 : width;
  return planPlanes(context, tensor, (planeBytes) => {
    return { planeBytes: channels === 1 ? 0 : planeBytes, rowStep, columnStep: wide ? 1 : 0 };
  });
}

/** One step of a function: its name, the values that it reads, and its parameters. */
type Part = ElementwiseLayer["steps"][number];

export const planActivation = (context: PlanContext, layer: ActivationLayer): Step => {
  const { fn, parameters } = layer;
  return planFunction(context, layer, activationOf(fn, parameters), [{ fn, parameters, of: [0] }]);
};

export const planElementwise = (context: PlanContext, layer: ElementwiseLayer): Step =>
  planFunction(context, layer, stepsOf(layer.steps), layer.steps);

/** A function of every value: of integers a table. */
function planFunction(
  context: PlanContext,
  layer: ActivationLayer | ElementwiseLayer,
  f: (x: number) => number,
  parts: readonly Part[],
): Step {
  const { input, output } = layer;
  const { encoding } = context.spec(input);
  if (encoding.kind === "float32") return planSteps(context, layer, [input], parts);
  const out = context.spec(output);
  const [real, encoded] = [decoderOf(encoding), encoderOf(out.encoding)];
  const results = Array.from({ length: 256 }, (_, q) => encoded(f(real(q))));
  const float = isFloat(out.encoding);
  const table = context.memory.constant(float ? Float32Array.from(results) : Uint8Array.from(results));
  const job = context.memory.record(TableJob, () => {
    return { ...planesOf(context, layer), table, float, size: gridOf(out.shape).size };
  });
  return stepOf(layer, unitsOf(out.shape), (kernels, first, last) => kernels.look_up(job, first, last));
}

function stepOf({ name, op }: Pick<Step, "name" | "op">, units: number, run: Step["run"]): Step {
  return { name, op, units, run };
}

/** A function in steps. */
function planSteps(
  context: PlanContext,
  layer: Pick<Step, "name" | "op"> & Pick<ElementwiseLayer, "output" | "gains">,
  inputs: readonly string[],
  parts: readonly Part[],
): Step {
  const { memory } = context;
  const { shape } = context.spec(layer.output);
  const records = parts.map(({ fn, parameters: [first = 0, second = 0], of: [x = 0, y = 0, z = 0] }) =>
    encode(FunctionStep, {
      code: codeOf(fn),
      x: x * VALUE_BYTES,
      y: y * VALUE_BYTES,
      z: z * VALUE_BYTES,
      first,
      second,
    }),
  );
  const steps = memory.constant(Uint8Array.from(records.flatMap((bytes) => [...bytes]))) as Pointer<FunctionStep>;
  const [a, b = NOWHERE as Pointer<Operand>] = inputs.map((tensor) => planOperand(context, tensor, shape));
  const result = planEncoding(context, layer.output, 1);
  const gains = layer.gains ? memory.constant(layer.gains) : NOWHERE;
  const job = memory.record(FunctionJob, () => ({ a, b, steps, count: parts.length, ...gridOf(shape), result, gains }));
  // the last blocks have the numbers of a gate
  memory.needScratch((inputs.length + parts.length + 3) * VALUE_BYTES);
  return stepOf(layer, unitsOf(shape), (kernels, first, last, scratch) =>
    kernels.apply_steps(job, first, last, scratch),
  );
}

/** Functions that are one operation of float32. */
const PAIRS: ReadonlySet<string> = new Set(["add", "sub", "mul", "div"]);

export function planBinary(context: PlanContext, layer: BinaryLayer): Step {
  const { fn, input, other, output } = layer;
  if (!PAIRS.has(fn)) return planSteps(context, layer, [input, other], [{ fn, parameters: [], of: [0, 1] }]);
  const { shape } = context.spec(output);
  const [a, b] = [input, other].map((tensor) => planOperand(context, tensor, shape));
  const result = planEncoding(context, output, 1);
  const job = context.memory.record(BinaryJob, () => ({ a, b, code: codeOf(fn), ...gridOf(shape), result }));
  context.memory.needScratch(PAIR_BYTES + ROOM);
  return stepOf(layer, unitsOf(shape), (kernels, first, last, scratch) =>
    kernels.join_pairs(job, first, last, scratch),
  );
}

/** Whether two rows lie in two lines of two, or are one. */
const isPair = (row: number, other: number): boolean => row === other || (row - other) % 2 !== 0;

/** Puts the first tap of all columns together, an even number of them, then the second of all. */
function byTap(list: readonly number[], taps: number): readonly number[] {
  const count = list.length / taps;
  return Array.from({ length: taps }, (_, tap) =>
    Array.from({ length: count + (count % 2) }, (__, column) => (column < count ? list[column * taps + tap] : 0)),
  ).flat();
}

export function planResample(context: PlanContext, layer: ResampleLayer): Step {
  const { memory } = context;
  const { input, output, rows, columns } = layer;
  const stride = context.spec(input).shape[2];
  const [channels, height, width] = context.spec(output).shape;
  const [tall, wide] = [rows.indices.length / height, columns.indices.length / width];
  const lines = Math.min(tall, LINES_MAX);
  const paired = tall === 2 && rows.indices.every((row, i) => i % 2 === 0 || isPair(rows.indices[i - 1], row));
  const from = planSource(context, input);
  const result = planEncoding(context, output, 1);
  const places = {
    rows: memory.constant(Int32Array.from(rows.indices)),
    rowWeights: memory.constant(Float64Array.from(rows.weights)),
    columns: memory.constant(Int32Array.from(byTap(columns.indices, wide), (index) => index * 8)),
    columnWeights: memory.constant(Float64Array.from(byTap(columns.weights, wide))),
  };
  const job = memory.record(ResampleJob, () => {
    return { from, stride, height, width, tall, wide, ...places, lines, paired: Number(paired) as 0 | 1, result };
  });
  const results = 4 * (RESULTS + width);
  memory.needScratch(8 * (stride + 3) + (lines + 1) * 8 * (width + 3) + 4 * lines + results + 2 * ROOM);
  return stepOf(layer, channels, (kernels, first, last, scratch) => kernels.resample(job, first, last, scratch));
}

export function planSoftmax(context: PlanContext, layer: SoftmaxLayer): Step {
  const { memory } = context;
  const { input, output, axis } = layer;
  const { shape, encoding } = context.spec(input);
  const out = context.spec(output);
  const length = shape[axis];
  const [channels, rows, columns] = shape.map((n, i) => (i === axis ? 1 : n));
  const from = planSource(context, input);
  const result = planEncoding(context, output, 1);
  const apart = (tensor: string, bytes: number): number =>
    axis === 0 ? context.place(tensor).planeBytes : axis === 1 ? shape[2] * bytes : bytes;
  const job = memory.record(SoftmaxJob, () => {
    const step = apart(input, elementBytes(encoding));
    const resultStep = apart(output, elementBytes(out.encoding));
    return { from, length, step, resultStep, channels, rows, columns, width: shape[2], result };
  });
  memory.needScratch(8 * (length + 3) + ROOM);
  return stepOf(layer, 1, (kernels, _, __, scratch) => kernels.softmax(job, scratch));
}
