// remote.ts: the door for pages that keep their main thread free: a Model in a Worker, with the interface of the one here.
import { frozenCopy, isShared, ShiftwiseError } from "../../base/index.js";
import type { StepTime } from "../executor.js";
import {
  createInputCheck,
  type Input,
  type InputCheck,
  type InputInfo,
  type Inputs,
  isValues,
  type PictureInputs,
} from "../inputs.js";
import type { MemoryUse } from "../memory.js";
import { badOption, checkOptions, type ExecutorKind, type LoadOptions } from "../options.js";
import { type Outputs, withDims } from "../outputs.js";
import type { OutputInfo } from "../ports.js";
import type { Runner } from "../runner.js";
import { isBlob, type ModelSource, sourceOf } from "../source.js";
import { warmUp } from "../warmup.js";
import type { ModelInfo, PortableSource } from "./host.js";
import { type Line, openLine } from "./line.js";
import { openRelay } from "./relay.js";

export { ShiftwiseError } from "../../base/index.js";

/**
 * A model in a Worker of its own. What it is given is transferred, not copied, where that can be: a typed array that
 * fills its buffer, an ImageBitmap and a VideoFrame are gone from the caller afterwards. Pass `values.slice()` to keep.
 */
export class WorkerModel implements Runner {
  readonly name: string;
  readonly inputs: readonly InputInfo[];
  readonly outputs: readonly OutputInfo[];
  readonly labels: readonly string[] | undefined;
  readonly memory: MemoryUse;
  readonly executor: ExecutorKind;
  readonly threads: number;
  readonly #check: InputCheck;
  readonly #line: Line;

  private constructor(info: ModelInfo, line: Line) {
    if (!line?.call) throw badOption("new WorkerModel", "await WorkerModel.load(source)", info);
    this.name = info.name;
    this.inputs = info.inputs;
    this.outputs = info.outputs;
    this.labels = info.labels;
    this.memory = info.memory;
    this.executor = info.executor;
    this.threads = info.threads;
    this.#check = createInputCheck(info.inputs);
    this.#line = line;
  }

  /** Loads a model as Model.load does. @throws as it, and UNSUPPORTED when the Worker cannot be started */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<WorkerModel> {
    checkOptions(options);
    const { signal, onProgress, cache, ...rest } = options;
    const { value, transfer, close } = portable(source);
    const line = openLine(options);
    const stop = (): void => line.close(new ShiftwiseError("ABORTED", "loading was stopped"));
    try {
      // whatever the signal is, what it throws ends the loading
      signal?.addEventListener("abort", stop, { once: true });
      if (signal?.aborted) stop();
      const listens = { progress: onProgress !== undefined, cache: Boolean(cache) };
      const request = { kind: "load", source: value, options: rest, ...listens } as const;
      return new WorkerModel(frozenCopy(await line.call<ModelInfo>(request, transfer)), line);
    } catch (error) {
      line.close(new ShiftwiseError("DISPOSED", "the model was not loaded"));
      throw error;
    } finally {
      close?.();
      signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Runs the model as Model.run does. Arrays are handed over at once, pictures on a page's elements as they are now;
   * runs that begin while others are under way wait for them. A picture's file is decoded in the Worker.
   */
  async run(inputs: Inputs | PictureInputs): Promise<Outputs> {
    return withDims(await this.#send("run", inputs), this.outputs);
  }

  /** Warms the model up as Model.warmUp does. */
  async warmUp(onProgress?: (share: number) => void | Promise<void>): Promise<void> {
    await warmUp(this.inputs, (image) => this.run(image), onProgress);
  }

  /** Measures the steps as Model.profile does. */
  async profile(inputs: Inputs): Promise<StepTime[]> {
    return this.#send("profile", inputs);
  }

  /** Ends the Worker. Calls that it has not answered are rejected with DISPOSED. */
  dispose(): void {
    this.#line.close(new ShiftwiseError("DISPOSED", "the model was disposed", { where: this.name }));
  }

  /** Does what `dispose` does, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #send<T>(kind: "run" | "profile", inputs: unknown): Promise<T> {
    this.#line.check();
    const given = Object.entries(this.#check(inputs, kind === "run"));
    const transfer: Transferable[] = [];
    const parcels = given.map(([name, input]) => [name, parcel(input, transfer)] as const);
    // an array is not to change hands later than its caller expects
    const isReady = parcels.every(([, content]) => !(content instanceof Promise));
    const ready = isReady ? parcels : await arrived(parcels, transfer);
    return this.#line.call({ kind, inputs: Object.fromEntries(ready) as Record<string, Input> }, transfer);
  }
}

interface Parcel {
  readonly value: PortableSource;
  readonly transfer: Transferable[];
  readonly close?: () => void;
}

/** An address without the page's base is none to a Worker, and a Response cannot travel, but its content can. */
function portable(source: ModelSource): Parcel {
  const from = sourceOf(source);
  switch (from.kind) {
    case "address":
      return { value: from.where, transfer: [] };
    case "blob":
      return { value: from.blob, transfer: [] };
    case "bytes":
      return moved(from.bytes);
    case "response": {
      const { parcel, close } = openRelay(from.response, from.where);
      return { value: parcel, transfer: [parcel.port], close };
    }
  }
}

/** An array in a form that a Worker can have for itself: part of a buffer, or shared memory, is copied. */
function moved<T extends Uint8Array | Input>(array: T & ArrayBufferView): { value: T; transfer: Transferable[] } {
  const { buffer, byteLength } = array;
  const isWhole = !isShared(buffer) && buffer.byteLength === byteLength;
  const value = isWhole ? array : (array as unknown as Uint8Array).slice();
  return { value: value as T, transfer: [value.buffer as ArrayBuffer] };
}

/** The input in a form that a Worker can receive; what is handed over with it goes to `transfer`. */
function parcel(input: Input | Blob | string, transfer: Transferable[]): Input | Blob | string | Promise<ImageBitmap> {
  if (typeof input === "string" || isBlob(input)) return input;
  const own = <T extends Uint8Array | Input>(array: T & ArrayBufferView): T => {
    const { value, transfer: buffers } = moved(array);
    transfer.push(...buffers);
    return value;
  };
  if (isValues(input)) return own(input);
  if ("data" in input) return { data: own(input.data), width: input.width, height: input.height };
  if (!("close" in input)) return snapshot(input);
  transfer.push(input);
  return input;
}

/** Returns what an element shows now. */
async function snapshot(element: Exclude<Input, ArrayBufferView | { data: unknown } | { close: unknown }>) {
  try {
    return await createImageBitmap(element as ImageBitmapSource);
  } catch (cause) {
    throw new ShiftwiseError("BAD_DATA", "a picture without pixels", { found: String(cause), cause });
  }
}

type Parcels = readonly (readonly [string, Input | Blob | string | Promise<ImageBitmap>])[];

/** Waits for the snapshots among them. */
async function arrived(
  parcels: Parcels,
  transfer: Transferable[],
): Promise<(readonly [string, Input | Blob | string])[]> {
  return Promise.all(
    parcels.map(async ([name, content]) => {
      const input = await content;
      if (content instanceof Promise) transfer.push(input as ImageBitmap);
      return [name, input] as const;
    }),
  );
}
