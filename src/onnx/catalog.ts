// catalog.ts: which operators and attributes are known, and what of a node is not.
import { frozenCopy } from "../base/index.js";
import type { OnnxModel, OnnxNode } from "./model.js";
import { shown } from "./names.js";
import { findOperator, OPERATORS, operatorName } from "./operators/index.js";
import { isComposite, isOfShapes, type Operator } from "./operators/operator.js";
import { attributeProblem } from "./operators/spec.js";
import { reasonOf } from "./refused.js";

/** One operator as docs/onnx.md lists it. */
export interface CatalogEntry {
  /** The first version of its domain that has it like this, where an earlier one is read too, else null. */
  readonly since: number | null;
  /** "network": becomes part of the network. "constants": only where the result does not depend on the input. */
  readonly use: "network" | "constants";
  /** Legal values by attribute; null where all are. */
  readonly attributes: Readonly<Record<string, readonly (number | string)[] | null>>;
}

/** Whether it may stand behind values that depend on the input. */
function isOfNetworks(operator: Operator): boolean {
  return isComposite(operator) || isOfShapes(operator) || operator.convert !== undefined;
}

function entryOf(operator: Operator, since: number | null): CatalogEntry {
  const legal = Object.entries(operator.attributes).map(([name, spec]) => [name, spec.legal ?? null] as const);
  return { since, use: isOfNetworks(operator) ? "network" : "constants", attributes: Object.fromEntries(legal) };
}

/** Every operator that is read, opset 7 and up, in the order of names; several entries where its meaning changed. */
export const CATALOG: Readonly<Record<string, readonly CatalogEntry[]>> = frozenCopy(
  Object.fromEntries(
    Object.keys(OPERATORS)
      .sort()
      .map((name) => {
        const entry = OPERATORS[name];
        if (!("versions" in entry)) return [name, [entryOf(entry, null)]];
        return [name, Object.entries(entry.versions).map(([since, one]) => entryOf(one, Number(since)))];
      }),
  ),
);

/** The operator of a node of this model; undefined where it is not known. */
export function operatorOf({ opsets }: OnnxModel, node: OnnxNode): Operator | undefined {
  return findOperator(operatorName(node), opsets.get(node.domain) ?? 1);
}

/**
 * Problems of a node that show before it is converted: operator or attributes that are not known.
 * @param depends whether it reads what depends on the model's input
 * @returns lines with name, operator, what is wrong and opset
 * @throws BAD_GRAPH for an attribute of the wrong type
 */
export function nodeProblems(
  model: OnnxModel,
  node: OnnxNode,
  operator: Operator | undefined,
  depends: boolean,
): readonly string[] {
  const name = operatorName(node);
  const version = model.opsets.get(node.domain);
  const line = (problem: string): string =>
    `node ${shown(node.name)}: ${name}: ${problem}${version === undefined ? "" : `, opset ${version}`}`;
  if (!operator) return [line(reasonOf(node))];
  if (depends && !isOfNetworks(operator)) {
    return [line(reasonOf(node, "operator on values that depend on the input"))];
  }
  return [...node.attributes].flatMap(([key, attribute]) => {
    const problem = attributeProblem(operator.attributes, key, attribute, node.where);
    return problem === null ? [] : [line(`attribute ${problem}`)];
  });
}
