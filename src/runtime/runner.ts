// runner.ts: the interface that a model here and a model in a Worker share.
import type { StepTime } from "./executor.js";
import type { InputInfo, Inputs, PictureInputs } from "./inputs.js";
import type { MemoryUse } from "./memory.js";
import type { ExecutorKind } from "./options.js";
import type { Outputs } from "./outputs.js";
import type { OutputInfo } from "./ports.js";

/** A loaded model, wherever it runs: what `Model` and `WorkerModel` have in common. */
export interface Runner {
  readonly name: string;
  readonly inputs: readonly InputInfo[];
  readonly outputs: readonly OutputInfo[];
  readonly labels: readonly string[] | undefined;
  readonly memory: MemoryUse;
  readonly executor: ExecutorKind;
  readonly threads: number;
  /** Runs one image: network values, pixels, a picture, or a picture's file or address. */
  run(inputs: Inputs | PictureInputs): Promise<Outputs>;
  /** Runs made-up images until the engine has optimized the kernels. */
  warmUp(onProgress?: (share: number) => void | Promise<void>): Promise<void>;
  /** Runs one image and measures its steps; a model here answers at once, one in a Worker with a promise. */
  profile(inputs: Inputs): readonly StepTime[] | Promise<readonly StepTime[]>;
  /** Gives memory, threads and the Worker back. */
  dispose(): void;
  /** Does what `dispose` does, for `using`. */
  [Symbol.dispose](): void;
}
