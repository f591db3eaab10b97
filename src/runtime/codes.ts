// codes.ts: places the weights of a convolution as streams, and how its channels end.
import { type ConvLayer, largestOf } from "../ops/index.js";
import { endsInBytes, planEpilogue } from "./epilogue.js";
import { type IntegerWeights, largestSums, leastStreamBytes } from "./levels.js";
import { compileSchedule, type StreamForm } from "./schedule.js";
import type { PlanContext } from "./step.js";
import type { ConvJob } from "./wasm.generated.js";

/** Returns the fields that the records of bucket sums share, and the bytes that a channel's parts take. */
export function planCodes(
  context: PlanContext,
  layer: ConvLayer,
  weights: IntegerWeights,
  form: StreamForm = {},
): { codes: Pick<ConvJob, "stream" | "starts" | "epilogue">; partsBytes: number } {
  const { memory } = context;
  const { name, epilogue, output, residual } = layer;
  const [channels] = context.spec(output).shape;
  const max = largestOf(context.spec(layer.input).encoding)!;
  memory.expect(leastStreamBytes(weights));
  const largest = largestSums(weights, channels, max);
  const ending = endsInBytes(context, layer, largest) ? epilogue : undefined;
  const { stream, starts, partsBytes } = compileSchedule(weights, channels, max, `layer ${name}`, { ...form, ending });
  const codes = {
    stream: memory.constant(stream),
    starts: memory.constant(starts),
    epilogue: planEpilogue(context, epilogue, channels, output, { residual, largest }),
  };
  return { codes, partsBytes };
}
