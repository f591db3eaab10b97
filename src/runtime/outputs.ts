// outputs.ts: the outputs of a run as callers get them: arrays that know their sizes.
import type { OutputInfo } from "./ports.js";

/** The values of one output in the order of its sizes, which are those of the ONNX file. */
export type Output = Float32Array & { readonly dims: readonly number[] };

/** The values of every output by its name, in float32. Each run returns fresh arrays. */
export type Outputs = { readonly [name: string]: Output };

/** Gives arrays their sizes. They are no enumerable field, so that arrays with equal values stay equal. */
export function withDims(values: { readonly [name: string]: Float32Array }, ports: readonly OutputInfo[]): Outputs {
  for (const { name, dims } of ports) Object.defineProperty(values[name], "dims", { value: dims });
  return values as Outputs;
}
