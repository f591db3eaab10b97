// outputs.ts: which values a network ends in, and what they are called.

import { ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import { type Node, rewire } from "../ops/index.js";
import { type Draft, isActivation, isPrintable, type Known, printableName } from "./draft.js";
import type { OnnxModel } from "./model.js";

const { at } = fields;

/**
 * The model up to the outputs that are wanted, by default its own: without the nodes that nothing then reads.
 * @throws BAD_OPTION for a value that nothing makes
 */
export function upTo(model: OnnxModel, wanted: readonly string[] = model.outputs, where = ""): OnnxModel {
  const made = new Set(model.outputs);
  if (wanted !== model.outputs) for (const { outputs } of model.nodes) for (const name of outputs) made.add(name);
  for (const name of wanted) {
    if (made.has(name)) continue;
    const expected = `a value that a node makes, such as ${model.outputs.join(", ")}`;
    throw new ShiftwiseError("BAD_OPTION", "no such value", { where: at(where, "outputs"), expected, found: name });
  }
  fields.expect(wanted.length > 0, at(where, "outputs"), "at least one", 0, "BAD_OPTION");
  const needed = new Set(wanted);
  const nodes = model.nodes
    .toReversed()
    .filter(({ inputs, outputs }) => {
      const live = outputs.some((name) => needed.has(name));
      if (live) for (const name of inputs) needed.add(name);
      return live;
    })
    .reverse();
  return { ...model, nodes, outputs: [...new Set(wanted)] };
}

/**
 * The name of each node that makes an output: the one that ONNX gives it, made printable where it is not or too long.
 * @param renamed called with each name that had to be changed
 */
export function nameOutputs(
  model: OnnxModel,
  draft: Draft,
  known: ReadonlyMap<string, Known>,
  where: string,
  renamed: (from: string, to: string) => void,
): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set(model.outputs);
  for (const output of model.outputs) {
    const value = known.get(output)!;
    if (!isActivation(value)) {
      const place = at(where, `output ${printableName(output)}`);
      const empty = value.data.length === 0;
      const what = empty ? "an output without elements" : "an output that does not depend on the input";
      throw new ShiftwiseError("UNSUPPORTED", what, { where: place, ...(empty && { found: value.dims.join("x") }) });
    }
    const name = isPrintable(output) ? output : freeName(printableName(output), taken);
    if (name !== output) renamed(output, name);
    const { node } = value;
    if (draft.get(node).op !== "input" && !names.has(node) && !(node !== name && taken.has(node))) {
      names.set(node, name);
      continue;
    }
    // one more tensor with the same elements, for a second name
    const shape = draft.shapeOf(node);
    names.set(draft.add(output, { op: "permute", input: node, dims: shape, order: [0, 1, 2], shape }, shape), name);
  }
  return names;
}

/** The name, or with a number behind it, so that it is nobody else's. */
function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let i = 2; taken.has(free); i++) free = `${name}.${i}`;
  taken.add(free);
  return free;
}

/** The nodes with those that make outputs called as the outputs are; a node that had such a name by chance gives way. */
export function withNames(nodes: readonly Node[], outputs: ReadonlyMap<string, string>): Node[] {
  const wanted = new Set(outputs.values());
  const taken = new Set(nodes.map((node) => node.name));
  const names = new Map(outputs);
  for (const { name } of nodes) {
    if (outputs.has(name) || !wanted.has(name)) continue;
    let other = `${name}.inner`;
    while (taken.has(other) || wanted.has(other)) other += "+";
    taken.add(other);
    names.set(name, other);
  }
  const call = (name: string): string => names.get(name) ?? name;
  return nodes.map((node) => ({ ...rewire(node, call), name: call(node.name) }));
}
