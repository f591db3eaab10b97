// catalog.ts: which operators and attributes are known, and the check of a whole model against them before any work.
import { ShiftwiseError } from "../base/index.js";
import { type OnnxModel, type OnnxNode, shown } from "./model.js";
import { findOperator, OPERATORS, operatorName } from "./operators/index.js";
import type { Operator } from "./operators/operator.js";
import { attributeProblem } from "./operators/spec.js";

/** What is known of one operator: a row of the tables in docs/onnx.md. */
export interface CatalogEntry {
  /** The first version of its domain that has it like this, where an earlier one is read too, else null. */
  readonly since: number | null;
  /** "network": becomes part of the network. "constants": only where the result does not depend on the input. */
  readonly use: "network" | "constants";
  /** Legal values by attribute; null where all are. */
  readonly attributes: Readonly<Record<string, readonly (number | string)[] | null>>;
}

function entryOf({ attributes, convert, ofShapes }: Operator, since: number | null): CatalogEntry {
  const legal = Object.entries(attributes).map(([name, spec]) => [name, spec.legal ?? null] as const);
  return { since, use: convert || ofShapes ? "network" : "constants", attributes: Object.fromEntries(legal) };
}

/** Every operator that is read, opset 7 and up, in the order of names; several entries where its meaning changed. */
export const CATALOG: Readonly<Record<string, readonly CatalogEntry[]>> = Object.fromEntries(
  Object.keys(OPERATORS)
    .sort()
    .map((name) => {
      const entry = OPERATORS[name];
      if (!("versions" in entry)) return [name, [entryOf(entry, null)]];
      return [name, Object.entries(entry.versions).map(([since, one]) => entryOf(one, Number(since)))];
    }),
);

/** The operator of a node of this model; undefined where it is not known. */
export function operatorOf({ opsets }: OnnxModel, node: OnnxNode): Operator | undefined {
  return findOperator(operatorName(node), opsets.get(node.domain) ?? 1);
}

/** Problems that a message lists. */
const LISTED_MAX = 100;

/**
 * Checks every node before any work is done.
 * @throws UNSUPPORTED listing all nodes that cannot be imported, with name, operator, attribute and opset; BAD_GRAPH for
 *   an attribute of the wrong type
 */
export function checkSupported(model: OnnxModel, where: string): void {
  const dependent = new Set(model.inputs.map(({ name }) => name));
  const problems: string[] = [];
  for (const node of model.nodes) {
    const found = operatorOf(model, node);
    const version = model.opsets.get(node.domain);
    const add = (problem: string): void => {
      const opset = version === undefined ? "" : `, opset ${version}`;
      problems.push(`node ${shown(node.name)}: ${operatorName(node)}: ${problem}${opset}`);
    };
    const reads = !found?.ofShapes && node.inputs.some((name) => dependent.has(name));
    if (reads) for (const name of node.outputs) if (name !== "") dependent.add(name);
    if (!found) add("operator");
    else if (reads && !found.convert) add("operator on values that depend on the input");
    else {
      for (const [name, attribute] of node.attributes) {
        const problem = attributeProblem(found.attributes, name, attribute, node.where);
        if (problem !== null) add(`attribute ${problem}`);
      }
    }
  }
  if (problems.length === 0) return;
  const more = problems.length - LISTED_MAX;
  const lines = more > 0 ? [...problems.slice(0, LISTED_MAX), `and ${more} more`] : problems;
  const list = lines.map((line) => `\n  ${line}`).join("");
  throw new ShiftwiseError("UNSUPPORTED", `${problems.length} of the model's nodes cannot be imported:${list}`, {
    where,
  });
}
