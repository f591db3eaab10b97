// kernels.ts: the wasm module: its functions as TypeScript sees them, compiled once, instantiated per model.
import { ShiftwiseError } from "../format/index.js";
import { RUNTIME_WASM_BASE64 } from "./wasm.generated.js";

type Kernel = (...args: number[]) => void;

/** Exports of assembly/runtime/index.ts; addresses and counts are numbers. */
export interface Kernels {
  readonly add_f32: Kernel;
  readonly add_u8: Kernel;
  readonly end_vector: Kernel;
  readonly flatten: Kernel;
  readonly conv_swar: Kernel;
  readonly conv_u8: Kernel;
  readonly conv_f32: Kernel;
  readonly conv_f32_single: Kernel;
  readonly dense_codes_c16: Kernel;
  readonly dense_f32_c16: Kernel;
  readonly dense_nonzero: (...args: number[]) => number;
  readonly gather_f32: Kernel;
  readonly gather_f32_any: Kernel;
  readonly gather_u8: Kernel;
  readonly gather_u8_any: Kernel;
  readonly gather_u8_pointwise: Kernel;
  readonly split_phases_u8: Kernel;
  readonly tile_masks: Kernel;
  readonly plane_sums_f32: Kernel;
  readonly plane_sums_u8: Kernel;
  readonly pool_max_f32: Kernel;
  readonly pool_max_u8: Kernel;
  readonly pool_sum_f32: Kernel;
  readonly pool_sum_u8: Kernel;
}

let compiled: Promise<WebAssembly.Module> | null = null;

/**
 * Compiles the inlined module, once for the whole program.
 * @throws UNSUPPORTED where there is no WebAssembly with SIMD
 */
export function compileKernels(): Promise<WebAssembly.Module> {
  compiled ??= compile();
  return compiled;
}

async function compile(): Promise<WebAssembly.Module> {
  try {
    const bytes = Uint8Array.from(atob(RUNTIME_WASM_BASE64), (c) => c.charCodeAt(0));
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new ShiftwiseError("UNSUPPORTED", "WebAssembly with SIMD is not available; use shiftwise/reference", {
      cause,
    });
  }
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}
