// evaluate.ts: runs a model node by node on values of any shape: slow, and the oracle of the importer.

import { given, is, ShiftwiseError } from "../base/index.js";
import { Budget } from "./budget.js";
import { operatorOf } from "./catalog.js";
import { MODEL, VALUE } from "./given.js";
import type { OnnxModel } from "./model.js";
import { operatorName } from "./operators/index.js";
import type { Value } from "./tensor.js";

const BUDGET = is.record<Pick<Budget, "spend" | "work">>({ spend: is.callback, work: is.callback });

/**
 * The outputs of a model by name.
 * @param inputs one for each of the model's inputs, by name
 * @param visit is shown every value that a node makes
 * @param budget what may be made in all; by default each node alone is held to its limits
 * @throws BAD_DATA for a missing input; UNSUPPORTED; BAD_GRAPH
 */
export function evaluateModel(
  model: OnnxModel,
  inputs: ReadonlyMap<string, Value>,
  visit: (name: string, value: Value) => void = () => {},
  budget = new Budget(Infinity),
): Map<string, Value> {
  given({ model, inputs, visit, budget }, { model: MODEL, inputs: is.map(VALUE), visit: is.callback, budget: BUDGET });
  const values = new Map(model.constants);
  for (const { name } of model.inputs) {
    const value = inputs.get(name);
    if (!value) throw new ShiftwiseError("BAD_DATA", "an input is missing", { where: `input ${name}` });
    values.set(name, value);
  }
  const outputs = new Set(model.outputs);
  const last = new Map<string, number>();
  for (const [i, node] of model.nodes.entries()) for (const name of node.inputs) last.set(name, i);
  for (const [i, node] of model.nodes.entries()) {
    const operands = node.inputs.map((name) => (name === "" ? null : values.get(name)!));
    const operator = operatorOf(model, node);
    if (!operator) {
      const found = `${operatorName(node)} (opset ${model.opsets.get(node.domain) ?? "not given"})`;
      throw new ShiftwiseError("UNSUPPORTED", "no such operator", { where: node.where, found });
    }
    const made = operator.evaluate({ node, operands, budget });
    for (const [k, name] of node.outputs.entries()) {
      if (name === "") continue;
      if (!made[k]) throw new ShiftwiseError("UNSUPPORTED", "output not made here", { where: node.where, found: name });
      values.set(name, made[k]);
      visit(name, made[k]);
    }
    for (const name of node.inputs) if (last.get(name) === i && !outputs.has(name)) values.delete(name);
  }
  return new Map(model.outputs.map((name) => [name, values.get(name)!]));
}
