// dense.ts: the steps of dense layers, and of convolutions of a single pixel.
import { NOWHERE, type Pointer, plus, roundUp, ShiftwiseError } from "../base/index.js";
import { magnitudes } from "../format/index.js";
import { type ConvLayer, type DenseLayer, elements } from "../ops/index.js";
import { planEpilogue } from "./epilogue.js";
import { BLOCK } from "./layout.js";
import { copy, elementBytes } from "./memory.js";
import { type IntegerWeights, packDense, packFloat } from "./schedule.js";
import type { PlanContext, Step } from "./step.js";
import { DenseJob } from "./wasm.generated.js";

/** Inputs that an entry of the list of inputs (assembly/runtime/dense.ts) can tell apart: index << 8 | value, u32. */
const INPUTS_MAX = 2 ** 24;
/** Levels that one table holds products of. */
export const TABLE_LEVELS = 16;
const TABLE_BYTES = 256 * 2 * TABLE_LEVELS;
/** Levels up to this have products with 0..255 that fit 16 bits. */
export const PRODUCT_MAX = 128;
/** Larger ones are 2^7 high + low. */
const LIMB_BITS = 7;

/** @throws OVERFLOW for integer weights on more than 2^24 inputs */
export function planDense(context: PlanContext, layer: DenseLayer | ConvLayer): Step {
  const { memory } = context;
  const { weights } = layer;
  const { shape, encoding } = context.spec(layer.input);
  const inputs = elements(shape);
  const plane = inputs / shape[0];
  const outputs = context.spec(layer.output).shape[0];
  const blocks = Math.ceil(outputs / BLOCK);
  const integer = weights.kind !== "float32";
  if (integer && inputs > INPUTS_MAX) {
    throw new ShiftwiseError("OVERFLOW", "too many inputs to a dense layer", {
      where: `layer ${layer.name}`,
      expected: `at most ${INPUTS_MAX}`,
      found: inputs,
    });
  }
  const residual = layer.op === "conv" ? layer.residual : undefined;
  const epilogue = planEpilogue(context, layer.epilogue, outputs, layer.output, { residual });
  const bytes = elementBytes(encoding);

  // scratch: sums | the input flattened | the list of inputs that are not 0 | product tables
  const sumsBytes = blocks * BLOCK * 4;
  const flatBytes = roundUp(inputs * bytes, 16);
  const listBytes = integer ? roundUp(inputs * 4 + 4, 16) : 0;
  memory.needScratch(sumsBytes + flatBytes + listBytes);
  const packedBytes = blocks * BLOCK * inputs * bytes;
  const passes = integer ? planPasses(context, weights, outputs, packedBytes) : [];
  const packed = integer
    ? NOWHERE
    : memory.later(packedBytes, (to) => copy(to, packFloat(weights.values, outputs, BLOCK)));
  return {
    name: layer.name,
    op: layer.op,
    units: blocks,
    run(kernels, first, last, scratch) {
      const from = context.place(layer.input);
      let input = from.address;
      if (plane > 1) {
        input = plus(scratch, sumsBytes);
        kernels.flatten(input, from.address, from.planeBytes, shape[0], plane * bytes);
      }
      if (integer) {
        const list = plus(scratch, sumsBytes + flatBytes);
        const count = kernels.dense_nonzero(list, input, inputs);
        for (const pass of passes) kernels.dense_codes_c16(pass, list, count, scratch, first, last);
      } else {
        const weightsAt = plus(packed, first * inputs * BLOCK * 4);
        kernels.dense_f32_c16(weightsAt, input, inputs, scratch, last - first);
      }
      const ended = Math.min((last - first) * BLOCK, outputs - first * BLOCK);
      kernels.end_vector(epilogue, scratch, first * BLOCK, ended, integer ? 1 : 0);
    },
  };
}

/** The integers that codes stand for: 0, 1, 2, ... is the order of their low bytes; undefined where there is no code. */
function codeLevels(weights: IntegerWeights): readonly (number | undefined)[] {
  if (weights.kind === "codebook") return weights.levels;
  const levels: (number | undefined)[] = new Array(256).fill(undefined);
  for (let m = 1; m <= magnitudes(weights.bits); m++) {
    levels[m] = 2 ** (m - 1);
    levels[-m & 255] = -(2 ** (m - 1));
  }
  return levels;
}

/** The walks over a layer's inputs: each for up to 16 levels, or a limb of them. */
function planPasses(
  { memory }: PlanContext,
  weights: IntegerWeights,
  outputs: number,
  packedBytes: number,
): Pointer<DenseJob>[] {
  const inputs = weights.codes.length / outputs;
  const known = codeLevels(weights).flatMap((level, code) => (level ? [{ level, code }] : []));
  const passes: Pointer<DenseJob>[] = [];
  for (let from = 0; from < known.length || from === 0; from += TABLE_LEVELS) {
    const part = known.slice(from, from + TABLE_LEVELS);
    const bytes = new Uint8Array(256).fill(255);
    part.forEach(({ code }, i) => {
      bytes[code] = i;
    });
    const codes = memory.later(packedBytes, (to) => to.set(packDense(weights.codes, outputs, bytes)));
    const levels = part.map(({ level }) => level);
    for (const { limb, shift } of limbsOf(levels)) {
      const tables = memory.shared(`products of ${limb}`, TABLE_BYTES, (to) => writeProducts(to, limb));
      const more = passes.length > 0 ? 1 : 0;
      passes.push(memory.record(DenseJob, () => ({ codes, tables, inputs, shift, more })));
    }
  }
  return passes;
}

/** Levels whose products with 255 pass 16 bits are taken apart: level = 2^7 high + low, -64 <= low < 64. */
function limbsOf(levels: readonly number[]): { limb: readonly number[]; shift: number }[] {
  if (levels.every((level) => Math.abs(level) <= PRODUCT_MAX)) return [{ limb: levels, shift: 0 }];
  const high = levels.map((level) => Math.floor(level / 2 ** LIMB_BITS + 0.5));
  const low = levels.map((level, i) => level - high[i] * 2 ** LIMB_BITS);
  return [
    { limb: low, shift: 0 },
    { limb: high, shift: LIMB_BITS },
  ];
}

/** Writes the products of each activation 0..255 with up to 16 levels, low bytes then high bytes. */
function writeProducts(tables: Uint8Array, levels: readonly number[]): void {
  for (let x = 0, at = 0; x < 256; x++, at += 2 * TABLE_LEVELS) {
    levels.forEach((level, i) => {
      tables[at + i] = level * x;
      tables[at + TABLE_LEVELS + i] = (level * x) >> 8;
    });
  }
}
