// worker.ts: the program of a worker thread: one engine that serves requests until it is asked to close.
import { parentPort, workerData } from "node:worker_threads";
import { ShiftwiseError } from "../base/index.js";
import { createEngine } from "../engine/index.js";
import { inputsOf, type Network } from "../graph/index.js";
import { runShard, type ShardRequest, type ShardResult, shardMemory, sharedValues } from "./shard.js";

export interface WorkerData {
  readonly network: Network;
  readonly teacher: Network | null;
  readonly module: WebAssembly.Module;
  readonly batch: number;
  readonly gradients: boolean;
  readonly shared: SharedArrayBuffer;
  readonly shard: SharedArrayBuffer;
}

/** An error as plain data: classes do not survive the way between threads. */
export interface WorkerFailure {
  readonly code: ShiftwiseError["code"];
  readonly message: string;
}

export type WorkerReply = { readonly result: ShardResult } | { readonly failure: WorkerFailure };

function serve(data: WorkerData): (request: ShardRequest) => ShardResult {
  const { network, module, batch, gradients } = data;
  const engine = createEngine(network, { batch, gradients, module });
  const teacher = data.teacher && createEngine(data.teacher, { batch, gradients: false, module });
  const shared = sharedValues(engine.layout, data.shared);
  const memory = shardMemory(engine.layout, inputsOf(network), batch, data.shard);
  return (request) => runShard(engine, teacher, shared, memory, request);
}

const port = parentPort;
if (port) {
  let run: ((request: ShardRequest) => ShardResult) | null = null;
  port.on("message", (request: ShardRequest) => {
    let reply: WorkerReply;
    try {
      run ??= serve(workerData as WorkerData);
      reply = { result: run(request) };
    } catch (error) {
      if (!(error instanceof ShiftwiseError)) throw error;
      reply = { failure: { code: error.code, message: error.message } };
    }
    port.postMessage(reply);
  });
}
