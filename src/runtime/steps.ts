// steps.ts: which step a layer becomes, and the steps of inputs, phases, sums of two tensors and concatenations.
import { NOWHERE, plus } from "../base/index.js";
import type { AddLayer, ConcatLayer, Layer, LayerOf } from "../ops/index.js";
import { isPointLayer, planConv } from "./conv.js";
import { planDense } from "./dense.js";
import { planEncoding, planEpilogue, planOnes } from "./epilogue.js";
import { planMatmul } from "./matmul.js";
import { elementBytes } from "./memory.js";
import { planConstant, planGather, planPermute } from "./move-steps.js";
import { SUMS_BYTES } from "./patch.js";
import { planAvgPool, planMaxPool } from "./pool.js";
import { channelOf, type PlanContext, planeSize, type Step, sourceOf, unitsOf } from "./step.js";
import { type Gather, HALVES } from "./taps.js";
import { planActivation, planBinary, planElementwise, planResample, planSoftmax } from "./value-steps.js";
import { AddJob, SplitJob } from "./wasm.generated.js";

/** Encodes a model input from its float staging area. */
export function planInput(context: PlanContext, tensor: string): Step {
  const { shape } = context.spec(tensor);
  const epilogue = planEncoding(context, tensor, shape[0]);
  const job = context.memory.record(AddJob, () => {
    const { address, planeBytes } = context.place(tensor, "staging");
    return { planes: address, planeBytes, size: planeSize(shape), factors: NOWHERE, epilogue };
  });
  return {
    name: tensor,
    op: "input",
    units: unitsOf(shape),
    run(kernels, first, last) {
      kernels.add_f32(job, first, channelOf(shape, last));
    },
  };
}

/** Splits planes into the phases that a layer reads. */
export function planSplit(context: PlanContext, input: string, gather: Gather): Step {
  const [channels, height, width] = context.spec(input).shape;
  const [down, right] = gather.steps;
  const job = context.memory.record(SplitJob, () => {
    const { address, planeBytes } = context.place(input);
    return {
      ...{ planes: address, planeBytes, height, width, down, right },
      phases: sourceOf(context, input, gather).address,
      phaseBytes: gather.size,
    };
  });
  return {
    name: `${input} (phases)`,
    op: "split",
    units: channels,
    run(kernels, first, last) {
      if (gather.phases === HALVES) kernels.split_phases_u8(job, first, last);
      else kernels.split_phases_u8_any(job, first, last);
    },
  };
}

/** @param adopted places of a concatenation's inputs that already lie in its output */
type Planner<L extends Layer> = (context: PlanContext, layer: L, adopted: ReadonlySet<number>) => Step;

const PLANNERS = {
  conv: (context, layer) => (isPointLayer(context, layer) ? planDense(context, layer) : planConv(context, layer)),
  dense: planDense,
  maxPool: planMaxPool,
  avgPool: planAvgPool,
  add: planAdd,
  concat: planConcat,
  gather: planGather,
  permute: planPermute,
  activation: planActivation,
  elementwise: planElementwise,
  binary: planBinary,
  matmul: planMatmul,
  constant: planConstant,
  resample: planResample,
  softmax: planSoftmax,
} satisfies { readonly [Op in Layer["op"]]: Planner<LayerOf<Op>> };

export const planLayer: Planner<Layer> = (context, layer, adopted) =>
  (PLANNERS[layer.op] as Planner<Layer>)(context, layer, adopted);

function planAdd(context: PlanContext, layer: AddLayer): Step {
  const { shape, encoding } = context.spec(layer.input);
  const float = encoding.kind === "float32";
  const epilogue = planEpilogue(context, layer.epilogue, shape[0], layer.output, { residual: layer.residual });
  const factors = planOnes(context, 1);
  const job = context.memory.record(AddJob, () => {
    const { address, planeBytes } = context.place(layer.input);
    return { planes: address, planeBytes, size: planeSize(shape), factors, epilogue };
  });
  context.memory.needScratch(SUMS_BYTES);
  return {
    name: layer.name,
    op: layer.op,
    units: unitsOf(shape),
    run(kernels, first, last, scratch) {
      const end = channelOf(shape, last);
      if (float) kernels.add_f32(job, first, end);
      else kernels.add_u8(job, first, end, scratch);
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
