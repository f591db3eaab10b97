// layer.ts: what a layer of the compiled network is, and what it is given to plan its memory with.

import { type Address, ShiftwiseError } from "../base/index.js";
import type { Node, Shape } from "../ops/index.js";
import type { Arena } from "./arena.js";
import type { TrainingKernels } from "./wasm.js";

/**
 * The way in which a network runs forward.
 * - train: batch norm uses the batch's own statistics.
 * - frozen: batch norm uses the running ones, and gradients treat them as constants.
 * - eval: like frozen, without a backward pass to follow.
 */
export type Mode = "train" | "frozen" | "eval";

/** A tensor of the batch: (count, channels, height, width) float32, channel planes one after the other. */
export interface BatchTensor {
  readonly address: Address;
  readonly shape: Shape;
}

/** The places of a parameter and its gradient. */
export interface ParameterSlot {
  readonly value: Address;
  readonly gradient: Address;
}

/** The memory and tensors that a layer may ask for while the network is compiled. */
export interface ForwardPlan {
  readonly arena: Arena;
  /** Most images of one call. */
  readonly batch: number;
  tensor(name: string): BatchTensor;
  parameter(node: string, field: string): ParameterSlot;
}

/** The place for the gradient of an input; `accumulate` when another consumer has already written there. */
export interface GradientTarget {
  readonly address: Address;
  readonly accumulate: 0 | 1;
}

/** The gradients of tensors while the backward pass is planned, last layer first. */
export interface GradientPlan {
  readonly arena: Arena;
  /** Gradient of the layer's own output, complete by now. */
  of(tensor: string): Address;
  /** Null for a tensor that no parameter stands before: it needs none. */
  into(tensor: string): GradientTarget | null;
  /**
   * Like `into`, but where `tensor` has no gradient yet it takes over the buffer of `own`, which the layer then changes in
   * place (address equal to of(own)).
   */
  inPlace(own: string, tensor: string): GradientTarget | null;
}

export type Backward = (kernels: TrainingKernels, count: number) => void;

export interface EngineLayer {
  readonly output: string;
  readonly inputs: readonly string[];
  /** @param seed of what is drawn in "train" mode; a uint32. */
  forward(kernels: TrainingKernels, count: number, mode: Mode, seed: number): void;
  planBackward(gradients: GradientPlan): Backward;
}

/** Borrowed room that is free again for whatever is planned next. */
export function scratch(arena: Arena, bytes: number): Address {
  const address = arena.borrow(bytes);
  arena.release(address);
  return address;
}

export function plane(shape: Shape): number {
  return shape[1] * shape[2];
}

export function volume(shape: Shape): number {
  return shape[0] * shape[1] * shape[2];
}

/** Floats that all tensors of a batch may take together: 128 MiB. More images at a time are no faster. */
const BATCH_FLOATS = 2 ** 25;

/** The number of images, up to `most`, whose tensors stay within 128 MiB; at least one. @param shapes of one image's */
export function imagesWithin(shapes: Iterable<Shape>, most: number): number {
  const floats = Array.from(shapes, volume).reduce((sum, n) => sum + n, 0);
  return Math.max(1, Math.min(most, Math.floor(BATCH_FLOATS / floats)));
}

/** The error for a node that has no forward and backward pass here. */
export function untrainable(node: Node): ShiftwiseError {
  return new ShiftwiseError("UNSUPPORTED", "this operation cannot be trained", {
    where: `node ${node.name}`,
    found: node.op,
  });
}

/** The clamp of no ReLU. */
export const NO_CLAMP = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY } as const;

export interface Range {
  readonly low: number;
  readonly high: number;
}
