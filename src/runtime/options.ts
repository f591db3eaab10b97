// options.ts: the options of a model, checked before anything is loaded or started.
import { ShiftwiseError } from "../base/index.js";
import type { MemoryOptions } from "./memory.js";

/**
 * The executor that runs a model.
 * - wasm: the WebAssembly kernels.
 * - plain: TypeScript alone, which gives the same bits about a hundred times slower.
 */
export type ExecutorKind = "wasm" | "plain";

/** Options of a run: memory, threads and the module. */
export interface RunOptions {
  /**
   * Most bytes that the model may take, OVERFLOW if it needs more: its memory while it runs, and before that, each by
   * itself, its file when it is unpacked and its weights at a byte a code. Default 1 GiB, 2^30; more than 4 GiB is never to be had.
   */
  readonly memoryLimit?: number;
  /**
   * Threads to run on, 1..16, where memory can be shared (Node; browsers when cross-origin isolated). `model.threads`
   * tells how many there are. The results are the same to the bit. "auto" takes as many, up to 4, as make the model faster by
   * what its layers are predicted to cost: one for small models. Default 1.
   */
  readonly threads?: number | "auto";
  /**
   * "wasm": the kernels, UNSUPPORTED where they cannot run. "plain": plain TypeScript. Default: the kernels, or plain
   * TypeScript where the host has no WebAssembly with SIMD or a policy forbids it; `model.executor` tells which. The
   * results are the same to the bit.
   */
  readonly executor?: ExecutorKind;
  /**
   * The compiled module of this package's `shiftwise/wasm/runtime.wasm`, for hosts that compile no wasm from bytes. It has
   * one thread: the module of several imports another kind of memory.
   */
  readonly module?: WebAssembly.Module;
}

/** Bytes as they come in, gzip or not. `total` is null where the sender does not say. */
export interface LoadProgress {
  readonly loaded: number;
  readonly total: number | null;
}

export interface FetchOptions {
  readonly signal?: AbortSignal;
  /** Receives how far loading is; a promise that it gives is waited for. What it throws ends the loading. */
  readonly onProgress?: (progress: LoadProgress) => void | Promise<void>;
}

/** `signal` stops the loading, `onProgress` hears of every part of a download. */
export interface LoadOptions extends RunOptions, FetchOptions {
  /**
   * Keeps a model with an address in the browser's Cache API, and takes it from there the next time, without a network. A model that
   * cannot be kept loads all the same; a function in place of `true` hears why it could not.
   */
  readonly cache?: boolean | ((problem: ShiftwiseError) => void | Promise<void>);
}

const THREADS_MAX = 16;

/** The values that each option may have, in words and as a test. */
const OPTIONS: { readonly [Name in keyof LoadOptions]-?: readonly [string, (value: unknown) => boolean] } = {
  memoryLimit: ["a number of bytes above 0", (value) => typeof value === "number" && value > 0],
  threads: [`an integer in 1..${THREADS_MAX}, or "auto"`, (value) => value === "auto" || isThreads(value)],
  executor: ['"wasm" or "plain"', (value) => value === "wasm" || value === "plain"],
  module: ["a WebAssembly.Module, the one of shiftwise/wasm/runtime.wasm", isModule],
  signal: ["an AbortSignal", isSignal],
  onProgress: ["a function", (value) => typeof value === "function"],
  cache: ["true, false or a function", (value) => typeof value === "boolean" || typeof value === "function"],
};

/** @throws BAD_OPTION */
export function checkOptions(options: LoadOptions): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw badOption("options", "an object", options);
  }
  const names = Object.keys(OPTIONS) as (keyof LoadOptions)[];
  for (const name of names) checkOption(name, options[name], name);
  // a name that is misspelt would else be an option that does nothing
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) throw badOption(name, `one of ${names.join(", ")}`, value);
  }
  if (options.module && (options.threads ?? 1) !== 1)
    throw badOption("threads", "1 where a module is given", options.threads);
}

/** @throws BAD_OPTION */
export function checkPlanOptions(options: MemoryOptions): void {
  if (typeof options !== "object" || options === null) throw badOption("options", "an object", options);
  checkOption("memoryLimit", options.limit, "limit");
  const { threads = 1 } = options;
  if (!isThreads(threads)) throw badOption("threads", `an integer in 1..${THREADS_MAX}`, threads);
}

function checkOption(kind: keyof LoadOptions, value: unknown, name: string): void {
  const [expected, ok] = OPTIONS[kind];
  if (value !== undefined && !ok(value)) throw badOption(name, expected, value);
}

/** @throws BAD_OPTION unless it is a function or nothing */
export function checkFunction(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== "function") throw badOption(name, "a function", value);
}

export function badOption(where: string, expected: string, value: unknown): ShiftwiseError {
  // what is missing has to be said, too
  const found = value === undefined ? "nothing" : value;
  return new ShiftwiseError("BAD_OPTION", "option out of range", { where, expected, found });
}

function isThreads(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= THREADS_MAX;
}

/** A module of any realm. */
function isModule(value: unknown): boolean {
  try {
    WebAssembly.Module.imports(value as WebAssembly.Module);
    return true;
  } catch {
    return false;
  }
}

/** A signal of any realm. */
function isSignal(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const has = (name: string): boolean => typeof (value as Record<string, unknown>)[name] === "function";
  return "aborted" in value && has("addEventListener") && has("removeEventListener");
}
