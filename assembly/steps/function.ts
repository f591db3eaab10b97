// function.ts: functions of one value and of two, step by step in float64.
import { apply_block, BLOCK, FunctionJob } from "./shared/steps";

/** Makes channels first..last-1. */
export function apply_steps(job: FunctionJob, first: i32, last: i32, scratch: usize): void {
  const size = job.size;
  for (let channel = first; channel < last; channel++) {
    for (let pixel = 0; pixel < size; pixel += BLOCK) {
      apply_block(job, channel, pixel, min(BLOCK, size - pixel), scratch);
    }
  }
}
