// export.ts: a model to the bytes of a standard ONNX file.

import { given, is } from "../base/index.js";
import { type InputPort, type ModelDef, type Port, validateModel } from "../model/index.js";
import { dimsOf } from "../ops/index.js";
import { type ExportForm, encoded, type FormContext, realOf } from "./export/form.js";
import { createGraph, type Ports } from "./export/graph.js";
import { exportLayer } from "./export/layers.js";
import { exportedIn, exportMetadata } from "./exported.js";
import { LABELS } from "./metadata.js";
import { encodeMessage } from "./wire.js";

/** Options of `exportOnnx`. */
export interface ExportOptions {
  /**
   * - float32: weights are signed powers of two (or a codebook's integers), activations integers too, all in float32.
   * - qdq: activations are uint8 between QuantizeLinear and DequantizeLinear; weights int8 where all of a layer's fit
   *   (5-bit layers may have 128, which does not), else float32.
   */
  readonly form: ExportForm;
}

const OPTIONS = is.record<ExportOptions>({ form: is.oneOf("float32", "qdq") });

/**
 * Exports a model as ONNX, opset 17, with an open batch. Each step of the model's arithmetic is an operator, and its sums are
 * integers, so what a runtime computes differs at most by the rounding of float32 operations it may fuse. Inputs and outputs
 * are real float32 values under the model's names, with the dimensions that the model says; a first size of 1 is an open
 * batch. How pixels are normalized and what the classes are called (`names`) stands in the metadata, and so does the model itself,
 * which importExported finds there.
 * @throws what validateModel and encodeModel throw; BAD_OPTION for another form
 */
export function exportOnnx(def: ModelDef, options: ExportOptions): Uint8Array {
  given({ options }, { options: OPTIONS });
  const { form } = options;
  validateModel(def);
  // first, since a file asks for fields that a model may run without
  const embedded = exportMetadata(def, form);
  // an output that is called as an input is, which ONNX does not allow, gets another name
  const taken = new Set(def.inputs.map(({ name }) => name));
  const outputs = def.outputs.map((port) => (taken.has(port.name) ? { ...port, name: `${port.name}.output` } : port));
  const g = createGraph([...def.inputs, ...outputs].map(({ name }) => name));
  const values = new Map<string, string>();
  const context: FormContext = { g, def, form, value: (tensor) => values.get(tensor)! };
  const ports: Ports = {
    inputs: def.inputs.map((port) => [port.name, sizesOf(def, port)]),
    outputs: outputs.map((port) => [port.name, sizesOf(def, port)]),
  };
  for (const port of def.inputs) values.set(port.tensor, encoded(context, planesFrom(context, port), port.tensor));
  for (const layer of def.layers) values.set(layer.output, exportLayer(context, layer));
  for (const port of outputs) publish(context, port);
  const pixels = def.inputs.flatMap(({ name, normalization }) => {
    return normalization ? [[`${name}.normalization`, JSON.stringify(normalization)] as const] : [];
  });
  const names = def.labels ? [[LABELS, JSON.stringify(def.labels)] as const] : [];
  const notes = [...pixels, ...names, ...embedded];
  return encodeMessage("ModelProto", g.finish(ports, def.name, Object.fromEntries(notes)));
}

/**
 * Finds the model that a file of exportOnnx was made of, the same to the bit. A file in which anything was changed since, be it one
 * weight, is no export any more: importOnnx reads what it has become.
 * @returns null for any other file.
 */
export function importExported(bytes: Uint8Array): ModelDef | null {
  return exportedIn(bytes, (def, form) => exportOnnx(def, { form }));
}

/** The sizes of a port, a batch of 1 being open. */
function sizesOf(def: ModelDef, port: InputPort): (number | null)[] {
  const dims = dimsOf(def.tensors[port.tensor].shape, port);
  return dims.map((n, i) => (i === 0 && n === 1 && dims.length > 1 ? null : n));
}

/** The input as (batch, channels, rows, columns). */
function planesFrom({ g, def }: FormContext, port: InputPort): string {
  const { shape } = def.tensors[port.tensor];
  const [channels, height, width] = shape;
  const wanted = port.channelsLast ? [height, width, channels] : shape;
  const given = [1, ...wanted].join() === dimsOf(shape, port).join();
  const shaped = given ? port.name : g.node("Reshape", [port.name, g.integers([-1, ...wanted])]);
  return port.channelsLast ? g.node("Transpose", [shaped], { perm: [0, 3, 1, 2] }) : shaped;
}

/** Adds the node that makes an output. */
function publish(context: FormContext, port: Port): void {
  const { g, def } = context;
  const { name, tensor } = port;
  const { shape } = def.tensors[tensor];
  const real = realOf(context, tensor);
  const sizes = sizesOf(def, port);
  if (sizes.join() === [null, ...shape].join()) g.publish("Identity", [real], {}, name);
  else if (sizes.length === 2 && sizes[0] === null) g.publish("Flatten", [real], { axis: 1 }, name);
  else g.publish("Reshape", [real, g.integers(sizes.map((n) => n ?? -1))], {}, name);
}
