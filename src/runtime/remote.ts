// remote.ts: the door for pages that keep their main thread free: a Model in a Worker, with the interface of the one here.
import { ShiftwiseError } from "../base/index.js";
import type { ExecutorKind, Outputs, StepTime } from "./executor.js";
import type { Failure, ModelInfo, Reply, Request } from "./host.js";
import type { ModelSource } from "./load.js";
import type { MemoryUse } from "./memory.js";
import type { LoadOptions } from "./model.js";
import { type Input, type InputInfo, type Inputs, isInput, type OutputInfo } from "./ports.js";
import { startThread, type Thread } from "./threads.js";
import { warmUp } from "./warmup.js";

export { ShiftwiseError } from "../base/index.js";

interface Call {
  readonly resolve: (value: never) => void;
  readonly reject: (error: ShiftwiseError) => void;
}

/** The thread, and the calls that it has not answered yet, by number. */
interface Line {
  readonly call: <T>(request: Request, transfer: Transferable[]) => Promise<T>;
  readonly close: (reason: ShiftwiseError) => void;
}

/**
 * A model in a Worker of its own. What it is given is transferred, not copied, where that can be: a typed array that
 * fills its buffer, an ImageBitmap and a VideoFrame are gone from the caller afterwards. Pass `values.slice()` to keep.
 */
export class WorkerModel {
  readonly name: string;
  readonly inputs: readonly InputInfo[];
  readonly outputs: readonly OutputInfo[];
  readonly labels: readonly string[] | undefined;
  readonly memory: MemoryUse;
  readonly executor: ExecutorKind;
  readonly threads: number;
  readonly #line: Line;

  private constructor(info: ModelInfo, line: Line) {
    this.name = info.name;
    this.inputs = info.inputs;
    this.outputs = info.outputs;
    this.labels = info.labels;
    this.memory = info.memory;
    this.executor = info.executor;
    this.threads = info.threads;
    this.#line = line;
  }

  /** As Model.load. @throws as it, and UNSUPPORTED when the Worker cannot be started */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<WorkerModel> {
    const { signal, onProgress, ...rest } = options;
    const line = openLine(onProgress);
    const stop = (): void => line.close(new ShiftwiseError("ABORTED", "loading was stopped"));
    signal?.addEventListener("abort", stop, { once: true });
    try {
      if (signal?.aborted) stop();
      const { value, transfer } = await portable(source);
      const info = await line.call<ModelInfo>({ kind: "load", source: value, options: rest }, transfer);
      return new WorkerModel(info, line);
    } catch (error) {
      line.close(new ShiftwiseError("DISPOSED", "the model was not loaded"));
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** As Model.run, in the order of the calls. */
  async run(inputs: Inputs): Promise<Outputs> {
    return this.#send("run", inputs);
  }

  /** As Model.warmUp. */
  async warmUp(onProgress?: (share: number) => void): Promise<void> {
    await warmUp(this.inputs, (image) => this.run(image), onProgress);
  }

  /** As Model.profile. */
  async profile(inputs: Inputs): Promise<StepTime[]> {
    return this.#send("profile", inputs);
  }

  /** Ends the Worker. Calls that it has not answered are rejected with DISPOSED. */
  dispose(): void {
    this.#line.close(new ShiftwiseError("DISPOSED", "the model was disposed", { where: this.name }));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #send<T>(kind: "run" | "profile", inputs: Inputs): Promise<T> {
    const transfer: Transferable[] = [];
    if (isInput(inputs)) return this.#line.call({ kind, inputs: await parcel(inputs, transfer) }, transfer);
    const named: Record<string, Input> = {};
    for (const [name, input] of Object.entries(inputs)) named[name] = await parcel(input, transfer);
    return this.#line.call({ kind, inputs: named }, transfer);
  }
}

function openLine(onProgress: LoadOptions["onProgress"]): Line {
  const calls = new Map<number, Call>();
  let count = 0;
  let over: ShiftwiseError | null = null;
  let thread: Thread | null = null;
  const close = (reason: ShiftwiseError): void => {
    over ??= reason;
    thread?.terminate();
    for (const { reject } of calls.values()) reject(over);
    calls.clear();
  };
  const failed = (cause: unknown): void =>
    close(
      new ShiftwiseError("UNSUPPORTED", "the model's Worker could not be started or has died", {
        expected: "runtime/host.js where the bundler has put it",
        found: String(cause),
        cause,
      }),
    );
  const receive = (message: unknown): void => {
    const reply = message as Reply;
    if (reply.kind === "progress") {
      onProgress?.(reply.progress);
      return;
    }
    const call = calls.get(reply.id);
    calls.delete(reply.id);
    if (calls.size === 0) thread?.hold(false);
    if (reply.kind === "failure") call?.reject(errorOf(reply.failure));
    else call?.resolve(reply.value as never);
  };
  try {
    thread = startThread(
      "./host.js",
      import.meta.url,
      () => new Worker(new URL("./host.js", import.meta.url), { type: "module" }),
      receive,
      failed,
    );
  } catch (cause) {
    failed(cause);
  }
  return {
    close,
    call: (request, transfer) =>
      new Promise((resolve, reject) => {
        if (over || !thread) return reject(over);
        const id = count++;
        calls.set(id, { resolve, reject });
        try {
          thread.hold(true);
          thread.post({ id, ...request }, transfer);
        } catch (cause) {
          calls.delete(id);
          reject(new ShiftwiseError("BAD_DATA", "this cannot be handed to a Worker", { found: String(cause), cause }));
        }
      }),
  };
}

/** A class does not survive the way between threads. */
function errorOf({ code, message, ...fields }: Failure): ShiftwiseError {
  return Object.assign(new ShiftwiseError(code, message), fields);
}

/** An address without the page's base is none to a Worker, and a Response cannot travel, but its content can. */
async function portable(
  source: ModelSource,
): Promise<{ value: Extract<Request, { kind: "load" }>["source"]; transfer: Transferable[] }> {
  if (source instanceof Response) {
    const { status, headers } = source;
    const body = await source.blob().catch((cause) => {
      const details = { where: source.url, found: String(cause), cause };
      throw new ShiftwiseError("NETWORK", "the model could not be fetched", details);
    });
    return { value: { body, status, type: headers.get("content-type") ?? "" }, transfer: [] };
  }
  if (source instanceof Uint8Array) return { value: source, transfer: wholeBuffer(source) };
  if (source instanceof ArrayBuffer) return { value: source, transfer: [source] };
  if (source instanceof Blob) return { value: source, transfer: [] };
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  return { value: base === undefined ? String(source) : new URL(source, base).href, transfer: [] };
}

function wholeBuffer({ buffer, byteLength }: ArrayBufferView): Transferable[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}

/** The input in a form that a Worker can receive; what is handed over with it goes to `transfer`. */
async function parcel(input: Input, transfer: Transferable[]): Promise<Input> {
  if (ArrayBuffer.isView(input)) {
    transfer.push(...wholeBuffer(input));
    return input;
  }
  if ("data" in input) {
    transfer.push(...wholeBuffer(input.data));
    return { data: input.data, width: input.width, height: input.height };
  }
  const isLoose = "close" in input;
  const frame = isLoose ? input : await snapshot(input);
  transfer.push(frame);
  return frame;
}

/** What an element shows now. */
async function snapshot(element: Exclude<Input, ArrayBufferView | { data: unknown } | { close: unknown }>) {
  try {
    return await createImageBitmap(element as ImageBitmapSource);
  } catch (cause) {
    throw new ShiftwiseError("BAD_DATA", "a picture without pixels", { found: String(cause), cause });
  }
}
