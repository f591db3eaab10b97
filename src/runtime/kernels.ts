// kernels.ts: the wasm module: its functions as TypeScript sees them, compiled once, instantiated per model.
import { bytesOfText, ShiftwiseError } from "../base/index.js";
import type { ModelDef } from "../model/index.js";
import { elements, type Layer, largestOf } from "../ops/index.js";
import { gatherOf, HALVES, windowOf } from "./taps.js";
import { type Kernels as Exports, ODDS, OWN, RUNTIME_WASM_TEXT, SHARED, SHIFT } from "./wasm.generated.js";

/** The exports of assembly/runtime and assembly/steps, documented there. */
export type Kernels = Exports & {
  /** The memory they work on, for the steps that are plain TypeScript. */
  readonly buffer: ArrayBufferLike;
};

/**
 * The layers whose kernels are a module of their own, assembly/steps, which is loaded where a model has one of them. Those of
 * float32 tensors, of activations of few bits, of strides other than 2 and of means over windows are there as well: most networks of
 * convolutions do without.
 */
const APART: ReadonlySet<Layer["op"]> = new Set([
  "activation",
  "binary",
  "elementwise",
  "gather",
  "matmul",
  "permute",
  "resample",
  "softmax",
]);

/** Largest raw value of activations whose sums have u8 lanes. */
const FEW_MAX = 127;

/** Whether a model needs the kernels of `compileSteps`. */
export const needsSteps = ({ layers, tensors }: ModelDef): boolean =>
  layers.some((layer) => {
    if (APART.has(layer.op)) return true;
    if (!("input" in layer)) return false;
    const { encoding, shape } = tensors[layer.input];
    const output = tensors[layer.output].shape;
    const largest = largestOf(encoding);
    if (largest === null || (layer.op === "conv" && largest <= FEW_MAX)) return true;
    if (layer.op === "avgPool" && elements(layer.kernel) < elements(shape) / shape[0]) return true;
    if (!("kernel" in layer)) return false;
    const { form, phases } = gatherOf(shape, output, windowOf(layer), false);
    return form === "any" || !["", HALVES].includes(phases);
  });

type Compile = (shared: boolean) => Promise<WebAssembly.Module>;

/** Compiles a module once for the whole program, and for each kind of memory. */
function once(text: () => string | Promise<string>): Compile {
  const compiled = new Map<boolean, Promise<WebAssembly.Module>>();
  return (shared) => {
    const known = compiled.get(shared);
    if (known) return known;
    const module = compile(text, shared);
    compiled.set(shared, module);
    return module;
  };
}

/**
 * Compiles the inlined module.
 * @param shared whether it is to import a memory shared between threads
 * @throws UNSUPPORTED where there is no WebAssembly with SIMD
 */
export const compileKernels: Compile = /* @__PURE__ */ once(() => RUNTIME_WASM_TEXT);

/** Loads and compiles the module of the layers that few models have, as compileKernels does. */
export const compileSteps: Compile = /* @__PURE__ */ once(
  async () => (await import("./steps-wasm.generated.js")).STEPS_WASM_TEXT,
);

async function compile(text: () => string | Promise<string>, shared: boolean): Promise<WebAssembly.Module> {
  let code = await text();
  if (shared) code = code.replace(OWN, SHARED);
  // errors have a line in JavaScriptCore
  if (!("line" in Error())) code = code.split(ODDS).join(SHIFT);
  try {
    return await WebAssembly.compile(bytesOfText(code));
  } catch (cause) {
    throw new ShiftwiseError("UNSUPPORTED", "WebAssembly with SIMD is not available; use the plain executor", {
      cause,
    });
  }
}

/** @param modules whose exports together are all that a plan calls */
export function instantiate(modules: readonly WebAssembly.Module[], memory: WebAssembly.Memory): Kernels {
  const exports = modules.map((module) => new WebAssembly.Instance(module, { env: { memory } }).exports);
  return Object.assign({ buffer: memory.buffer }, ...exports) as Kernels;
}
