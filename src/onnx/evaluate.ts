// evaluate.ts: runs a model node by node on values of any shape: slow, and the oracle of the importer.

import { given, is, ShiftwiseError } from "../base/index.js";
import { Budget } from "./budget.js";
import { operatorOf } from "./catalog.js";
import { MODEL, VALUE } from "./given.js";
import type { OnnxModel } from "./model.js";
import { operatorName } from "./operators/index.js";
import { isComposite } from "./operators/operator.js";
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
  // how often each value is still to be read; outputs are kept
  const readers = new Map(model.outputs.map((name) => [name, Infinity]));
  const read = (names: readonly string[], times: number): void => {
    for (const name of names) {
      const left = (readers.get(name) ?? 0) + times;
      readers.set(name, left);
      if (left === 0) values.delete(name);
    }
  };
  for (const { inputs: names } of model.nodes) read(names, 1);
  const queue = model.nodes.toReversed();
  for (let node = queue.pop(); node; node = queue.pop()) {
    const operands = node.inputs.map((name) => (name === "" ? null : values.get(name)!));
    const operator = operatorOf(model, node);
    if (!operator) {
      const found = `${operatorName(node)} (opset ${model.opsets.get(node.domain) ?? "not given"})`;
      throw new ShiftwiseError("UNSUPPORTED", "no such operator", { where: node.where, found });
    }
    if (isComposite(operator)) {
      const { nodes, constants = [] } = operator.expand({ node, operands, budget });
      for (const [name, value] of constants) values.set(name, value);
      for (const one of nodes) read(one.inputs, 1);
      queue.push(...nodes.toReversed());
    } else {
      const made = operator.evaluate({ node, operands, budget });
      for (const [k, name] of node.outputs.entries()) {
        if (name === "") continue;
        if (!made[k])
          throw new ShiftwiseError("UNSUPPORTED", "output not made here", { where: node.where, found: name });
        values.set(name, made[k]);
        visit(name, made[k]);
      }
    }
    read(node.inputs, -1);
  }
  return new Map(model.outputs.map((name) => [name, values.get(name)!]));
}
