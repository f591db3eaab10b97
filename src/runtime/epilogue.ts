// epilogue.ts: the record that ends a layer, as assembly/runtime/shared/epilogue.ts reads it.
import { type Address, NOWHERE, type Pointer } from "../base/index.js";
import {
  type ConvLayer,
  type Encoding,
  type Epilogue,
  encodeClamped,
  epilogueBounds,
  inputAffine,
  NO_ENDING,
  type Residual,
} from "../ops/index.js";
import { FLOAT32, LEVELS, LINEAR } from "./layout.js";
import { copy, type Make, type MemoryPlan } from "./memory.js";
import { partFactors } from "./schedule.js";
import type { PlanContext } from "./step.js";
import { Epilogue as EpilogueRecord } from "./wasm.generated.js";

const KIND = { linear: LINEAR, levels: LEVELS, float32: FLOAT32 };
/** Scales and offsets are read four at a time. */
const SLACK = 16;

/** An epilogue whose scale and offset are one for each channel, or one for all. */
interface SpreadEpilogue extends Epilogue {
  readonly channels: number;
}

/** Results below this are rounded by the short way: their integers fit 16 bits, whatever the bound itself lost to rounding. */
const PLAIN_MAX = 2 ** 15 - 2;
/** Largest raw u8 value. */
const BYTE_MAX = 255;
/** 1.5 * 2^23; added to a float32, it leaves no fraction bits. */
const ROUND = 12582912;

/**
 * Places a layer's epilogue for `output`; returns the record's address.
 * @param channels how often to repeat a scale that all channels share
 * @param largest of integer sums by channel, either sign: none can be larger
 */
export function planEpilogue(
  context: PlanContext,
  epilogue: Epilogue,
  channels: number,
  output: string,
  { residual, largest }: { residual?: Residual; largest?: Float64Array } = {},
): Pointer<EpilogueRecord> {
  return placeRecord(context, { channels, ...epilogue }, output, residual, largest);
}

/**
 * The epilogue that encodes real values, those of a model's input for one.
 * @param channels how often to write the scale that all channels share
 */
export function planEncoding(context: PlanContext, tensor: string, channels: number): Pointer<EpilogueRecord> {
  const { scale, offset } = inputAffine(context.spec(tensor).encoding);
  const ending = { channels, scale: Float32Array.of(scale), offset: Float32Array.of(offset), ...NO_ENDING };
  return placeRecord(context, ending, tensor);
}

/** Factors of a sum whose parts all count once. */
export function planOnes({ memory }: PlanContext, parts: number): Address {
  const factors = partFactors(new Array<number>(parts).fill(1));
  return memory.shared(`${parts} parts`, factors.byteLength, (to) => copy(to, factors));
}

function placeRecord(
  context: PlanContext,
  ending: SpreadEpilogue,
  output: string,
  residual?: Residual,
  largest?: Float64Array,
): Pointer<EpilogueRecord> {
  const { memory } = context;
  const { encoding } = context.spec(output);
  const { low, high } = epilogueBounds(ending.clamp, encoding);
  const scale = placeVector(memory, ending.scale, ending.channels);
  const offset = placeVector(memory, ending.offset, ending.channels);
  const levels = encoding.kind === "levels" ? placeLevels(context, encoding) : NO_LEVELS;
  const linear = encoding.kind === "linear";
  const residualFloat = residual && context.spec(residual.tensor).encoding.kind === "float32" ? 1 : 0;
  const plain = linear && largest && !residualFloat && isPlain(ending, largest, residual) ? 1 : 0;
  return memory.record(EpilogueRecord, () => {
    const out = context.place(output);
    const operand = residual && context.place(residual.tensor);
    return {
      ...levels,
      scale,
      offset,
      low,
      high,
      out: out.address,
      outBytes: out.planeBytes,
      kind: KIND[encoding.kind],
      residual: operand?.address ?? NOWHERE,
      residualBytes: operand?.planeBytes ?? 0,
      residualFloat,
      residualScale: residual?.scale ?? 0,
      plain,
      lowByte: linear ? encodeClamped(low, encoding) : 0,
      highByte: linear ? encodeClamped(high, encoding) : 0,
      round: ROUND,
    };
  });
}

const NO_LEVELS = { thresholds: NOWHERE, steps: NOWHERE, count: 0 };

function placeLevels({ memory }: PlanContext, { thresholds, levels }: Extract<Encoding, { kind: "levels" }>) {
  const steps = levels.slice(1).map((level, i) => level - levels[i]);
  return {
    thresholds: memory.constant(Float32Array.from(thresholds)),
    steps: memory.constant(Int32Array.from(steps)),
    count: steps.length,
  };
}

/** Places one value for each channel. */
function placeVector(memory: MemoryPlan, values: Float32Array, channels: number): Address {
  if (values.length === channels) return memory.constant(values, SLACK);
  const spread: Make = ({ buffer, byteOffset }) => new Float32Array(buffer, byteOffset, channels).fill(values[0]);
  return memory.later(4 * channels, spread, SLACK);
}

/** Whether a layer's results are bytes that only saturation clamps, and need no second operand. */
export function endsInBytes(
  context: Pick<PlanContext, "spec">,
  { epilogue, output, residual }: Pick<ConvLayer, "epilogue" | "output" | "residual">,
  largest: Float64Array,
): boolean {
  const { encoding } = context.spec(output);
  if (encoding.kind !== "linear" || residual || !isPlain(epilogue, largest)) return false;
  const { low, high } = epilogueBounds(epilogue.clamp, encoding);
  return encodeClamped(low, encoding) === 0 && encodeClamped(high, encoding) === BYTE_MAX;
}

/** Whether no result of a channel, before it is clamped, can leave what the short way rounds. */
export function isPlain({ scale, offset }: Epilogue, largest: Float64Array, residual?: Residual): boolean {
  const operand = residual ? Math.abs(residual.scale) * BYTE_MAX : 0;
  return scale.every((factor, c) => {
    const sum = Math.abs(factor) * largest[c];
    return sum + Math.abs(offset[c]) + operand < PLAIN_MAX;
  });
}
