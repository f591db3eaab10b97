// execute.ts: runs a whole model in plain TypeScript, keeping every tensor: oracle, and fallback without WebAssembly.
import { canonicalNaNs, described, expectNoPromise, isArray, ownView, ShiftwiseError } from "../base/index.js";
import { encodeInput, layerInputs, layerKind, pixelTable, planesOf, toReal, type Values } from "../ops/index.js";
import type { ModelDef } from "./model.js";
import { ownModel } from "./validate.js";

/** Real values (channel, row, column) in network units, or pixels 0..255 in the same order. */
export type InputValues = Float32Array | Uint8Array | Uint8ClampedArray;

/** The outputs of a run and the raw values of every tensor. */
export interface ReferenceResult {
  /** float32 by output name */
  readonly outputs: { readonly [name: string]: Float32Array };
  /** raw values of every tensor */
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/**
 * Runs one image through a model.
 * @param inputs by input name
 * @param visit gets the raw values of each tensor once they are there; a promise that it gives is refused
 * @throws BAD_GRAPH from validateModel; BAD_DATA for a missing input or one of the wrong length
 */
export function runReference(
  given: ModelDef,
  inputs: { readonly [name: string]: InputValues },
  visit: (tensor: string, raw: Float32Array) => void = () => {},
): ReferenceResult {
  const def = ownModel(given);
  if (typeof inputs !== "object" || inputs === null) {
    throw new ShiftwiseError("BAD_DATA", "wrong input", {
      expected: "an object of inputs by name",
      found: described(inputs),
    });
  }
  if (typeof visit !== "function") {
    throw new ShiftwiseError("BAD_OPTION", "wrong visitor", { where: "visit", expected: "a function", found: visit });
  }
  const values = new Map<string, Values>();
  const get = (name: string): Values => values.get(name)!;
  const put = (name: string, raw: Float32Array): void => {
    values.set(name, { spec: def.tensors[name], raw: canonicalNaNs(raw) });
    expectNoPromise(visit(name, raw.slice()), "visit");
  };
  for (const port of def.inputs) put(port.tensor, encodeInputPort(def, port.name, inputs[port.name]));
  for (const layer of def.layers) {
    put(layer.output, layerKind(layer).run(layer, layerInputs(layer).map(get), def.tensors[layer.output]));
  }
  const outputs = Object.fromEntries(
    def.outputs.map((port) => [port.name, toReal(get(port.tensor).raw.slice(), def.tensors[port.tensor].encoding)]),
  );
  return { outputs, tensors: new Map([...values].map(([name, { raw }]) => [name, raw])) };
}

function encodeInputPort(def: ModelDef, name: string, given: unknown): Float32Array {
  const port = def.inputs.find((input) => input.name === name)!;
  const spec = def.tensors[port.tensor];
  const [channels, height, width] = spec.shape;
  const plane = height * width;
  const length = channels * plane;
  let values = isArray(given, "Float32Array", "Uint8Array", "Uint8ClampedArray") ? ownView(given) : null;
  if (values?.length !== length) {
    throw new ShiftwiseError("BAD_DATA", "wrong input", {
      where: `input ${name}`,
      expected: `${length} values in a Float32Array, or pixels in a Uint8Array`,
      found: given === undefined ? "none" : described(given),
    });
  }
  if (port.channelsLast) values = planesOf(values, spec.shape);
  if (values instanceof Float32Array) return values.map((x) => encodeInput(x, spec.encoding));
  if (!port.normalization) {
    throw new ShiftwiseError("BAD_DATA", "this model says nothing about pixels", {
      where: `input ${name}`,
      expected: "a Float32Array of network values",
      found: described(values),
    });
  }
  const raw = new Float32Array(length);
  for (let c = 0; c < channels; c++) {
    const table = pixelTable(c, port.normalization);
    for (let i = c * plane; i < (c + 1) * plane; i++) raw[i] = encodeInput(table[values[i]], spec.encoding);
  }
  return raw;
}
