// matmul.ts: the step of products of two matrices.
import type { MatmulLayer } from "../ops/index.js";
import { PANEL } from "./layout.js";
import type { PlanContext, Step } from "./step.js";
import { MatmulJob } from "./wasm.generated.js";

/** Bytes of 4 x 8 sums. */
const SUMS_BYTES = 128;

export function planMatmul(context: PlanContext, { name, op, input, other, output }: MatmulLayer): Step {
  const [rows, depth] = context.spec(input).shape.slice(1);
  const [batch, , columns] = context.spec(output).shape;
  context.memory.needScratch(SUMS_BYTES + 4 * PANEL * depth);
  const job = context.memory.record(MatmulJob, () => {
    const [a, b, out] = [input, other, output].map((tensor) => {
      const { address, planeBytes } = context.place(tensor);
      return { address, bytes: context.spec(tensor).shape[0] === 1 ? 0 : planeBytes };
    });
    const matrices = { a: a.address, aBytes: a.bytes, b: b.address, bBytes: b.bytes };
    return { ...matrices, out: out.address, outBytes: out.bytes, rows, depth, columns };
  });
  return {
    name,
    op,
    units: batch * Math.ceil(columns / PANEL),
    run(kernels, first, last, scratch) {
      kernels.matmul_f32(job, first, last, scratch);
    },
  };
}
