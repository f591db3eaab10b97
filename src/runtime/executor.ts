// executor.ts: what a Model hands its work to: the kernels in WebAssembly, or the reference in plain TypeScript.
import type { MemoryUse } from "./memory.js";
import type { ExecutorKind } from "./options.js";
import type { InputBatch } from "./ports.js";
import type { Step } from "./step.js";

/** The values of every output by its name. Each run returns fresh arrays. */
export type RawOutputs = { readonly [name: string]: Float32Array };

export interface ExecutorOptions {
  /** Most bytes. */
  readonly memoryLimit: number;
  readonly threads: number;
}

/** Time of one step of a run. */
export interface StepTime {
  readonly name: string;
  readonly op: Step["op"];
  readonly milliseconds: number;
}

/** Gets the raw values of a tensor right after the layer that writes it. */
export type Visit = (tensor: string, raw: Float32Array) => void;

/** A model made ready, its inputs checked by the caller. */
export interface Executor {
  readonly kind: ExecutorKind;
  readonly memory: MemoryUse;
  threads(): number;
  run(values: InputBatch): RawOutputs;
  profile(values: InputBatch): StepTime[];
  trace(values: InputBatch, visit: Visit): RawOutputs;
  dispose(): void;
}
