// functions.ts: a model's own operators, written out: each call becomes the nodes of the function's body.
import { ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import { domainOf, innerName, renamedNodes } from "./names.js";
import type { Messages } from "./schema.js";

type NodeProto = Messages["NodeProto"];
type AttributeProto = Messages["AttributeProto"];
type FunctionProto = Messages["FunctionProto"];

/** Functions that call each other at most this deep. */
const DEPTH_MAX = 32;

interface Calls {
  readonly functions: ReadonlyMap<string, FunctionProto>;
  /** File name, for error messages. */
  readonly where: string;
  /** Nodes that may still be made. */
  left: number;
}

/** Whether an operator is of our own domain, which is known here as a whole. */
const isOwn = ({ domain, opType }: NodeProto): boolean => domain === "shiftwise" && opType === "Levels";

const keyOf = (domain: string | undefined, name: string | undefined, overload: string | undefined): string =>
  JSON.stringify([domainOf(domain), name ?? "", overload ?? ""]);

/**
 * The nodes of a graph without calls of functions, in branches too.
 * @param most nodes that may be made
 * @throws BAD_GRAPH for a function that calls itself; OVERFLOW for more nodes than that
 */
export function withoutCalls(
  nodes: readonly NodeProto[],
  functions: readonly FunctionProto[],
  most: number,
  where: string,
): readonly NodeProto[] {
  if (functions.length === 0) return nodes;
  const byName = new Map(
    functions.toReversed().map((one) => [keyOf(one.domain, one.name, one.overload), one] as const),
  );
  return writtenOut(nodes, { functions: byName, where, left: most }, 0);
}

function writtenOut(nodes: readonly NodeProto[], calls: Calls, depth: number): readonly NodeProto[] {
  return nodes.flatMap((node) => {
    const body = calls.functions.get(keyOf(node.domain, node.opType, node.overload));
    // written out for other runtimes
    if (!body || isOwn(node)) {
      const attribute = node.attribute.map((one) =>
        one.g ? { ...one, g: { ...one.g, node: writtenOut(one.g.node, calls, depth) } } : one,
      );
      return [{ ...node, attribute }];
    }
    const place = fields.at(calls.where, `node ${node.name || node.opType}`);
    fields.expect(depth < DEPTH_MAX, place, "functions that do not call themselves", node.opType, "BAD_GRAPH");
    calls.left -= body.node.length + 1;
    if (calls.left < 0) throw new ShiftwiseError("OVERFLOW", "functions make too many nodes", { where: place });
    return writtenOut(bodyOf(node, body), calls, depth + 1);
  });
}

/** The body's nodes with the call's inputs, outputs and attributes. */
function bodyOf(call: NodeProto, body: FunctionProto): NodeProto[] {
  const result = call.output.find((name) => name !== "") ?? call.name ?? "";
  const label = call.name || call.opType || "";
  const inputs = new Map(body.input.map((name, i) => [name, call.input[i] ?? ""]));
  // an output that is an input too is handed on; of two of one name the second is
  const names = new Map(inputs);
  const handed: NodeProto[] = [];
  for (const [i, name] of body.output.entries()) {
    const wanted = call.output[i] ?? "";
    if (wanted === "") continue;
    const known = names.get(name);
    if (known === undefined) names.set(name, wanted);
    else handed.push({ name: label, opType: "Identity", input: [known], output: [wanted], attribute: [] });
  }
  const given = new Map([...body.attributeProto, ...call.attribute].map((one) => [one.name ?? "", one]));
  const nodes = body.node.map((node, i) => ({
    ...withAttributes(node, given),
    name: `${label}/${node.name || `${node.opType} ${i}`}`,
  }));
  return [...renamedNodes(nodes, (name) => names.get(name) ?? innerName(result, name)), ...handed];
}

/** The node with the attributes that it takes over from the call; those that the call leaves out are left out. */
function withAttributes(node: NodeProto, given: ReadonlyMap<string, AttributeProto>): NodeProto {
  const attribute = node.attribute.flatMap((one) => {
    if (one.refAttrName) {
      const found = given.get(one.refAttrName);
      return found ? [{ ...found, name: one.name }] : [];
    }
    return one.g ? [{ ...one, g: { ...one.g, node: one.g.node.map((inner) => withAttributes(inner, given)) } }] : [one];
  });
  return { ...node, attribute };
}
