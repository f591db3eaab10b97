// host.ts: the program of a WorkerModel's Worker: one Model that serves requests in their order.
import { ShiftwiseError } from "../base/index.js";
import type { LoadProgress } from "./load.js";
import { type LoadOptions, Model } from "./model.js";
import { type Inputs, isInput } from "./ports.js";
import { ownPort } from "./threads.js";

/** A Response as something that can travel. */
export interface ResponseParcel {
  readonly body: Blob;
  readonly status: number;
  readonly type: string;
}

export type Request =
  | {
      readonly kind: "load";
      readonly source: Uint8Array | ArrayBuffer | Blob | string | ResponseParcel;
      readonly options: Omit<LoadOptions, "signal" | "onProgress">;
    }
  | { readonly kind: "run" | "profile"; readonly inputs: Inputs };

/** A ShiftwiseError's fields. */
export type Failure = Pick<ShiftwiseError, "code" | "message" | "found" | "expected" | "where">;

export type ModelInfo = Pick<Model, "name" | "inputs" | "outputs" | "labels" | "memory" | "executor" | "threads">;

export type Reply =
  | { readonly kind: "progress"; readonly progress: LoadProgress }
  | { readonly kind: "value"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly failure: Failure };

const port = ownPort();
let model: Model | null = null;
let queue: Promise<void> = Promise.resolve();

port.listen((message) => {
  const { id, ...request } = message as Request & { id: number };
  queue = queue.then(async () => {
    try {
      const { value, transfer } = await serve(request as Request);
      port.post({ kind: "value", id, value } satisfies Reply, transfer);
    } catch (error) {
      if (error instanceof ShiftwiseError)
        port.post({ kind: "failure", id, failure: failureOf(error) } satisfies Reply);
      // out of the promise's reach, so that it ends the Worker
      else
        setTimeout(() => {
          throw error;
        });
    }
  });
});

async function serve(request: Request): Promise<{ value: unknown; transfer: Transferable[] }> {
  if (request.kind === "load") {
    const onProgress = (progress: LoadProgress): void => port.post({ kind: "progress", progress } satisfies Reply);
    model = await Model.load(sourceOf(request.source), { ...request.options, onProgress });
    const { name, inputs, outputs, labels, memory, executor, threads } = model;
    const value: ModelInfo = { name, inputs, outputs, labels, memory, executor, threads };
    return { value, transfer: [] };
  }
  if (!model) throw new ShiftwiseError("DISPOSED", "no model is loaded");
  const { kind, inputs } = request;
  try {
    if (kind === "profile") return { value: model.profile(inputs), transfer: [] };
    const outputs = model.runSync(inputs);
    return { value: outputs, transfer: Object.values(outputs).map(({ buffer }) => buffer as ArrayBuffer) };
  } finally {
    // pictures were handed over, so they end here
    for (const input of isInput(inputs) ? [inputs] : Object.values(inputs)) if ("close" in input) input.close();
  }
}

function sourceOf(source: Extract<Request, { kind: "load" }>["source"]) {
  if (typeof source !== "object" || !("body" in source)) return source;
  return new Response(source.body, { status: source.status, headers: { "content-type": source.type } });
}

function failureOf({ code, message, found, expected, where }: ShiftwiseError): Failure {
  return { code, message, found, expected, where };
}
