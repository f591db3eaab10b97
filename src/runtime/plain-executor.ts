// plain-executor.ts: the executor in plain TypeScript, for hosts that refuse WebAssembly.
import type { frozenCopy, ShiftwiseError } from "../base/index.js";
import type { ModelDef, runReference } from "../model/index.js";
import type { elements } from "../ops/index.js";
import type { Executor, ExecutorOptions, RawOutputs, StepTime, Visit } from "./executor.js";
import type { InputBatch } from "./ports.js";

/** The parts of the entry that this file calls; they are handed over for the reason that gzip.ts has. */
interface Tools {
  readonly Failure: typeof ShiftwiseError;
  readonly frozenCopy: typeof frozenCopy;
  readonly runReference: typeof runReference;
  readonly elements: typeof elements;
}

/**
 * Makes a model runnable without WebAssembly, on one thread.
 * @throws OVERFLOW for a memory limit below what all tensors take, since it keeps every one of them
 */
export function createPlainExecutor(given: ModelDef, { memoryLimit }: ExecutorOptions, tools: Tools): Executor {
  const { Failure, frozenCopy, runReference, elements } = tools;
  // inputs come as planes
  const inputs = given.inputs.map((port) => ({ ...port, channelsLast: false }));
  // every run reads the weights again
  const def = frozenCopy({ ...given, inputs }, true);
  const tensors = Object.values(def.tensors);
  const total = tensors.reduce((sum, { shape }) => sum + elements(shape) * Float32Array.BYTES_PER_ELEMENT, 0);
  if (total > memoryLimit) {
    throw new Failure("OVERFLOW", "the model needs more memory than allowed", {
      expected: `at most ${memoryLimit} bytes`,
      found: `${total} bytes`,
    });
  }
  const trace = (values: InputBatch, visit: Visit): RawOutputs => {
    refuseNonFinite(values, Failure);
    return runReference(def, values, visit).outputs;
  };
  return {
    kind: "plain",
    memory: { constants: 0, scratch: 0, arena: total, total },
    threads: () => 1,
    run: (values) => trace(values, () => {}),
    trace,
    profile(values) {
      const writers = new Map(def.layers.map((layer) => [layer.output, layer]));
      const times: StepTime[] = [];
      let start = performance.now();
      trace(values, (tensor) => {
        const end = performance.now();
        const layer = writers.get(tensor);
        times.push({ name: layer?.name ?? tensor, op: layer?.op ?? "input", milliseconds: end - start });
        start = end;
      });
      return times;
    },
    dispose() {},
  };
}

function refuseNonFinite(values: InputBatch, Failure: Tools["Failure"]): void {
  for (const [name, input] of Object.entries(values)) {
    const i = input.findIndex((value) => !Number.isFinite(value));
    if (i < 0) continue;
    throw new Failure("BAD_DATA", "input is not finite", {
      where: `input ${name}[${i}]`,
      found: String(input[i]),
    });
  }
}
