// branch.ts: If: the branch that a constant condition takes.
import { isActivation } from "../draft.js";
import type { OnnxNode } from "../model.js";
import { expectNode, unsupported } from "./call.js";
import { composite, type Operators } from "./operator.js";
import { graph } from "./spec.js";

export const BRANCHES: Operators = {
  If: composite({ then_branch: graph(), else_branch: graph() }, ({ node, operands, attributes }) => {
    const [condition] = operands;
    if (isActivation(condition)) {
      const what =
        "a condition that depends on the model's input: take outputs before it, export one branch alone, or set the input that decides with --constant (constants in code)";
      throw unsupported(node, what);
    }
    expectNode(condition?.data.length === 1, node, "one condition", condition?.data.length ?? "none", "input[0]");
    const field = condition.data[0] ? "then_branch" : "else_branch";
    const branch = attributes[field];
    expectNode(branch !== null, node, "a branch", "none", field);
    const { nodes, constants, outputs } = branch;
    const count = node.outputs.length;
    expectNode(outputs.length >= count, node, `${count} outputs`, outputs.length, field);
    const handed = node.outputs.flatMap((name, i): OnnxNode[] => {
      if (name === "") return [];
      return [{ ...node, op: "Identity", domain: "", inputs: [outputs[i]], outputs: [name], attributes: new Map() }];
    });
    return { nodes: [...nodes, ...handed], constants };
  }),
};
