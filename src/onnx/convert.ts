// convert.ts: the nodes of a model, in order, to constants and nodes of the network.
import { nodeProblems, operatorOf } from "./catalog.js";
import { type Activation, isActivation, type Known } from "./draft.js";
import type { OnnxModel, OnnxNode } from "./model.js";
import { isOfFile } from "./names.js";
import { type BareConversion, type Conversion, unsupported } from "./operators/call.js";
import { isComposite, isOfShapes, type Simple } from "./operators/operator.js";
import { hasOwnScales, ownScaleProblem, withOwnScales } from "./operators/own-scales.js";
import { asIntegers, isUniform, sameQuantization } from "./operators/quantization.js";
import type { Problems } from "./problems.js";
import type { Surroundings } from "./surroundings.js";
import { checkRank } from "./tensor.js";

/** Elements of the budget that one node takes which stands for another with others. */
const NODE_COST = 64;

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
  const queue = model.nodes.toReversed();
  for (let node = queue.pop(); node; node = queue.pop()) {
    const { inputs, name, outputs: names } = node;
    if (names.every((name) => known.has(name))) continue;
    budget.where = node.where;
    const operator = operatorOf(model, node);
    const depends = !isOfShapes(operator) && inputs.some((name) => dependent.has(name));
    if (depends) for (const name of names) dependent.add(name);
    const made = problems.try(node.name, () => {
      const lines = nodeProblems(model, node, operator, depends);
      for (const line of lines) problems.add(line, name);
      const ready = inputs.every((name) => name === "" || known.has(name));
      if (!operator || lines.length > 0 || !ready) return undefined;
      if (!isComposite(operator)) return results(node, operator, known, surroundings, outputs);
      const { nodes, constants = [] } = operator.expand({ ...surroundings, node, operands: operandsOf(node, known) });
      budget.spend(NODE_COST * nodes.length);
      for (const [name, value] of constants) known.set(name, value);
      for (const one of nodes) draft.read(one.inputs);
      queue.push(...nodes.toReversed());
      return [];
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
      if (isActivation(value) && isOfFile(name) && draft.get(value.node).op !== "input") problems.propose(name);
    }
  }
}

function operandsOf({ inputs }: OnnxNode, known: ReadonlyMap<string, Known>): (Known | null)[] {
  return inputs.map((name) => (name === "" ? null : known.get(name)!));
}

/** Turns what a node makes into what the outputs of the model are to have. */
function results(
  node: OnnxNode,
  operator: Simple,
  known: ReadonlyMap<string, Known>,
  surroundings: Surroundings,
  outputs: ReadonlySet<string>,
): readonly Known[] {
  const { draft } = surroundings;
  const all = operandsOf(node, known);
  const conversion = { ...surroundings, node, operands: all, last: outputs.has(node.outputs[0]) };
  const owned = !operator.ofShapes && all.some(hasOwnScales);
  const made = (
    owned
      ? withOwnScales(node, operator, all, (operands) => converted(operator, { ...conversion, operands }))
      : converted(operator, conversion)
  ).map((one, i) => {
    if (!outputs.has(node.outputs[i])) return one;
    if (hasOwnScales(one)) throw ownScaleProblem(node);
    return isActivation(one) ? asIntegers({ ...conversion, attributes: undefined }, one) : one;
  });
  for (const { dims } of made) checkRank(dims.length, node.where);
  const missing = node.outputs.findIndex((name, i) => name !== "" && !made[i] && draft.readers(name) > 0);
  if (missing >= 0) throw unsupported(node, `output ${missing}, ${node.outputs[missing]}`);
  return made;
}

/** Computes a node, or converts it where an operand depends on the input. */
function converted(operator: Simple, conversion: BareConversion): readonly Known[] {
  const { node, operands, budget } = conversion;
  const activations = operands.filter((operand) => isActivation(operand));
  if (operator.ofShapes || !operator.convert || activations.length === 0) {
    return operator.evaluate({ node, operands, budget });
  }
  const integers = activations.find(({ type }) => type !== undefined);
  if (integers && !operator.anyType) {
    throw unsupported(node, `${integers.type} values that depend on the model's input: cast them to float32 before`);
  }
  return activations.some(({ quantization }) => quantization)
    ? ofQuantized(operator, operator.convert, { ...conversion, attributes: undefined }, activations)
    : operator.convert(conversion);
}

/** Converts a node that reads what QuantizeLinear made: elements that only move keep it, all else gets integers. */
function ofQuantized(
  operator: Simple,
  convert: NonNullable<Simple["convert"]>,
  conversion: Conversion,
  activations: readonly Activation[],
): readonly Known[] {
  if (operator.takesQuantized) return convert(conversion);
  const { operands } = conversion;
  const [{ quantization, type }] = activations;
  const alone = activations.length === 1 || activations.length === operands.length;
  const same = activations.every((one) => {
    return quantization && one.quantization && sameQuantization(quantization, one.quantization);
  });
  if (operator.moves && quantization && isUniform(quantization) && alone && same) {
    const moved = operands.map((one) => (isActivation(one) ? { node: one.node, dims: one.dims } : one));
    return convert({ ...conversion, operands: moved }).map((one) => {
      return isActivation(one) ? { ...one, type, quantization } : one;
    });
  }
  const integers = operands.map((one) => (isActivation(one) ? asIntegers(conversion, one) : one));
  return convert({ ...conversion, operands: integers });
}
