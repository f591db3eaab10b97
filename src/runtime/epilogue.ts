// epilogue.ts: the descriptor that ends a layer, as assembly/runtime/epilogue.ts reads it.
import { type Clamp, type Epilogue, encodeClamped, epilogueBounds, inputAffine, type Residual } from "../ops/index.js";
import type { Make, MemoryPlan } from "./memory.js";
import type { PlanContext } from "./step.js";

const WORDS = 17;
const KIND = { linear: 0, levels: 1, float32: 2 } as const;
/** Scales and offsets are read four at a time. */
const SLACK = 16;

interface Ending {
  readonly channels: number;
  /** One for each channel, or one for all. */
  readonly scale: Float32Array;
  readonly offset: Float32Array;
  readonly clamp: Clamp;
}

/** Results below this are rounded by the short way: their integers fit 16 bits, whatever the bound itself lost to rounding. */
const PLAIN_MAX = 2 ** 15 - 2;
/** Largest raw u8 value. */
const BYTE_MAX = 255;
/** 1.5 * 2^23; added to a float32, it leaves no fraction bits. */
const ROUND = 12582912;

/**
 * Places a layer's epilogue for `output`; returns the descriptor's address.
 * @param channels how often to repeat a scale that all channels share
 * @param largest of integer sums by channel, either sign: none can be larger
 */
export function planEpilogue(
  context: PlanContext,
  epilogue: Epilogue,
  channels: number,
  output: string,
  { residual, largest }: { residual?: Residual; largest?: Float64Array } = {},
): number {
  return placeDescriptor(context, { channels, ...epilogue }, output, residual, largest);
}

/** The epilogue that encodes the real values of a model's input. */
export function planInputEncoding(context: PlanContext, input: string): number {
  const { shape, encoding } = context.spec(input);
  const { scale, offset } = inputAffine(encoding);
  const ending = { channels: shape[0], scale: Float32Array.of(scale), offset: Float32Array.of(offset), clamp: {} };
  return placeDescriptor(context, ending, input);
}

function placeDescriptor(
  context: PlanContext,
  ending: Ending,
  output: string,
  residual?: Residual,
  largest?: Float64Array,
): number {
  const { memory } = context;
  const { encoding } = context.spec(output);
  const { low, high } = epilogueBounds(ending.clamp, encoding);
  const words = new Uint32Array(WORDS);
  const floats = new Float32Array(words.buffer);
  words[0] = placeVector(memory, ending.scale, ending.channels);
  words[1] = placeVector(memory, ending.offset, ending.channels);
  floats[2] = low;
  floats[3] = high;
  words[6] = KIND[encoding.kind];
  if (encoding.kind === "levels") {
    const steps = encoding.levels.slice(1).map((level, i) => level - encoding.levels[i]);
    words[7] = memory.constant(Float32Array.from(encoding.thresholds));
    words[8] = memory.constant(Int32Array.from(steps));
    words[9] = steps.length;
  }
  if (residual) {
    words[12] = Number(context.spec(residual.tensor).encoding.kind === "float32");
    floats[13] = residual.scale;
  }
  if (encoding.kind === "linear") {
    words[14] = Number(largest !== undefined && words[12] === 0 && isPlain(ending, largest, residual));
    words[15] = encodeClamped(low, encoding) | (encodeClamped(high, encoding) << 8);
  }
  floats[16] = ROUND;
  context.whenPlaced(() => {
    const out = context.place(output);
    words[4] = out.address;
    words[5] = out.planeBytes;
    if (!residual) return;
    const operand = context.place(residual.tensor);
    words[10] = operand.address;
    words[11] = operand.planeBytes;
  });
  return memory.constant(words);
}

/** Places one value for each channel. */
function placeVector(memory: MemoryPlan, values: Float32Array, channels: number): number {
  if (values.length === channels) return memory.constant(values, SLACK);
  const spread: Make = ({ buffer, byteOffset }) => new Float32Array(buffer, byteOffset, channels).fill(values[0]);
  return memory.later(4 * channels, spread, SLACK);
}

/** Whether no result of a channel, before it is clamped, can leave what the short way rounds. */
function isPlain({ scale, offset }: Ending, largest: Float64Array, residual?: Residual): boolean {
  const operand = residual ? Math.abs(residual.scale) * BYTE_MAX : 0;
  return scale.every((factor, c) => {
    const sum = Math.abs(factor) * largest[c];
    return sum + Math.abs(offset[c]) + operand < PLAIN_MAX;
  });
}
