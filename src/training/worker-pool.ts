// worker-pool.ts: a batch split into shards, run in this thread or on workers, always summed in the same order.
import { ShiftwiseError } from "../base/index.js";
import { createEngine, parameterLayout } from "../engine/index.js";
import { inputsOf, type Network } from "../graph/index.js";
import {
  runShard,
  type ShardMemory,
  type ShardRequest,
  type ShardResult,
  type SharedValues,
  shardBytes,
  shardMemory,
  sharedBytes,
  sharedValues,
} from "./shard.js";
import type { WorkerData, WorkerReply } from "./worker.js";

export interface PoolOptions {
  /** Most images of one call, over all shards. */
  readonly batch: number;
  readonly threads: number;
  readonly gradients: boolean;
  readonly module: WebAssembly.Module;
  /** Runs on the same images as the network, for distillation. */
  readonly teacher?: Network | null;
}

/** The part of a request that is alike for all shards of a batch. */
export type PoolRequest = Pick<ShardRequest, "kind" | "smoothing" | "seed" | "soft">;

export const EVALUATION: PoolRequest = { kind: "eval", smoothing: 0, seed: 0, soft: null };

/** The result of one batch. The shards' gradients and statistics lie in `shards`, in their order. */
export interface PoolResult {
  readonly loss: number;
  readonly correct: number;
  readonly nonFinite?: string;
  readonly shards: readonly { readonly count: number; readonly memory: ShardMemory }[];
}

export interface Pool {
  /** Written by the trainer before a run. */
  readonly shared: SharedValues;
  /** Copies the batch before it returns; one run at a time. */
  run(values: ReadonlyMap<string, Float32Array>, labels: Uint8Array, request: PoolRequest): Promise<PoolResult>;
  close(): Promise<void>;
}

interface Shard {
  readonly memory: ShardMemory;
  run(request: ShardRequest): Promise<ShardResult>;
  close(): Promise<void>;
}

/**
 * Starts the shards. Shard i of t takes images floor(i n / t) to floor((i + 1) n / t) of a batch of n.
 * @throws what createEngine throws; UNSUPPORTED for several threads outside Node; IO when a worker dies, from the run
 *   that it dies in.
 */
export function createPool(network: Network, options: PoolOptions): Pool {
  const { batch, threads, gradients, module, teacher = null } = options;
  const host = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  if (threads > 1 && !host) {
    throw new ShiftwiseError("UNSUPPORTED", "outside Node training runs in one thread", {
      where: "threads",
      expected: 1,
      found: threads,
    });
  }
  const layout = parameterLayout(network);
  const inputs = inputsOf(network);
  const most = Math.ceil(batch / threads);
  const allocate = (bytes: number) => (threads === 1 ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes));
  const sharedBuffer = allocate(sharedBytes(layout));
  const shared = sharedValues(layout, sharedBuffer);
  const shards = Array.from({ length: threads }, (): Shard => {
    const buffer = allocate(shardBytes(layout, inputs, most));
    const memory = shardMemory(layout, inputs, most, buffer);
    if (threads > 1 && host && buffer instanceof SharedArrayBuffer && sharedBuffer instanceof SharedArrayBuffer) {
      const data = { network, teacher, module, batch: most, gradients, shared: sharedBuffer, shard: buffer };
      return workerShard(host, data, memory);
    }
    const engine = createEngine(network, { batch: most, gradients, module });
    const soft = teacher && createEngine(teacher, { batch: most, gradients: false, module });
    return {
      memory,
      run: async (request) => runShard(engine, soft, shared, memory, request),
      close: async () => {},
    };
  });
  return {
    shared,
    async run(values, labels, request) {
      const n = labels.length;
      const shares = shards.flatMap((shard, i) => {
        const from = Math.floor((i * n) / threads);
        const to = Math.floor(((i + 1) * n) / threads);
        if (to === from) return [];
        for (const [name, all] of values) {
          const size = all.length / n;
          shard.memory.inputs.get(name)!.set(all.subarray(from * size, to * size));
        }
        shard.memory.labels.set(labels.subarray(from, to));
        return [{ shard, count: to - from }];
      });
      const results = await Promise.all(
        // each shard draws by itself
        shares.map(({ shard, count }, i) => shard.run({ ...request, count, divisor: n, seed: request.seed + i })),
      );
      return {
        loss: results.reduce((sum, result) => sum + result.loss, 0) / n,
        correct: results.reduce((sum, result) => sum + result.correct, 0),
        nonFinite: results.find((result) => result.nonFinite)?.nonFinite,
        shards: shares.map(({ shard, count }) => ({ count, memory: shard.memory })),
      };
    },
    async close() {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}

function workerShard(host: typeof import("node:worker_threads"), data: WorkerData, memory: ShardMemory): Shard {
  // bundlers take a literal new URL(..., import.meta.url) for a file to copy
  const here = import.meta.url;
  const worker = new host.Worker(new URL("./worker.js", here), { workerData: data });
  let settle: { resolve(result: ShardResult): void; reject(error: Error): void } | null = null;
  let death: ShiftwiseError | null = null;
  const die = (found: string, cause?: unknown): void => {
    death ??= new ShiftwiseError("IO", "a worker thread died", { found, cause, where: "threads" });
    settle?.reject(death);
    settle = null;
  };
  worker.on("error", (cause) => die(cause.message, cause));
  worker.on("exit", (code) => die(`exit status ${code}`));
  worker.on("message", (reply: WorkerReply) => {
    if ("result" in reply) settle?.resolve(reply.result);
    else settle?.reject(new ShiftwiseError(reply.failure.code, reply.failure.message));
    settle = null;
  });
  // a pool that is not in use keeps no program alive
  worker.unref();
  return {
    memory,
    run: (request) =>
      new Promise((resolve, reject) => {
        if (death) return reject(death);
        settle = { resolve, reject };
        worker.ref();
        worker.postMessage(request);
      }).finally(() => worker.unref()) as Promise<ShardResult>,
    async close() {
      await worker.terminate();
    },
  };
}
