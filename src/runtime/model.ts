// model.ts: the public Model: a planned network in its own linear memory, run one image at a time.
import {
  type ModelDef,
  type Normalization,
  type Shape,
  ShiftwiseError,
  toReal,
  validateModel,
} from "../format/index.js";
import { type Crew, startCrew } from "./crew.js";
import { canShareMemory } from "./helpers.js";
import { compileKernels, instantiate, type Kernels } from "./kernels.js";
import { fetchModel, type ModelSource } from "./load.js";
import type { MemoryUse } from "./memory.js";
import { type Plan, planModel } from "./plan.js";
import { InputDoor, type Inputs, readRaw } from "./ports.js";
import { type Step, stagingOf } from "./step.js";

/** float32 values by output name; each run returns fresh arrays. */
export type Outputs = { readonly [name: string]: Float32Array };

export interface LoadOptions {
  /** Most bytes of linear memory the model may take; OVERFLOW if it needs more. */
  readonly memoryLimit?: number;
  /** Stops a download. */
  readonly signal?: AbortSignal;
  /**
   * Threads to run on, 1..16, where memory can be shared (Node; browsers when cross-origin isolated). `model.threads`
   * tells how many there are. The results are the same to the bit. Default 1.
   */
  readonly threads?: number;
}

export interface InputInfo {
  readonly name: string;
  readonly shape: Shape;
  readonly normalization?: Normalization;
}

export interface OutputInfo {
  readonly name: string;
  readonly shape: Shape;
}

/** Time of one step of a run. */
export interface StepTime {
  readonly name: string;
  readonly op: Step["op"];
  readonly milliseconds: number;
}

interface State {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  crew: Crew | null;
}

const PAGE = 65536;
const THREADS_MAX = 16;

/** A model ready to run. Its memory is planned before the first run and never grows. */
export class Model {
  readonly name: string;
  readonly inputs: readonly InputInfo[];
  readonly outputs: readonly OutputInfo[];
  readonly labels: readonly string[] | undefined;
  /** Bytes of linear memory, by purpose. */
  readonly memory: MemoryUse;
  readonly #def: ModelDef;
  readonly #plan: Plan;
  readonly #doors: readonly InputDoor[];
  #threads: number;
  #state: State | null;

  private constructor(def: ModelDef, plan: Plan, state: State, threads: number) {
    this.name = def.name;
    this.inputs = def.inputs.map(({ name, tensor, normalization }) => {
      return { name, shape: def.tensors[tensor].shape, normalization };
    });
    this.outputs = def.outputs.map(({ name, tensor }) => ({ name, shape: def.tensors[tensor].shape }));
    this.labels = def.labels;
    this.memory = plan.use;
    this.#def = def;
    this.#plan = plan;
    this.#doors = def.inputs.map((port) => {
      const place = plan.placements.get(stagingOf(port.tensor)) ?? plan.placements.get(port.tensor)!;
      return new InputDoor(port, def.tensors[port.tensor], place);
    });
    this.#threads = threads;
    this.#state = state;
  }

  /**
   * Loads a model file from bytes, a URL or a Response; gzip is decoded on the way.
   * @throws BAD_FILE, TRUNCATED, CHECKSUM, BAD_GRAPH for a wrong file; NETWORK, IO, ABORTED; OVERFLOW; UNSUPPORTED;
   * BAD_OPTION for threads outside 1..16
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
    return Model.from(await fetchModel(source, options.signal), options);
  }

  /** Makes a model that is already in memory runnable. Errors as for `load`. */
  static async from(def: ModelDef, options: LoadOptions = {}): Promise<Model> {
    const { memoryLimit, threads: asked = 1 } = options;
    if (!Number.isInteger(asked) || asked < 1 || asked > THREADS_MAX) {
      throw new ShiftwiseError("BAD_OPTION", "option out of range", {
        where: "threads",
        expected: `1 to ${THREADS_MAX}`,
        found: asked,
      });
    }
    validateModel(def);
    const threads = canShareMemory() ? asked : 1;
    const plan = planModel(def, { limit: memoryLimit, threads });
    const module = await compileKernels(threads > 1);
    const memory = allocate(plan.use.total, threads > 1);
    plan.memory.write(memory.buffer);
    const kernels = instantiate(module, memory);
    const crew = threads > 1 ? await startCrew(def, plan, module, memory, threads) : null;
    return new Model(def, plan, { kernels, memory, crew }, threads);
  }

  /** Threads that take part in a run. */
  get threads(): number {
    return this.#threads;
  }

  /** As runSync, for callers that want a promise. */
  async run(inputs: Inputs): Promise<Outputs> {
    return this.runSync(inputs);
  }

  /**
   * Runs one image.
   * @throws BAD_DATA for a missing input, a wrong length, or values that are not finite; DISPOSED; UNSUPPORTED once when
   * a helper thread has died, after which the model runs on one thread
   */
  runSync(inputs: Inputs): Outputs {
    const state = this.#enter(inputs);
    for (let i = 0; i < this.#plan.steps.length; i++) this.#step(state, i);
    return this.#read(state);
  }

  /** Runs one image and tells how long each step took. */
  profile(inputs: Inputs): StepTime[] {
    const state = this.#enter(inputs);
    return this.#plan.steps.map(({ name, op }, i) => {
      const start = performance.now();
      this.#step(state, i);
      return { name, op, milliseconds: performance.now() - start };
    });
  }

  /**
   * Runs one image and hands over the raw values of every tensor right after the layer that writes it: integers 0..255
   * or float32, (channel, row, column). For tests and debugging; slow.
   */
  trace(inputs: Inputs, visit: (tensor: string, raw: Float32Array) => void): Outputs {
    const state = this.#enter(inputs);
    const written = new Map(this.#def.layers.map((layer) => [layer.name, layer.output]));
    this.#plan.steps.forEach(({ name, op }, i) => {
      this.#step(state, i);
      if (op === "split") return;
      const tensor = op === "input" ? name : written.get(name)!;
      visit(tensor, this.#raw(state, tensor));
    });
    return this.#read(state);
  }

  /** Gives memory and threads back; the model cannot run any more. */
  dispose(): void {
    this.#state?.crew?.end();
    this.#state = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #enter(inputs: Inputs): State {
    const state = this.#state;
    if (!state) throw new ShiftwiseError("DISPOSED", "the model was disposed", { where: this.name });
    for (const door of this.#doors) door.write(state.memory.buffer, state.kernels, inputs);
    return state;
  }

  #step(state: State, index: number): void {
    const { units, run } = this.#plan.steps[index];
    if (!state.crew || units === 1) {
      run(state.kernels, 0, units, this.#plan.scratch);
      return;
    }
    try {
      state.crew.run(state.kernels, index);
    } catch (error) {
      state.crew = null;
      this.#threads = 1;
      throw error;
    }
  }

  #raw(state: State, tensor: string): Float32Array {
    return readRaw(state.memory.buffer, this.#def.tensors[tensor], this.#plan.placements.get(tensor)!);
  }

  #read(state: State): Outputs {
    const named = this.#def.outputs.map(({ name, tensor }) => {
      return [name, toReal(this.#raw(state, tensor), this.#def.tensors[tensor].encoding)];
    });
    return Object.fromEntries(named);
  }
}

function allocate(bytes: number, shared: boolean): WebAssembly.Memory {
  const pages = bytes / PAGE;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (cause) {
    throw new ShiftwiseError("OVERFLOW", "no memory for the model", { found: `${bytes} bytes`, cause });
  }
}
