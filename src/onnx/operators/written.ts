// written.ts: the nodes that take the place of one, while they are written down.
import type { Attribute, Attributes } from "../attributes.js";
import type { OnnxNode } from "../model.js";
import { innerName } from "../names.js";
import { toValue, type Value } from "../tensor.js";
import type { Bare } from "./call.js";
import type { Expansion } from "./operator.js";

/** An attribute that is given: a number is an int, and floats, lists and texts say what they are. */
type Given = number | Attribute;

/** The nodes that take the place of one. */
export interface Written extends Required<Expansion> {
  /** Adds a node. @param result its name, made up unless given. @returns the name of its result */
  node(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, Given>>, result?: string): string;
  constant(value: Value): string;
  /** The attributes of the node that have these names. */
  kept(...names: readonly string[]): Readonly<Record<string, Attribute>>;
  /** The name of an input; empty where it is left out. */
  input(index: number): string;
  has(index: number): boolean;
  /** The name of the first result. */
  readonly result: string;
}

export const asInts = (...value: readonly number[]): Attribute => ({ type: "ints", value });
export const asFloat = (value: number): Attribute => ({ type: "float", value });

/** Begins to write nodes in the place of a call's node. */
export function written({ node }: Pick<Bare, "node">): Written {
  const nodes: OnnxNode[] = [];
  const constants = new Map<string, Value>();
  const result = node.outputs[0] || node.name;
  const attributesOf = (given: Readonly<Record<string, Given>>): Attributes =>
    new Map(
      Object.entries(given).map(([name, value]) => [name, typeof value === "number" ? { type: "int", value } : value]),
    );
  return {
    nodes,
    constants,
    result,
    input: (index) => node.inputs[index] ?? "",
    has: (index) => (node.inputs[index] ?? "") !== "",
    kept(...names) {
      return Object.fromEntries(
        names.flatMap((name) => {
          const attribute = node.attributes.get(name);
          return attribute ? [[name, attribute] as const] : [];
        }),
      );
    },
    constant(value) {
      const name = innerName(result, `constant${constants.size}`);
      constants.set(name, value);
      return name;
    },
    node(op, inputs, attributes = {}, name = innerName(result, `${op}${nodes.length}`)) {
      const [domain, own] = op.startsWith("com.microsoft.") ? ["com.microsoft", op.slice(14)] : ["", op];
      const list = inputs.slice(0, inputs.findLastIndex((one) => one !== "") + 1);
      const { where } = node;
      nodes.push({
        name: node.name,
        where,
        op: own,
        domain,
        inputs: list,
        outputs: [name],
        attributes: attributesOf(attributes),
      });
      return name;
    },
  };
}

/** A list of integers, as shapes and axes are inputs of nodes. */
export function listed(w: Written, ...integers: readonly number[]): string {
  return w.constant(toValue("int64", [integers.length], [...integers]));
}

/** Parts of these sizes along an axis. */
export function cut(w: Written, x: string, sizes: readonly number[], axis: number): string[] {
  let start = 0;
  return sizes.map((size) => {
    const [from, to] = [start, start + size];
    start = to;
    return w.node("Slice", [x, listed(w, from), listed(w, to), listed(w, axis)]);
  });
}
