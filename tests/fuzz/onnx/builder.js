// builder.js: an ONNX model while it grows, each node evaluated as soon as it is there: its shapes need not be derived.

import { floats, ints, message } from "../../onnx/build.js";
import { elements, encodeMessage, evaluateModel, readModel, readTensor, ShiftwiseError } from "../project.js";

const ELEMENTS_MOST = 1500;
/** Operators whose results jump where their inputs move by rounding, as tan beside its poles. */
const JUMPING = [
  "Tan",
  "QuantizeLinear",
  "Floor",
  "Ceil",
  "Round",
  "Sign",
  "Mod",
  "Shrink",
  "ThresholdedRelu",
  "Where",
  "Cast",
  "Hardmax",
  "ArgMax",
  "ArgMin",
  "TopK",
  "GridSample",
  "shiftwise.Levels",
];

/** Operators that round. */
const ROUNDING = /Quantize|QLinear|QGemm|Integer/;

/** Outputs of one node on known values. */
function evaluateAlone(spec, opset, values, captured) {
  const parts = message({ nodes: [spec], outputs: spec[2].split(" "), opset });
  const names = [...new Set([...parts.graph.node[0].input, ...captured])].filter((name) => name !== "");
  // what it reads is an input of any shape, whatever its type
  const type = { tensorType: { elemType: 1 } };
  parts.graph.input = names.map((name) => ({ name, type }));
  const model = readModel(encode(parts), null);
  return [...evaluateModel(model, new Map(names.map((name) => [name, values.get(name)]))).values()];
}

/** @param input dims of the one input, and its values */
export function createBuilder({ dims, data }, opset) {
  const nodes = [];
  const constants = {};
  /** Values by name; those that depend on the input apart. */
  const values = new Map([["x", { type: "float32", dims, data }]]);
  const active = ["x"];
  const seen = new Set();
  let exact = true;
  const builder = {
    opset,
    dimsOf: (name) => values.get(name).dims,
    /** A value that depends on the input and is accepted, the last one first; null for none. */
    source(draw, accept = () => true) {
      const found = active.toReversed().filter((name) => accept(values.get(name).dims, values.get(name)));
      return found.length === 0 ? null : found[Math.min(draw.below(found.length), draw.below(found.length))];
    },
    /** Adds an initializer. */
    constant(tensor) {
      const name = `c${Object.keys(constants).length}`;
      constants[name] = tensor;
      values.set(name, readTensor({ ...tensor, name }, null, name));
      return name;
    },
    floats: (draw, shape, make = draw.random().normal) =>
      builder.constant(
        floats(
          shape,
          Array.from({ length: elements(shape) }, () => Math.fround(make())),
        ),
      ),
    ints: (...list) => builder.constant(ints(...list)),
    /**
     * Adds a node where the evaluator takes it.
     * @param inputs names, "" for none
     * @param captured what graphs within it read
     * @returns its outputs' names, or null
     */
    node(op, inputs, attributes = {}, outputs = 1, captured = []) {
      const names = Array.from({ length: outputs }, (_, i) => `v${nodes.length}_${i}`);
      const joined = (list) => list.map((name) => name || "_").join(" ");
      const spec = [op, joined(inputs), names.join(" "), attributes];
      let made;
      try {
        made = evaluateAlone(spec, opset, values, captured);
      } catch (error) {
        if (error instanceof ShiftwiseError) return null;
        throw error;
      }
      if (made.some((value) => value.data.length === 0 || value.data.length > ELEMENTS_MOST)) return null;
      nodes.push(spec);
      seen.add(op);
      if (made.some((value) => !value.data.every(Number.isFinite))) exact = false;
      const depends =
        !["Shape", "Size", "EyeLike"].includes(op) && [...inputs, ...captured].some((name) => active.includes(name));
      for (const [i, name] of names.entries()) {
        if (!made[i]) continue;
        values.set(name, made[i]);
        if (depends && made[i].type === "float32") active.push(name);
      }
      return names;
    },
    /**
     * The message, with its input, its outputs, and whether all values on the way are finite and none of them jumps.
     */
    finish(draw) {
      const outputs = [...new Set([active.at(-1), ...(draw.chance(0.3) ? [builder.source(draw)] : [])])];
      const input = dims.map((n, i) => (i === 0 && dims.length > 1 && draw.chance(0.1) ? "N" : n));
      return {
        message: message({ x: input, nodes, constants, outputs, opset }),
        smooth: exact && !ROUNDING.test([...seen].join()) && !JUMPING.some((op) => seen.has(op)),
        ops: [...seen],
      };
    },
  };
  return builder;
}

export const encode = (proto) => encodeMessage("ModelProto", proto);
