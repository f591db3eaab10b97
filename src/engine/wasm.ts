// wasm.ts: how an instance of the training module comes to be.
import { instantiateSync } from "@assemblyscript/loader";
import { bytesOfText, ShiftwiseError } from "../base/index.js";
import { type Kernels, TRAINING_WASM_TEXT } from "./wasm.generated.js";

/**
 * The exports of assembly/training, documented there, and the memory that they work on, for the layers that are plain
 * TypeScript.
 */
export type TrainingKernels = Kernels & { readonly memory: WebAssembly.Memory };

export interface WasmInstance {
  readonly kernels: TrainingKernels;
  readonly memory: WebAssembly.Memory;
}

/** The maximum that assembly/build.mjs declares: the module takes no other. */
const MAXIMUM_PAGES = 65536;
const PAGE = 65536;

/**
 * Compiles the inlined training module.
 * @throws UNSUPPORTED where there is no WebAssembly with SIMD.
 */
export function compileModule(): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytesOfText(TRAINING_WASM_TEXT));
  } catch (cause) {
    throw new ShiftwiseError("UNSUPPORTED", "WebAssembly with SIMD is not available", { cause });
  }
}

/**
 * An instance with `bytes` of memory, all zero. The memory never grows, so views on it stay valid.
 * @throws OVERFLOW when the plan needs more than 4 GiB or the system has not that much.
 */
export function instantiate(module: WebAssembly.Module, bytes: number): WasmInstance {
  const pages = Math.max(1, Math.ceil(bytes / PAGE));
  const refuse = (cause?: unknown): never => {
    throw new ShiftwiseError("OVERFLOW", "training needs more memory than there is; use a smaller batch", {
      expected: "at most 4 GiB in one instance",
      found: `${(bytes / 2 ** 20).toFixed(0)} MiB`,
      cause,
    });
  };
  if (pages > MAXIMUM_PAGES) refuse();
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory({ initial: pages, maximum: MAXIMUM_PAGES });
  } catch (cause) {
    return refuse(cause);
  }
  const { exports } = instantiateSync<Kernels & Record<string, unknown>>(module, { env: { memory } });
  return { kernels: Object.assign(exports, { memory }), memory };
}

/** Room for one plan at a time: what an earlier one had is taken again where it is large enough. */
export type Room = (bytes: number) => WasmInstance;

/** Makes room that plans take one after the other. Pages that were used once come back many times as fast as new ones do. */
export function createRoom(module: WebAssembly.Module): Room {
  let last: WasmInstance | null = null;
  return (bytes) => {
    if (last && last.memory.buffer.byteLength >= bytes) {
      new Uint8Array(last.memory.buffer, 0, bytes).fill(0);
      return last;
    }
    // the old one may go before the new one comes
    last = null;
    last = instantiate(module, bytes);
    return last;
  };
}
