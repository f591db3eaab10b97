// import.ts: an ONNX model to a network: constants folded, shapes known, the rest converted node by node.

import { ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import { type Network, validateNetwork } from "../graph/index.js";
import { type Node, type Normalization, nodeInputs, type Shape } from "../ops/index.js";
import { type Budget, importBudget } from "./budget.js";
import { checkSupported, operatorOf } from "./catalog.js";
import { type Activation, createDraft, type Draft, isActivation, type Known, shapeFor } from "./draft.js";
import { type OnnxInput, type OnnxModel, readModel } from "./model.js";
import { AXIS_MAX } from "./operators/call.js";
import { checkRank, type ExternalData } from "./tensor.js";

const { at } = fields;

export interface ImportOptions {
  /** Name of the network; the graph's own unless given. */
  readonly name?: string;
  /** How pixels become the network's input: the file does not say. */
  readonly normalization?: Normalization;
  readonly labels?: readonly string[];
  /** Channels, rows and columns of the input, where the file leaves them open. */
  readonly inputShape?: Shape;
  /** Leaves out a softmax that makes an output, so that the network ends in logits, as training wants. */
  readonly logits?: boolean;
  /**
   * How many elements importing may make beyond those in the file: constants that are folded, lists of indices, copies of
   * weights. 2^24 and 16 for each element of the file unless given.
   */
  readonly budget?: number;
  /** Reads tensors that lie in other files. Without it such a model is refused. */
  readonly external?: ExternalData;
  /** File name for error messages. */
  readonly where?: string;
}

/**
 * Imports an ONNX model of opset 7 or later with one float32 input. The batch is left out: a network takes one image.
 * What does not depend on the input is computed here; Identity, Dropout and what only regroups elements vanish; batch
 * norm stays. An input (batch, rows, columns, channels) that one Transpose alone reads becomes (channels, rows, columns).
 * Nodes are called as ONNX calls the values they make, so outputs keep their names.
 * @throws UNSUPPORTED that lists every node with an unknown operator or attribute, before any work; UNSUPPORTED for
 *   what only shapes show; TRUNCATED, BAD_FILE, BAD_GRAPH for bytes or graphs that are wrong; OVERFLOW
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): Network {
  return importModel(readModel(bytes, options.external ?? null, options.where), options);
}

/** As importOnnx, from a model that has been read. */
export function importModel(model: OnnxModel, options: Omit<ImportOptions, "external"> = {}): Network {
  const { where = "" } = options;
  checkSupported(model, where);
  const stored = [...model.constants.values()].reduce((sum, { data }) => sum + data.length, 0);
  const budget = importBudget(stored, options.budget);
  const { draft, nodes } = createDraft(countReaders(model), budget);
  const known = new Map<string, Known>(model.constants);
  const input = addInput(draft, model, options);
  known.set(model.inputs[0].name, input);
  convertNodes(model, draft, known, budget, options.logits ?? false);
  const outputs = nameOutputs(model, draft, known, where);
  const name = cleanName(options.name ?? model.name);
  const { labels } = options;
  const network: Network = {
    name,
    nodes: liveNodes(renamed(nodes(), outputs), model.outputs),
    outputs: model.outputs,
    ...(labels && { labels }),
  };
  validateNetwork(network, where);
  return network;
}

function cleanName(name: string): string {
  return /^\P{Cc}{1,200}$/u.test(name) && name !== "__proto__" ? name : "network";
}

function countReaders(model: OnnxModel): Map<string, number> {
  const readers = new Map<string, number>();
  const names = [...model.nodes.flatMap((node) => node.inputs), ...model.outputs];
  for (const name of names) readers.set(name, (readers.get(name) ?? 0) + 1);
  return readers;
}

function addInput(draft: Draft, model: OnnxModel, options: ImportOptions): Activation {
  const { where = "", normalization, inputShape } = options;
  if (model.inputs.length !== 1) {
    throw new ShiftwiseError("UNSUPPORTED", "a network has one input", {
      where,
      found: model.inputs.map(({ name }) => name).join(", ") || "none",
    });
  }
  const [input] = model.inputs;
  const place = at(where, `input ${input.name}`);
  if (input.type !== "float32") {
    throw new ShiftwiseError("UNSUPPORTED", "an input that is not float32", { where: place, found: input.type });
  }
  const dims = inputDims(input, inputShape, place);
  if (dims.some((n) => n > AXIS_MAX)) {
    throw new ShiftwiseError("OVERFLOW", "an input is too large", { where: place, found: dims.join("x") });
  }
  const shape = shapeFor(dims);
  const first = isChannelsLast(model, input.name, dims) ? ([shape[2], shape[0], shape[1]] as const) : shape;
  const node = draft.add(input.name, { op: "input", shape: first, ...(normalization && { normalization }) }, first);
  return { node, dims };
}

/** Sizes of the input: the batch 1, open ones as the option says. */
function inputDims({ dims }: OnnxInput, given: Shape | undefined, where: string): number[] {
  if (dims === null && !given) throw openSize(where, "shape");
  const known = dims ?? [null, ...(given ?? [])];
  return known.map((n, i) => {
    if (i === 0 && known.length > 1) return 1;
    const wanted = known.length === 4 ? given?.[i - 1] : undefined;
    const size = n ?? wanted;
    if (size === undefined) throw openSize(where, `dims[${i}]`);
    fields.expect(wanted === undefined || wanted === size, `${where}.dims[${i}]`, `${size}`, wanted, "BAD_OPTION");
    return size;
  });
}

function openSize(where: string, field: string): ShiftwiseError {
  return new ShiftwiseError("BAD_OPTION", "the file leaves this open: give inputShape", { where: `${where}.${field}` });
}

/** Whether one node alone reads the input: a transpose from (batch, rows, columns, channels) to channels first. */
function isChannelsLast(model: OnnxModel, name: string, dims: readonly number[]): boolean {
  const readers = model.nodes.filter((node) => node.inputs.includes(name));
  const [node] = readers;
  if (dims.length !== 4 || readers.length !== 1 || node.op !== "Transpose" || model.outputs.includes(name))
    return false;
  const perm = node.attributes.get("perm");
  return perm?.type === "ints" && perm.value.join() === "0,3,1,2";
}

/** Puts what every node makes into `known`: a constant, or an activation and the nodes that make it. */
function convertNodes(
  model: OnnxModel,
  draft: Draft,
  known: Map<string, Known>,
  budget: Budget,
  logits: boolean,
): void {
  const outputs = new Set(model.outputs);
  const [{ name: inputName }] = model.inputs;
  const input = known.get(inputName) as Activation;
  const turned = isChannelsLast(model, inputName, input.dims);
  for (const node of model.nodes) {
    budget.where = node.where;
    const operands = node.inputs.map((name) => (name === "" ? null : known.get(name)!));
    const operator = operatorOf(model, node)!;
    let made: readonly Known[];
    if (operator.ofShapes || !operands.some((operand) => isActivation(operand))) {
      made = operator.evaluate({ node, operands, budget });
    } else if (turned && node.op === "Transpose" && node.inputs[0] === inputName) {
      const [n, h, w, c] = input.dims;
      made = [{ node: input.node, dims: [n, c, h, w] }];
    } else {
      const last = outputs.has(node.outputs[0]);
      made = operator.convert!({ node, operands, budget, draft, logits, last });
    }
    for (const { dims } of made) checkRank(dims.length, node.where);
    for (const [i, name] of node.outputs.entries()) {
      if (name === "" || made[i] !== undefined) {
        if (name !== "") known.set(name, made[i]);
        continue;
      }
      if (draft.readers(name) > 0) {
        throw new ShiftwiseError("UNSUPPORTED", `${node.op}: output ${i}`, { where: node.where, found: name });
      }
    }
  }
}

/** For each node that makes an output, the name that ONNX gives it. */
function nameOutputs(
  model: OnnxModel,
  draft: Draft,
  known: ReadonlyMap<string, Known>,
  where: string,
): Map<string, string> {
  const names = new Map<string, string>();
  const outputs = new Set(model.outputs);
  for (const output of model.outputs) {
    const place = at(where, `output ${output}`);
    fields.identifier(output, place);
    const value = known.get(output)!;
    if (!isActivation(value)) {
      throw new ShiftwiseError("UNSUPPORTED", "an output that does not depend on the input", { where: place });
    }
    const { node } = value;
    if (draft.get(node).op !== "input" && !names.has(node) && !(node !== output && outputs.has(node))) {
      names.set(node, output);
      continue;
    }
    // one more tensor with the same elements, for a second name
    const shape = draft.shapeOf(node);
    const copy = draft.add(output, { op: "permute", input: node, dims: shape, order: [0, 1, 2], shape }, shape);
    names.set(copy, output);
  }
  return names;
}

/** The nodes with those that make outputs called as the outputs are; a node that had such a name by chance gives way. */
function renamed(nodes: readonly Node[], outputs: ReadonlyMap<string, string>): Node[] {
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
  return nodes.map((node): Node => {
    const name = call(node.name);
    if (node.op === "input" || node.op === "constant") return { ...node, name };
    if (node.op === "add" || node.op === "binary") {
      return { ...node, name, inputs: [call(node.inputs[0]), call(node.inputs[1])] };
    }
    if (node.op === "concat") return { ...node, name, inputs: node.inputs.map(call) };
    return { ...node, name, input: call(node.input) };
  });
}

/** The input and the nodes that some output depends on. */
function liveNodes(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const needed = new Set(outputs);
  for (const node of nodes.toReversed())
    if (needed.has(node.name)) for (const name of nodeInputs(node)) needed.add(name);
  return nodes.filter((node) => needed.has(node.name) || node.op === "input");
}
