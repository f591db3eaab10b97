// host.ts: the program of a WorkerModel's Worker: one Model that serves requests in their order.
import { ShiftwiseError } from "../../base/index.js";
import { ownPort } from "../../base/thread.js";
import { type Given, type GivenFiles, hasFiles } from "../inputs.js";
import { Model } from "../model.js";
import type { LoadProgress, RunOptions } from "../options.js";
import { type ResponseParcel, unpackResponse } from "./relay.js";

/** A source in a form that can travel: bytes of a file, a file, a whole address, and what a Response is made of. */
export type PortableSource = Uint8Array | Blob | string | ResponseParcel;

export type Request =
  | {
      readonly kind: "load";
      readonly source: PortableSource;
      readonly options: RunOptions;
      /** Whether someone listens. */
      readonly progress: boolean;
      readonly cache: boolean;
    }
  | { readonly kind: "run"; readonly inputs: GivenFiles }
  | { readonly kind: "profile"; readonly inputs: Given };

/** A ShiftwiseError's fields. */
export type Failure = Pick<ShiftwiseError, "code" | "message" | "found" | "expected" | "where">;

export type ModelInfo = Pick<Model, "name" | "inputs" | "outputs" | "labels" | "memory" | "executor" | "threads">;

export type Reply =
  | { readonly kind: "progress"; readonly progress: LoadProgress }
  | { readonly kind: "problem"; readonly failure: Failure }
  | { readonly kind: "value"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly failure: Failure };

const port = ownPort();
const send = (reply: Reply, transfer?: Transferable[]): void => port.post(reply, transfer);
let model: Model | null = null;
let queue: Promise<void> = Promise.resolve();

port.listen((message) => {
  const { id, ...request } = message as Request & { id: number };
  queue = queue.then(() => answer(id, request as Request)).catch(die);
});

async function answer(id: number, request: Request): Promise<void> {
  try {
    const { value, transfer } = await serve(request);
    send({ kind: "value", id, value }, transfer);
  } catch (error) {
    if (!(error instanceof ShiftwiseError)) throw error;
    send({ kind: "failure", id, failure: failureOf(error) });
  }
}

const failureOf = ({ code, message, found, expected, where }: ShiftwiseError): Failure => {
  return { code, message, found, expected, where };
};

/** Out of the promise's reach, so that it ends the Worker. */
function die(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}

async function serve(request: Request): Promise<{ value: unknown; transfer?: Transferable[] }> {
  if (request.kind === "load") {
    const { source, options, progress, cache } = request;
    const onProgress = progress
      ? (heard: LoadProgress): void => send({ kind: "progress", progress: heard })
      : undefined;
    model = await Model.load(typeof source === "object" && "port" in source ? unpackResponse(source) : source, {
      ...options,
      onProgress,
      ...(cache && { cache: (problem) => send({ kind: "problem", failure: failureOf(problem) }) }),
    });
    const { name, inputs, outputs, labels, memory, executor, threads } = model;
    return { value: { name, inputs, outputs, labels, memory, executor, threads } satisfies ModelInfo };
  }
  if (!model) throw new ShiftwiseError("DISPOSED", "no model is loaded");
  const { inputs } = request;
  try {
    if (request.kind === "profile") return { value: model.profile(request.inputs) };
    const outputs = hasFiles(inputs) ? await model.run(inputs) : model.runSync(inputs as Given);
    return { value: outputs, transfer: Object.values(outputs).map(({ buffer }) => buffer as ArrayBuffer) };
  } finally {
    // pictures were handed over, so they end here
    for (const input of Object.values(inputs)) {
      if (typeof input === "object" && "close" in input) (input as ImageBitmap | VideoFrame).close();
    }
  }
}
