// model.ts: the public Model: a planned network in its own linear memory, run one image at a time.
import {
  type Encoding,
  elements,
  type ModelDef,
  type Normalization,
  pixelTable,
  type Shape,
  ShiftwiseError,
  validateModel,
  zeroOf,
} from "../format/index.js";
import { compileKernels, instantiate, type Kernels } from "./kernels.js";
import { fetchModel, type ModelSource } from "./load.js";
import type { MemoryUse } from "./memory.js";
import { type Plan, planModel, type Step, stagingOf } from "./plan.js";

/** Real network values, or pixels 0..255; (channel, row, column), all of one image. */
export type InputValues = Float32Array | Uint8Array | Uint8ClampedArray;
/** One input alone, or several by name. */
export type Inputs = InputValues | { readonly [name: string]: InputValues };
/** float32 values by output name; each run returns fresh arrays. */
export type Outputs = { readonly [name: string]: Float32Array };

export interface LoadOptions {
  /** Most bytes of linear memory the model may take; OVERFLOW if it needs more. */
  readonly memoryLimit?: number;
  /** Stops a download. */
  readonly signal?: AbortSignal;
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
}

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
  readonly #pixels = new Map<string, Float32Array[]>();
  #state: State | null;

  private constructor(def: ModelDef, plan: Plan, state: State) {
    this.name = def.name;
    this.inputs = def.inputs.map(({ name, tensor, normalization }) => {
      return { name, shape: def.tensors[tensor].shape, normalization };
    });
    this.outputs = def.outputs.map(({ name, tensor }) => ({ name, shape: def.tensors[tensor].shape }));
    this.labels = def.labels;
    this.memory = plan.use;
    this.#def = def;
    this.#plan = plan;
    this.#state = state;
  }

  /**
   * Loads a model file from bytes, a URL or a Response; gzip is decoded on the way.
   * @throws BAD_FILE, TRUNCATED, CHECKSUM, BAD_GRAPH for a wrong file; NETWORK, IO, ABORTED; OVERFLOW; UNSUPPORTED
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
    return Model.from(await fetchModel(source, options.signal), options);
  }

  /** Makes a model that is already in memory runnable. Errors as for `load`. */
  static async from(def: ModelDef, options: LoadOptions = {}): Promise<Model> {
    validateModel(def);
    const module = await compileKernels();
    const plan = planModel(def, options.memoryLimit);
    const pages = plan.use.total / 65536;
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (cause) {
      throw new ShiftwiseError("OVERFLOW", "no memory for the model", { found: `${plan.use.total} bytes`, cause });
    }
    plan.memory.write(memory.buffer);
    return new Model(def, plan, { kernels: instantiate(module, memory), memory });
  }

  /** As runSync, for callers that want a promise. */
  async run(inputs: Inputs): Promise<Outputs> {
    return this.runSync(inputs);
  }

  /**
   * Runs one image.
   * @throws BAD_DATA for a missing input, a wrong length, or values that are not finite; DISPOSED
   */
  runSync(inputs: Inputs): Outputs {
    const state = this.#enter(inputs);
    for (const step of this.#plan.steps) step.run(state.kernels, 0, step.units, this.#plan.scratch);
    return this.#read(state);
  }

  /** Runs one image and tells how long each step took. */
  profile(inputs: Inputs): StepTime[] {
    const { kernels } = this.#enter(inputs);
    return this.#plan.steps.map(({ name, op, units, run }) => {
      const start = performance.now();
      run(kernels, 0, units, this.#plan.scratch);
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
    for (const { name, op, units, run } of this.#plan.steps) {
      run(state.kernels, 0, units, this.#plan.scratch);
      if (op === "split") continue;
      const tensor = op === "input" ? name : written.get(name)!;
      visit(tensor, this.#raw(state, tensor));
    }
    return this.#read(state);
  }

  /** Gives the memory back; the model cannot run any more. */
  dispose(): void {
    this.#state = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #enter(inputs: Inputs): State {
    const state = this.#state;
    if (!state) throw new ShiftwiseError("DISPOSED", "the model was disposed", { where: this.name });
    for (const port of this.#def.inputs) this.#write(state, port, pick(inputs, port.name));
    return state;
  }

  #write(state: State, port: ModelDef["inputs"][number], given: InputValues | undefined): void {
    const spec = this.#def.tensors[port.tensor];
    const [channels, height, width] = spec.shape;
    const plane = height * width;
    const where = `input ${port.name}`;
    if (!given || given.length !== channels * plane) {
      throw new ShiftwiseError("BAD_DATA", "wrong input", {
        where,
        expected: `${channels * plane} values (${channels}, ${height}, ${width})`,
        found: given ? `${given.length} values` : "none",
      });
    }
    const isFloat = given instanceof Float32Array;
    if (!isFloat && !port.normalization) {
      throw new ShiftwiseError("BAD_DATA", "this model says nothing about pixels", {
        where,
        expected: "a Float32Array of network values",
        found: given.constructor.name,
      });
    }
    if (isFloat) checkFinite(given, where);
    const { address, planeBytes } = this.#plan.placements.get(stagingOf(port.tensor)) ?? this.#place(port.tensor);
    for (let c = 0; c < channels; c++) {
      const to = new Float32Array(state.memory.buffer, address + c * planeBytes, plane);
      if (isFloat) {
        to.set(given.subarray(c * plane, (c + 1) * plane));
      } else {
        const table = this.#pixelTables(port.tensor, port.normalization!)[c];
        for (let i = 0; i < plane; i++) to[i] = table[given[c * plane + i]];
      }
    }
  }

  #pixelTables(tensor: string, normalization: Normalization): Float32Array[] {
    let tables = this.#pixels.get(tensor);
    if (!tables) {
      const { shape } = this.#def.tensors[tensor];
      tables = Array.from({ length: shape[0] }, (_, c) => pixelTable(c, normalization));
      this.#pixels.set(tensor, tables);
    }
    return tables;
  }

  #place(tensor: string): { address: number; planeBytes: number } {
    return this.#plan.placements.get(tensor)!;
  }

  #raw(state: State, tensor: string): Float32Array {
    const { shape, encoding } = this.#def.tensors[tensor];
    const { address, planeBytes } = this.#place(tensor);
    const plane = shape[1] * shape[2];
    const raw = new Float32Array(elements(shape));
    for (let c = 0; c < shape[0]; c++) {
      const at = address + c * planeBytes;
      const { buffer } = state.memory;
      raw.set(
        encoding.kind === "float32" ? new Float32Array(buffer, at, plane) : new Uint8Array(buffer, at, plane),
        c * plane,
      );
    }
    return raw;
  }

  #read(state: State): Outputs {
    const named = this.#def.outputs.map(({ name, tensor }) => {
      return [name, toReal(this.#raw(state, tensor), this.#def.tensors[tensor].encoding)];
    });
    return Object.fromEntries(named);
  }
}

function pick(inputs: Inputs, name: string): InputValues | undefined {
  return ArrayBuffer.isView(inputs) ? (inputs as InputValues) : (inputs as { [name: string]: InputValues })[name];
}

function checkFinite(values: Float32Array, where: string): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  if (sum === 0) return;
  const i = values.findIndex((value) => !Number.isFinite(value));
  throw new ShiftwiseError("BAD_DATA", "input is not finite", { where: `${where}[${i}]`, found: String(values[i]) });
}

function toReal(raw: Float32Array, encoding: Encoding): Float32Array {
  if (encoding.kind === "float32") return raw;
  const scale = Math.fround(encoding.scale);
  const zero = zeroOf(encoding);
  return raw.map((q) => Math.fround(scale * (q - zero)));
}
