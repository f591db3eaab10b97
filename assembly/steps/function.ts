// function.ts: functions of one value and of two: those with a gate in few operations, others step by step in float64.
import { LINEAR } from "../../src/runtime/layout";
import { find_gate, Gate, HARD } from "./shared/gate";
import { gate_integers, NEAR_MAX, near_of, put_narrow_constants } from "./shared/gate-integers";
import { gate_values, is_product, put_wide_constants } from "./shared/gate-values";
import { apply_block, BLOCK, FunctionJob, gain_of, put_constants } from "./shared/steps";

/** The ways to make a channel: step by step; integers in float32; float32 products of a hard gate and of a sigmoid in float64. */
const STEPS: i32 = 0;
const INTEGERS: i32 = 1;
const HARD_PRODUCTS: i32 = 2;
const SIGMOID_PRODUCTS: i32 = 3;

/** Makes channels first..last-1. */
export function apply_steps(job: FunctionJob, first: i32, last: i32, scratch: usize): void {
  put_constants(job, scratch);
  const gate = find_gate(job, scratch);
  // the way whose constants are written
  let ready = STEPS;
  for (let channel = first; channel < last; channel++) {
    const way = gate ? way_of(gate, job, channel) : STEPS;
    if (!gate || way == STEPS) {
      for (let pixel = 0; pixel < job.size; pixel += BLOCK) {
        apply_block(job, channel, pixel, min(BLOCK, job.size - pixel), scratch);
      }
      continue;
    }
    if (way != ready) {
      if (way == INTEGERS) put_narrow_constants(gate);
      if (way == SIGMOID_PRODUCTS) put_wide_constants(gate);
      ready = way;
    }
    if (way == INTEGERS) gate_integers(gate, job, channel, scratch);
    else gate_values(gate, job, channel, scratch);
  }
}

/** The way in which apply_steps makes a channel: src/runtime/ways.ts has their names. */
export function way_of_steps(job: FunctionJob, channel: i32, scratch: usize): i32 {
  const gate = find_gate(job, scratch);
  return gate ? way_of(gate, job, channel) : STEPS;
}

/** The way of a function with a gate, and what it takes: how near to a middle float32 tells no integer. */
function way_of(gate: Gate, job: FunctionJob, channel: i32): i32 {
  gate.near = job.result.kind == LINEAR ? near_of(gate, job.result, gain_of(job, channel)) : 1;
  if (gate.near <= NEAR_MAX) return INTEGERS;
  if (!is_product(gate)) return STEPS;
  return gate.kind == HARD ? HARD_PRODUCTS : SIGMOID_PRODUCTS;
}
