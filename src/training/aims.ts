// aims.ts: what a network without labels learns: how each of its outputs is held against the teacher's.
import type { Aim } from "../engine/index.js";
import { inferShapes, type Network } from "../graph/index.js";
import { sampleActivations } from "./activations.js";
import { linesOf } from "./fidelity.js";
import { firstOf, type LearningSet, valuesOf } from "./lessons.js";
import type { Distillation } from "./options.js";

/** Images that tell the variance of an output. */
const MEASURED_IMAGES = 32;

/** Whether a network ends in one vector of logits, which labels and softened logits are for. */
export function endsInLogits(network: Network): boolean {
  const [output] = network.outputs;
  return linesOf(network, output, inferShapes(network).get(output)!)?.logits ?? false;
}

/** The aims of a network that learns from a teacher alone; null where labels or logits have a loss of their own. */
export function aimsOf(network: Network, set: LearningSet, distill: Distillation | undefined): readonly Aim[] | null {
  if (!distill || (distill.share ?? 1) < 1 || endsInLogits(network)) return null;
  const { teacher } = distill;
  const shapes = inferShapes(teacher);
  const variances = variancesOf(teacher, set);
  return teacher.outputs.map((target, i): Aim => {
    const lines = linesOf(teacher, target, shapes.get(target)!);
    const variance = lines && !lines.logits ? null : variances[i];
    return { output: network.outputs[i], target, variance, axis: lines?.axis ?? 0 };
  });
}

/** The variance of all values of each output; 1 for one that never changes. */
function variancesOf(teacher: Network, set: LearningSet): number[] {
  const samples = firstOf(valuesOf(set), MEASURED_IMAGES);
  const sums = teacher.outputs.map(() => ({ count: 0, sum: 0, square: 0, origin: 0 }));
  for (const batch of sampleActivations(teacher, samples, teacher.outputs)) {
    for (const [i, name] of teacher.outputs.entries()) {
      const values = batch.get(name)!;
      const of = sums[i];
      // about the first value: a mean far from zero would leave little of the variance
      if (of.count === 0) of.origin = values[0];
      of.count += values.length;
      for (const value of values) {
        of.sum += value - of.origin;
        of.square += (value - of.origin) ** 2;
      }
    }
  }
  return sums.map(({ count, sum, square }) =>
    square / count - (sum / count) ** 2 > 0 ? square / count - (sum / count) ** 2 : 1,
  );
}
