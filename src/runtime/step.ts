// step.ts: one step of a plan, and what those who plan steps are given.
import type { Address } from "../base/index.js";
import type { Layer, TensorSpec } from "../ops/index.js";
import type { Kernels } from "./kernels.js";
import type { MemoryPlan, Placement } from "./memory.js";

/** One call sequence of the plan. */
export interface Step {
  readonly name: string;
  readonly op: Layer["op"] | "input" | "split";
  /** Tiles, channels, blocks of channels, or tiles by these, that may run in any order. */
  readonly units: number;
  /** Runs units first..last-1 with the scratch memory at `scratch`. */
  readonly run: (kernels: Kernels, first: number, last: number, scratch: Address) => void;
}

/** What the planner of a step may ask for. */
export interface PlanContext {
  readonly memory: MemoryPlan;
  readonly spec: (tensor: string) => TensorSpec;
  /** Final when planning has ended: for constants made later, and for steps to call when they run. */
  readonly place: (tensor: string) => Placement;
}

/** Names of the buffers behind a tensor: its float staging area, its phase planes. */
export const stagingOf = (tensor: string): string => `${tensor} (float)`;
export const phasesOf = (tensor: string): string => `${tensor} (phases)`;
