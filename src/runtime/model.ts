// model.ts: the public Model: a model file made ready to run, one image at a time.

import { frozenCopy, ShiftwiseError } from "../base/index.js";
import { type ModelDef, ownModel, runReference } from "../model/index.js";
import { dimsOf, elements } from "../ops/index.js";
import type { Executor, ExecutorOptions, RawOutputs, StepTime, Visit } from "./executor.js";
import {
  createInputCheck,
  type Given,
  hasFiles,
  type InputCheck,
  type InputInfo,
  type Inputs,
  type PictureInputs,
} from "./inputs.js";
import { compileKernels, compileSteps, needsSteps } from "./kernels.js";
import { fetchModel, follow, untilAborted } from "./load.js";
import { createWasmExecutor, threadsFor } from "./machine.js";
import { MEMORY_DEFAULT, type MemoryUse } from "./memory.js";
import { badOption, checkOptions, type ExecutorKind, type LoadOptions, type RunOptions } from "./options.js";
import { type Outputs, withDims } from "./outputs.js";
import { createInputReader, type InputBatch, type OutputInfo } from "./ports.js";
import type { Runner } from "./runner.js";
import type { ModelSource } from "./source.js";
import { warmUp } from "./warmup.js";
import { RUNTIME_MARK } from "./wasm.generated.js";

/** A model ready to run. Its memory is planned before the first run and never grows. */
export class Model implements Runner {
  readonly name: string;
  readonly inputs: readonly InputInfo[];
  readonly outputs: readonly OutputInfo[];
  readonly labels: readonly string[] | undefined;
  /** Bytes of linear memory, by purpose; for the plain executor the bytes of all tensors. */
  readonly memory: MemoryUse;
  readonly executor: ExecutorKind;
  readonly #check: InputCheck;
  readonly #read: (given: Given) => InputBatch;
  #executor: Executor | null;
  #isRunning = false;

  private constructor(def: ModelDef, executor: Executor) {
    if (!executor?.run) throw badOption("new Model", "await Model.load(source), or await Model.from(def)", def);
    this.name = def.name;
    const ports = def.inputs.map((port) => {
      const { name, tensor, channelsLast = false, normalization } = port;
      const { shape } = def.tensors[tensor];
      return { name, shape, dims: dimsOf(shape, port), channelsLast, normalization, ...carried(def, name) };
    });
    this.inputs = frozenCopy(ports);
    const results = def.outputs.map((port) => {
      const { shape } = def.tensors[port.tensor];
      return { name: port.name, shape, dims: dimsOf(shape, port) };
    });
    this.outputs = frozenCopy(results);
    this.labels = def.labels;
    this.memory = frozenCopy(executor.memory);
    this.executor = executor.kind;
    this.#check = createInputCheck(this.inputs);
    this.#read = createInputReader(this.inputs);
    this.#executor = executor;
  }

  /**
   * Loads a model file from bytes, a Blob or File, a URL or a Response; gzip is decoded on the way.
   * @throws BAD_FILE (a web page included), TRUNCATED, CHECKSUM, BAD_GRAPH for a wrong file; NETWORK, IO, ABORTED;
   * OVERFLOW; UNSUPPORTED; BAD_OPTION for a source or an option that is none; what `onProgress` throws
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
    checkOptions(options);
    const stop = new AbortController();
    const { signal } = stop;
    const release = follow(options.signal, stop);
    try {
      const def = await fetchModel(source, { ...options, signal });
      return await untilAborted(signal, def.name, Model.from(def, options), (late) => late.dispose());
    } finally {
      release();
    }
  }

  /**
   * Makes a model that is already in memory runnable. It takes a copy: what becomes of `def` later changes nothing.
   * Errors as for `load`.
   */
  static async from(def: ModelDef, options: RunOptions = {}): Promise<Model> {
    checkOptions(options);
    return createModel(def, options, (own, executor) => new Model(own, executor));
  }

  /** Threads that take part in a run. */
  get threads(): number {
    return this.#executor?.threads() ?? 0;
  }

  /**
   * Runs the model as runSync does, for callers that want a promise. In browsers it also takes a picture's Blob, File or address.
   * @throws as runSync; NETWORK for a picture that cannot be fetched, BAD_DATA for one that does not decode, UNSUPPORTED where
   * nothing decodes pictures
   */
  async run(inputs: Inputs | PictureInputs): Promise<Outputs> {
    this.#enter();
    const given = this.#check(inputs, true);
    if (!hasFiles(given)) return this.runSync(given as Given);
    const { decodeFiles } = await import("./picture-files.js");
    const decoded = await decodeFiles(given, ShiftwiseError);
    try {
      return this.runSync(decoded.inputs);
    } finally {
      decoded.close();
    }
  }

  /**
   * Runs one image: network values, pixels, or a picture, which is cut and drawn to the input's size (pictures.ts).
   * @throws BAD_DATA for an input that is missing or unknown, of another kind or length, not finite, or a picture without
   * pixels; DISPOSED; UNSUPPORTED inside of another run, and once when a helper thread has died, after which the model
   * runs on one thread
   */
  runSync(inputs: Inputs): Outputs {
    return this.#finish(inputs, (executor, batch) => executor.run(batch));
  }

  /**
   * Runs the model on a made-up image until the engine has optimized its kernels, so that the first real one is as fast
   * as the hundredth. Costs a few runs; gives way to other work between them.
   * @param onProgress hears the share that is done, 0..1
   * @throws DISPOSED; BAD_OPTION; what `onProgress` throws
   */
  async warmUp(onProgress?: (share: number) => void | Promise<void>): Promise<void> {
    await warmUp(this.inputs, (image) => this.runSync(image), onProgress);
  }

  /** Runs one image and tells how long each step took. */
  profile(inputs: Inputs): StepTime[] {
    return this.#use(inputs, (executor, batch) => executor.profile(batch));
  }

  /**
   * Runs one image and hands over the raw values of every tensor right after the layer that writes it: integers 0..255
   * or float32, (channel, row, column). For tests and debugging; slow. `visit` cannot run the model.
   * @throws as runSync; BAD_OPTION for a `visit` that is no function; what it throws
   */
  trace(inputs: Inputs, visit: Visit): Outputs {
    if (typeof visit !== "function") throw badOption("visit", "a function", visit);
    return this.#finish(inputs, (executor, batch) => executor.trace(batch, visit));
  }

  /** Gives memory and threads back; the model cannot run any more. */
  dispose(): void {
    this.#executor?.dispose();
    this.#executor = null;
  }

  /** Does what `dispose` does, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #finish(inputs: Inputs, work: (executor: Executor, batch: InputBatch) => RawOutputs): Outputs {
    return withDims(this.#use(inputs, work), this.outputs);
  }

  /** Checks the inputs and lets the executor work, which has memory for one run at a time. */
  #use<T>(inputs: Inputs, work: (executor: Executor, batch: InputBatch) => T): T {
    this.#enter();
    const batch = this.#read(this.#check(inputs) as Given);
    // reading the inputs may have run code of the caller's
    const executor = this.#enter();
    this.#isRunning = true;
    try {
      return work(executor, batch);
    } finally {
      this.#isRunning = false;
    }
  }

  #enter(): Executor {
    const where = this.name;
    if (!this.#executor) throw new ShiftwiseError("DISPOSED", "the model was disposed", { where });
    if (!this.#isRunning) return this.#executor;
    const expected = "another model, or the end of the run";
    throw new ShiftwiseError("UNSUPPORTED", "the model cannot run inside its own run", { where, expected });
  }
}

/** The rule for pictures that a note of the conversion has for an input, as far as it can be followed. */
function carried({ notes }: ModelDef, input: string): Pick<InputInfo, "resize" | "channels"> {
  try {
    const { resize, channels } = JSON.parse(notes!.preprocessing)[input];
    return { ...(resize > 0 && resize <= 4096 && { resize }), ...(channels === "bgr" && { channels }) };
  } catch {
    // none, or a free text
    return {};
  }
}

/**
 * The model on the executor asked for, or on the best that the host allows. It is checked when the kernels are there: from
 * then on nothing waits until all of it is copied, so what runs is what was checked.
 */
async function createModel(
  given: ModelDef,
  options: RunOptions,
  make: (own: ModelDef, executor: Executor) => Model,
): Promise<Model> {
  const { threads = 1, memoryLimit = MEMORY_DEFAULT, module, executor } = options;
  try {
    let count = threads;
    if (count === "auto") {
      const { coresHere, threadsWorth } = await import("./threads/auto.js");
      count = threadsWorth(ownModel(given), coresHere(), elements);
    }
    const limits: ExecutorOptions = { threads: count, memoryLimit };
    const compiling = executor === "plain" ? null : (module ?? compileKernels(threadsFor(limits) > 1));
    const kernels = executor === "wasm" ? await compiling : await Promise.resolve(compiling).catch(nullIfUnsupported);
    if (module) (await import("./own-module.js")).checkModule(module, RUNTIME_MARK, ShiftwiseError);
    let def = ownModel(given);
    if (!kernels) {
      const { createPlainExecutor } = await import("./plain-executor.js");
      const tools = { Failure: ShiftwiseError, frozenCopy, runReference, elements };
      return make(def, createPlainExecutor(def, limits, tools));
    }
    const modules = [kernels];
    if (!module && needsSteps(def)) {
      modules.push(await compileSteps(threadsFor(limits) > 1));
      // it was waited for: what runs is copied and checked afterwards
      def = ownModel(given);
    }
    return make(def, await createWasmExecutor(def, modules, limits));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ShiftwiseError("OVERFLOW", "no memory for the model", { where: given.name, cause });
  }
}

function nullIfUnsupported(error: unknown): null {
  if (error instanceof ShiftwiseError && error.code === "UNSUPPORTED") return null;
  throw error;
}
