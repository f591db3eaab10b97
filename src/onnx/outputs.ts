// outputs.ts: which values a network ends in, and what they are called.

import { ShiftwiseError, shellWord } from "../base/index.js";
import { fields } from "../format/index.js";
import { type Node, rewire } from "../ops/index.js";
import { type Activation, type Draft, isActivation, isPrintable, type Known, printableName } from "./draft.js";
import type { OnnxModel } from "./model.js";
import type { Value } from "./tensor.js";

const { at } = fields;

/**
 * The model up to the outputs that are wanted, by default its own: without the nodes that nothing then reads.
 * @throws BAD_OPTION for a value that nothing makes
 */
export function upTo(model: OnnxModel, wanted: readonly string[] = model.outputs, where = ""): OnnxModel {
  const made = new Set(model.outputs);
  if (wanted !== model.outputs) for (const { outputs } of model.nodes) for (const name of outputs) made.add(name);
  const unknown = wanted.filter((name) => !made.has(name));
  if (unknown.length > 0) {
    const expected = `values that nodes make, such as ${few(model.outputs)}`;
    const found = unknown.join(", ");
    throw new ShiftwiseError("BAD_OPTION", "no such value", { where: at(where, "outputs"), expected, found });
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
  checkDependent(model.outputs, known, where);
  const names = new Map<string, string>();
  const taken = new Set(model.outputs);
  for (const output of model.outputs) {
    const name = isPrintable(output) ? output : freeName(printableName(output), taken);
    if (name !== output) renamed(output, name);
    const { node } = known.get(output) as Activation;
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

/** @throws UNSUPPORTED naming all outputs that are constants, and how to ask for the others */
function checkDependent(outputs: readonly string[], known: ReadonlyMap<string, Known>, where: string): void {
  const fixed = outputs.filter((name) => !isActivation(known.get(name)!));
  if (fixed.length === 0) return;
  const empty = fixed.every((name) => (known.get(name) as Value).data.length === 0);
  const what = `an output ${empty ? "without elements" : "that depends on no input"}`;
  const others = outputs.filter((name) => !fixed.includes(name));
  // names that the option could not take apart again
  const spelled = others.every((name) => !name.includes(",") && name.trim() === name);
  const option = spelled ? `, on the command line --outputs ${shellWord(others.join(","))}` : "";
  const advice = others.length > 0 ? `: ask for ${few(others)} alone with outputs${option}` : "";
  const place = `${fixed.length > 1 ? "outputs" : "output"} ${few(fixed)}`;
  const found = fixed.map((name) => known.get(name)!.dims.join("x")).join(", ");
  throw new ShiftwiseError("UNSUPPORTED", `${what}${advice}`, { where: at(where, place), ...(empty && { found }) });
}

/** Outputs that a message names. */
const NAMED_MAX = 8;

function few(names: readonly string[]): string {
  const rest = names.length - NAMED_MAX;
  return [...names.slice(0, NAMED_MAX).map(printableName), ...(rest > 0 ? [`${rest} more`] : [])].join(", ");
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
