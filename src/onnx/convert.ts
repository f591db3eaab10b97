// convert.ts: the nodes of a model, in order, to constants and nodes of the network.
import { nodeProblems, operatorOf } from "./catalog.js";
import { isActivation, type Known } from "./draft.js";
import type { OnnxModel, OnnxNode } from "./model.js";
import { unsupported } from "./operators/call.js";
import type { Operator } from "./operators/operator.js";
import type { Problems } from "./problems.js";
import type { Surroundings } from "./surroundings.js";
import { checkRank } from "./tensor.js";

/**
 * Puts what every node makes into `known`: a constant, or an activation and the nodes that make it. What cannot be
 * converted is a problem; what depends on it is passed over.
 * @param known the model's constants, its input, and values that are one of them already
 * @throws OVERFLOW where the budget does not suffice
 */
export function convertNodes(
  model: OnnxModel,
  known: Map<string, Known>,
  surroundings: Surroundings,
  problems: Problems,
): void {
  const { budget, draft } = surroundings;
  const outputs = new Set(model.outputs);
  const dependent = new Set([...known].filter(([, value]) => isActivation(value)).map(([name]) => name));
  for (const node of model.nodes) {
    if (node.outputs.every((name) => known.has(name))) continue;
    budget.where = node.where;
    const operator = operatorOf(model, node);
    const depends = !operator?.ofShapes && node.inputs.some((name) => dependent.has(name));
    if (depends) for (const name of node.outputs) dependent.add(name);
    const made = problems.try(() => {
      const lines = nodeProblems(model, node, operator, depends);
      for (const line of lines) problems.add(line);
      const ready = node.inputs.every((name) => name === "" || known.has(name));
      if (!operator || lines.length > 0 || !ready) return undefined;
      return converted(node, operator, known, surroundings, outputs.has(node.outputs[0]));
    });
    for (const [i, name] of node.outputs.entries()) {
      const value = made?.[i];
      if (name === "" || !value) continue;
      known.set(name, value);
      if (isActivation(value)) draft.denote(name, value.node);
      else dependent.delete(name);
    }
    if (made) continue;
    for (const name of node.inputs) {
      const value = known.get(name);
      if (isActivation(value) && draft.get(value.node).op !== "input") problems.propose(name);
    }
  }
}

function converted(
  node: OnnxNode,
  operator: Operator,
  known: ReadonlyMap<string, Known>,
  surroundings: Surroundings,
  last: boolean,
): readonly Known[] {
  const { budget, draft } = surroundings;
  const operands = node.inputs.map((name) => (name === "" ? null : known.get(name)!));
  const activations = operands.filter((operand) => isActivation(operand));
  let made: readonly Known[];
  if (operator.ofShapes || !operator.convert || activations.length === 0) {
    made = operator.evaluate({ node, operands, budget });
  } else {
    const integers = activations.find(({ type }) => type !== undefined);
    if (integers && !operator.anyType) {
      throw unsupported(node, `${integers.type} values that depend on the model's input: cast them to float32 before`);
    }
    made = operator.convert({ ...surroundings, node, operands, last });
  }
  for (const { dims } of made) checkRank(dims.length, node.where);
  const missing = node.outputs.findIndex((name, i) => name !== "" && !made[i] && draft.readers(name) > 0);
  if (missing >= 0) throw unsupported(node, `output ${missing}, ${node.outputs[missing]}`);
  return made;
}
