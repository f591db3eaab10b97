// export.ts: a model to the bytes of a standard ONNX file.

import { given, is } from "../base/index.js";
import { type ModelDef, validateModel } from "../model/index.js";
import { type ExportForm, encoded, type FormContext, realOf } from "./export/form.js";
import { createGraph, type Ports } from "./export/graph.js";
import { exportLayer } from "./export/layers.js";
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
 * are real float32 values under the model's names, (batch, channels, rows, columns), vectors (batch, length). How pixels are
 * normalized stands in the metadata.
 * @throws what validateModel throws; BAD_OPTION for another form
 */
export function exportOnnx(def: ModelDef, options: ExportOptions): Uint8Array {
  given({ options }, { options: OPTIONS });
  const { form } = options;
  validateModel(def);
  // an output that is called as an input is, which ONNX does not allow, gets another name
  const taken = new Set(def.inputs.map(({ name }) => name));
  const outputs = def.outputs.map(({ name, tensor }) => ({ tensor, name: taken.has(name) ? `${name}.output` : name }));
  const g = createGraph([...def.inputs, ...outputs].map(({ name }) => name));
  const values = new Map<string, string>();
  const context: FormContext = { g, def, form, value: (tensor) => values.get(tensor)! };
  const dimsOf = (tensor: string): number[] => {
    const [channels, height, width] = def.tensors[tensor].shape;
    return height * width === 1 ? [channels] : [channels, height, width];
  };
  const ports: Ports = {
    inputs: def.inputs.map(({ name, tensor }) => [name, dimsOf(tensor)]),
    outputs: outputs.map(({ name, tensor }) => [name, dimsOf(tensor)]),
  };
  for (const { name, tensor } of def.inputs) {
    const { shape } = def.tensors[tensor];
    const planes = dimsOf(tensor).length === 3 ? name : g.node("Reshape", [name, g.integers([-1, ...shape])]);
    values.set(tensor, encoded(context, planes, tensor));
  }
  for (const layer of def.layers) values.set(layer.output, exportLayer(context, layer));
  for (const { name, tensor } of outputs) {
    const vector = dimsOf(tensor).length === 1;
    g.publish(vector ? "Flatten" : "Identity", realOf(context, tensor), vector ? { axis: 1 } : {}, name);
  }
  const notes = def.inputs.flatMap(({ name, normalization }) => {
    return normalization ? [[`${name}.normalization`, JSON.stringify(normalization)]] : [];
  });
  return encodeMessage("ModelProto", g.finish(ports, def.name, Object.fromEntries(notes)));
}
