// step.ts: one step of a plan, and what those who plan steps are given.
import type { Address } from "../base/index.js";
import type { Layer, TensorSpec } from "../ops/index.js";
import type { Kernels } from "./kernels.js";
import type { MemoryPlan, Placement } from "./memory.js";
import type { Gather } from "./taps.js";

/** One call sequence of the plan. */
export interface Step {
  readonly name: string;
  readonly op: Layer["op"] | "input" | "split";
  /** Tiles, channels, blocks of channels, or tiles by these, that may run in any order. */
  readonly units: number;
  /** Runs units first..last-1 with the scratch memory at `scratch`. */
  readonly run: (kernels: Kernels, first: number, last: number, scratch: Address) => void;
}

export const planeSize = (shape: readonly number[]): number => shape[1] * shape[2];

/** Channels, which threads may share; but those of vectors lie so close that each is written over by the one before. */
export const unitsOf = (shape: readonly number[]): number => (planeSize(shape) === 1 ? 1 : shape[0]);

/** The channel that begins a unit. */
export const channelOf = (shape: readonly number[], unit: number): number =>
  planeSize(shape) === 1 ? unit * shape[0] : unit;

/**
 * The content of a buffer: a tensor's raw values, the float values that a model's input is encoded from, or the phases
 * that a stride reads, whose name begins with the stride. A kind and a name together say which buffer is meant, so no
 * tensor's name can be another's buffer.
 */
export type Content = "raw" | "staging" | "phases";

/** The places of the buffers of each kind, by tensor. */
export type Placements = { readonly [content in Content]: ReadonlyMap<string, Placement> };

/** The data that the planner of a step may ask for. */
export interface PlanContext {
  readonly memory: MemoryPlan;
  readonly spec: (tensor: string) => TensorSpec;
  /** Final when planning has ended: for constants made later, and for steps to call when they run. Default: raw values. */
  readonly place: (tensor: string, content?: Content) => Placement;
}

/** The planes of a layer's input and output, as records of kernels have them. */
export function planesOf(
  { place }: PlanContext,
  { input, output }: { readonly input: string; readonly output: string },
): { planes: Address; planeBytes: number; out: Address; outBytes: number } {
  const [from, to] = [place(input), place(output)];
  return { planes: from.address, planeBytes: from.planeBytes, out: to.address, outBytes: to.planeBytes };
}

/** The place of what a gather reads of a tensor: itself, or its phases, which have their own names. */
export const sourceOf = ({ place }: PlanContext, input: string, { phases }: Pick<Gather, "phases">): Placement =>
  place(phases + input, phases ? "phases" : "raw");

/** Units of a layer that threads should at least find to share. */
const UNITS_MIN = 64;
/** Channels of a unit that make up for its call. */
const CHANNELS_MIN = 16;

/**
 * Into how many blocks of channels to cut each piece of a plane, where there are few pieces for threads to share. Channels of a
 * single pixel lie so close that each is written over by the one before, so one thread makes them all, in order.
 */
export function blocksOf(pixels: number, pieces: number, channels: number): number {
  if (pixels === 1) return 1;
  return Math.max(1, Math.min(Math.ceil(UNITS_MIN / pieces), Math.floor(channels / CHANNELS_MIN)));
}
