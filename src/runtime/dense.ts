// dense.ts: the steps of dense layers, and of convolutions of a single pixel.
import { NOWHERE, type Pointer, plus, roundUp } from "../base/index.js";
import { type ConvLayer, type DenseLayer, elements } from "../ops/index.js";
import { planEpilogue } from "./epilogue.js";
import { BLOCK } from "./layout.js";
import type { IntegerWeights } from "./levels.js";
import { copy, elementBytes } from "./memory.js";
import { groupsOf, packFloat, packPlanes, planesOf } from "./planes.js";
import type { PlanContext, Step } from "./step.js";
import { DenseJob } from "./wasm.generated.js";

export function planDense(context: PlanContext, layer: DenseLayer | ConvLayer): Step {
  const { memory } = context;
  const { weights } = layer;
  const { shape, encoding } = context.spec(layer.input);
  const inputs = elements(shape);
  const plane = inputs / shape[0];
  const outputs = context.spec(layer.output).shape[0];
  const blocks = Math.ceil(outputs / BLOCK);
  const integer = weights.kind !== "float32";
  const residual = layer.op === "conv" ? layer.residual : undefined;
  const epilogue = planEpilogue(context, layer.epilogue, outputs, layer.output, { residual });
  const bytes = elementBytes(encoding);

  // scratch: sums | the input flattened | the sums of its groups
  const sumsBytes = blocks * BLOCK * 4;
  const flatBytes = roundUp(inputs * bytes, 16);
  memory.needScratch(sumsBytes + flatBytes + (integer ? sumsOfGroups(inputs) : 0));
  const job = integer ? planCodes(context, weights, outputs) : NOWHERE;
  const packed = integer
    ? NOWHERE
    : memory.later(blocks * BLOCK * inputs * bytes, (to) => copy(to, packFloat(weights.values, outputs, BLOCK)));
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
        const room = plus(scratch, sumsBytes + flatBytes);
        kernels.dense_sums(room, input, inputs);
        kernels.dense_codes_c16(job as Pointer<DenseJob>, room, scratch, first, last);
      } else {
        const weightsAt = plus(packed, first * inputs * BLOCK * 4);
        kernels.dense_f32_c16(weightsAt, input, inputs, scratch, last - first);
      }
      const ended = Math.min((last - first) * BLOCK, outputs - first * BLOCK);
      kernels.end_vector(epilogue, scratch, first * BLOCK, ended, integer ? 1 : 0);
    },
  };
}

/** The bytes that dense_sums writes (assembly/runtime/dense.ts): 4 and 256 for every 32 inputs, and 32 besides. */
const sumsOfGroups = (inputs: number): number => 32 + 260 * Math.ceil(inputs / 32);

/** Places the planes of a layer's weights. */
function planCodes({ memory }: PlanContext, weights: IntegerWeights, outputs: number): Pointer<DenseJob> {
  const inputs = weights.codes.length / outputs;
  const { least, pairs } = planesOf(weights);
  const bytes = Math.ceil(outputs / BLOCK) * pairs * groupsOf(inputs) * BLOCK;
  const codes = memory.later(bytes, (to) => to.set(packPlanes(weights, outputs, least, pairs)));
  return memory.record(DenseJob, () => ({ codes, inputs, pairs, least }));
}
