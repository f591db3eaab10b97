// model.ts: the public Model: a model file made ready to run, one image at a time.

import { ShiftwiseError } from "../base/index.js";
import { type ModelDef, validateModel } from "../model/index.js";
import type { Executor, ExecutorKind, ExecutorOptions, Outputs, StepTime, Visit } from "./executor.js";
import { compileKernels } from "./kernels.js";
import { type FetchOptions, fetchModel, type ModelSource } from "./load.js";
import { createWasmExecutor, threadsFor } from "./machine.js";
import { MEMORY_DEFAULT, type MemoryUse } from "./memory.js";
import { createPlainExecutor } from "./plain.js";
import { createInputCheck, type InputBatch, type InputInfo, type Inputs, type OutputInfo } from "./ports.js";
import { warmUp } from "./warmup.js";

export interface RunOptions {
  /**
   * Most bytes that the model may take, OVERFLOW if it needs more: its memory while it runs, and before that its file
   * when it is unpacked, and its weights at a byte a code. Default 1 GiB, 2^30; more than 4 GiB is never to be had.
   */
  readonly memoryLimit?: number;
  /**
   * Threads to run on, 1..16, where memory can be shared (Node; browsers when cross-origin isolated). `model.threads`
   * tells how many there are. The results are the same to the bit. Default 1.
   */
  readonly threads?: number;
  /**
   * "wasm": the kernels, UNSUPPORTED where they cannot run. "plain": plain TypeScript. Default: the kernels, or plain
   * TypeScript where the host has no WebAssembly with SIMD or a policy forbids it; `model.executor` tells which. The
   * results are the same to the bit.
   */
  readonly executor?: ExecutorKind;
}

/** `signal` stops the loading, `onProgress` hears of every part of a download. */
export interface LoadOptions extends RunOptions, FetchOptions {}

const THREADS_MAX = 16;

/** A model ready to run. Its memory is planned before the first run and never grows. */
export class Model {
  readonly name: string;
  readonly inputs: readonly InputInfo[];
  readonly outputs: readonly OutputInfo[];
  readonly labels: readonly string[] | undefined;
  /** Bytes of linear memory, by purpose; for the plain executor the bytes of all tensors. */
  readonly memory: MemoryUse;
  readonly executor: ExecutorKind;
  readonly #check: (inputs: Inputs) => InputBatch;
  #executor: Executor | null;

  private constructor(def: ModelDef, executor: Executor) {
    this.name = def.name;
    this.inputs = def.inputs.map(({ name, tensor, normalization }) => {
      return { name, shape: def.tensors[tensor].shape, normalization };
    });
    this.outputs = def.outputs.map(({ name, tensor }) => ({ name, shape: def.tensors[tensor].shape }));
    this.labels = def.labels;
    this.memory = executor.memory;
    this.executor = executor.kind;
    this.#check = createInputCheck(def);
    this.#executor = executor;
  }

  /**
   * Loads a model file from bytes, a Blob or File, a URL or a Response; gzip is decoded on the way.
   * @throws BAD_FILE (a web page included), TRUNCATED, CHECKSUM, BAD_GRAPH for a wrong file; NETWORK, IO, ABORTED;
   * OVERFLOW; UNSUPPORTED; BAD_OPTION for threads outside 1..16 or an unknown executor
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
    return Model.from(await fetchModel(source, options), options);
  }

  /** Makes a model that is already in memory runnable. Errors as for `load`. */
  static async from(def: ModelDef, options: RunOptions = {}): Promise<Model> {
    const { threads = 1, executor, memoryLimit = MEMORY_DEFAULT } = options;
    if (!Number.isInteger(threads) || threads < 1 || threads > THREADS_MAX) {
      throw badOption("threads", `1 to ${THREADS_MAX}`, threads);
    }
    if (executor !== undefined && executor !== "wasm" && executor !== "plain") {
      throw badOption("executor", "wasm or plain", executor);
    }
    validateModel(def);
    return new Model(def, await createExecutor(def, { threads, memoryLimit }, executor));
  }

  /** Threads that take part in a run. */
  get threads(): number {
    return this.#executor?.threads() ?? 0;
  }

  /** As runSync, for callers that want a promise. */
  async run(inputs: Inputs): Promise<Outputs> {
    return this.runSync(inputs);
  }

  /**
   * Runs one image: network values, pixels, or a picture, which is cut and drawn to the input's size (pictures.ts).
   * @throws BAD_DATA for a missing input, a wrong length, values that are not finite, a picture without pixels;
   * DISPOSED; UNSUPPORTED once when a helper thread has died, after which the model runs on one thread
   */
  runSync(inputs: Inputs): Outputs {
    return this.#enter().run(this.#check(inputs));
  }

  /**
   * Runs the model on a made-up image until the engine has optimized its kernels, so that the first real one is as fast
   * as the hundredth. Costs a few runs; gives way to other work between them.
   * @param onProgress hears the share that is done, 0..1
   * @throws DISPOSED
   */
  async warmUp(onProgress?: (share: number) => void): Promise<void> {
    await warmUp(this.inputs, (image) => this.runSync(image), onProgress);
  }

  /** Runs one image and tells how long each step took. */
  profile(inputs: Inputs): StepTime[] {
    return this.#enter().profile(this.#check(inputs));
  }

  /**
   * Runs one image and hands over the raw values of every tensor right after the layer that writes it: integers 0..255
   * or float32, (channel, row, column). For tests and debugging; slow.
   */
  trace(inputs: Inputs, visit: Visit): Outputs {
    return this.#enter().trace(this.#check(inputs), visit);
  }

  /** Gives memory and threads back; the model cannot run any more. */
  dispose(): void {
    this.#executor?.dispose();
    this.#executor = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #enter(): Executor {
    if (this.#executor) return this.#executor;
    throw new ShiftwiseError("DISPOSED", "the model was disposed", { where: this.name });
  }
}

/** The executor asked for, or the best that the host allows. */
async function createExecutor(def: ModelDef, options: ExecutorOptions, kind?: ExecutorKind): Promise<Executor> {
  if (kind === "plain") return createPlainExecutor(def, options);
  const compiling = compileKernels(threadsFor(options) > 1);
  const refused = kind === "wasm" ? false : await compiling.then(() => false, isUnsupported);
  return refused ? createPlainExecutor(def, options) : createWasmExecutor(def, options);
}

function isUnsupported(error: unknown): boolean {
  if (error instanceof ShiftwiseError && error.code === "UNSUPPORTED") return true;
  throw error;
}

function badOption(where: string, expected: string, found: unknown): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", "option out of range", { where, expected, found });
}
