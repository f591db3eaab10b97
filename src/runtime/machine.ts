// machine.ts: the executor on the wasm kernels: a planned network in its own linear memory.

import { expectNoPromise, ShiftwiseError } from "../base/index.js";
import type { ModelDef } from "../model/index.js";
import { toReal } from "../ops/index.js";
import type { Executor, ExecutorOptions, RawOutputs } from "./executor.js";
import { instantiate, type Kernels } from "./kernels.js";
import { planModel } from "./plan.js";
import { createDoor, type InputBatch, readRaw } from "./ports.js";
import type { Crew } from "./threads/crew.js";

const PAGE = 65536;

interface State {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  crew: Crew | null;
}

/** Threads that a model can have here: memory can be shared in browsers where the page is cross-origin isolated. */
export function threadsFor({ threads }: ExecutorOptions): number {
  if (typeof SharedArrayBuffer === "undefined") return 1;
  return ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true) ? threads : 1;
}

/**
 * Plans a valid model, allocates its memory and starts its helpers. Nothing waits before the whole model is copied.
 * @throws OVERFLOW, UNSUPPORTED
 */
export async function createWasmExecutor(
  def: ModelDef,
  modules: readonly WebAssembly.Module[],
  options: ExecutorOptions,
): Promise<Executor> {
  const threads = threadsFor(options);
  const plan = planModel(def, { limit: options.memoryLimit, threads });
  const { placements } = plan;
  const memory = allocate(plan.use.total, threads > 1);
  plan.memory.write(memory.buffer);
  const kernels = instantiate(modules, memory);
  const shared = threads > 1 && plan.steps.length > 0;
  // what starts and leads helpers is loaded where there are some
  const crew = shared
    ? await (await import("./threads/crew.js")).startCrew(def, plan, modules, memory, threads, ShiftwiseError)
    : null;
  const state: State = { kernels, memory, crew };
  const doors = def.inputs.map((port) => {
    const place = placements.staging.get(port.tensor) ?? placements.raw.get(port.tensor)!;
    return createDoor(port, def.tensors[port.tensor], place);
  });

  const enter = (values: InputBatch): void => {
    for (const door of doors) door(memory.buffer, kernels, values);
  };
  const step = (index: number): void => {
    const { units, run } = plan.steps[index];
    if (!state.crew || units === 1) {
      run(kernels, 0, units, plan.scratch);
      return;
    }
    try {
      state.crew.run(kernels, index);
    } catch (error) {
      state.crew = null;
      throw error;
    }
  };
  const raw = (tensor: string): Float32Array =>
    readRaw(memory.buffer, def.tensors[tensor], placements.raw.get(tensor)!);
  const read = (): RawOutputs =>
    Object.fromEntries(
      def.outputs.map(({ name, tensor }) => [name, toReal(raw(tensor), def.tensors[tensor].encoding)]),
    );

  return {
    kind: "wasm",
    memory: plan.use,
    threads: () => (state.crew ? threads : 1),
    run(values) {
      enter(values);
      for (let i = 0; i < plan.steps.length; i++) step(i);
      return read();
    },
    profile(values) {
      enter(values);
      return plan.steps.map(({ name, op }, i) => {
        const start = performance.now();
        step(i);
        return { name, op, milliseconds: performance.now() - start };
      });
    },
    trace(values, visit) {
      enter(values);
      const written = new Map(def.layers.map((layer) => [layer.name, layer.output]));
      const seen = (tensor: string): void => expectNoPromise(visit(tensor, raw(tensor)), "visit");
      // float32 inputs have no step of their own: all inputs are seen when those that are encoded are there
      let begun = false;
      const begin = (): void => {
        if (!begun) for (const { tensor } of def.inputs) seen(tensor);
        begun = true;
      };
      plan.steps.forEach(({ name, op }, i) => {
        if (op !== "input") begin();
        step(i);
        if (op !== "input" && op !== "split") seen(written.get(name)!);
      });
      begin();
      return read();
    },
    dispose() {
      state.crew?.end();
      state.crew = null;
    },
  };
}

function allocate(bytes: number, shared: boolean): WebAssembly.Memory {
  const pages = bytes / PAGE;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (cause) {
    throw new ShiftwiseError("OVERFLOW", "no memory for the model", { found: `${bytes} bytes`, cause });
  }
}
