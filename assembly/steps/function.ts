// function.ts: functions of one value and of two: those with a gate in few operations, others step by step in float64.
import { LINEAR } from "../../src/runtime/layout";
import { find_gate } from "./shared/gate";
import { gate_integers, NEAR_MAX, near_of, put_narrow_constants } from "./shared/gate-integers";
import { gate_values, is_product, put_wide_constants } from "./shared/gate-values";
import { apply_block, BLOCK, FunctionJob, gain_of, put_constants } from "./shared/steps";

/** Makes channels first..last-1. */
export function apply_steps(job: FunctionJob, first: i32, last: i32, scratch: usize): void {
  const size = job.size,
    result = job.result;
  put_constants(job, scratch);
  const gate = find_gate(job, scratch);
  if (gate) {
    put_narrow_constants(gate);
    put_wide_constants(gate);
  }
  for (let channel = first; channel < last; channel++) {
    if (gate) {
      const near = result.kind == LINEAR ? near_of(gate, result, gain_of(job, channel)) : 1;
      if (near <= NEAR_MAX) {
        gate_integers(gate, near, job, channel, scratch);
        continue;
      }
      if (is_product(gate)) {
        gate_values(gate, job, channel, scratch);
        continue;
      }
    }
    for (let pixel = 0; pixel < size; pixel += BLOCK) {
      apply_block(job, channel, pixel, min(BLOCK, size - pixel), scratch);
    }
  }
}
