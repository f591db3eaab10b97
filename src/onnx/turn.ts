// turn.ts: pictures with their channels last, which something else than one Transpose reads: functions go behind the Transpose.
import { type Activation, type Draft, shapeFor } from "./draft.js";
import type { OnnxInput, OnnxModel, OnnxNode } from "./model.js";
import { asInts, listed, type Written, written } from "./operators/written.js";

/** Operators of every element by itself, with constants beside it. */
const ELEMENTWISE = new Set(["Add", "Cast", "Clip", "Div", "Identity", "Mul", "Neg", "Sub"]);
/** Functions that are looked through at most; ways to scale pixels have fewer. */
const FUNCTIONS_MAX = 16;
const CHANNELS_FIRST = [0, 3, 1, 2];

/** Whether one node alone reads the input: a transpose from (batch, rows, columns, channels) to channels first. */
export function isChannelsLast(model: OnnxModel, { name }: OnnxInput, dims: readonly number[]): boolean {
  const node = onlyReader(model, name);
  return dims.length === 4 && node !== null && isTurn(node);
}

/** Whether the input has the shape of a picture (batch, rows, columns, channels). */
export function isPictureChannelsLast(dims: readonly number[]): boolean {
  const [, rows, columns, channels] = dims;
  return dims.length === 4 && (channels === 1 || channels === 3) && rows > 4 && columns > 4;
}

/** The values of an input that is held with its channels first, in the order that the file has. */
export function asInFile(draft: Draft, { node, ...activation }: Activation): Activation {
  const [, rows, columns, channels] = activation.dims;
  if (channels === 1) return { node, ...activation };
  const shape = shapeFor(activation.dims);
  const permute = { op: "permute", input: node, dims: [channels, rows, columns], order: [1, 2, 0], shape } as const;
  return { ...activation, node: draft.add(`${node}.rows`, permute, shape) };
}

/**
 * The model with the Transpose of each such input before the functions that stand between them, as those have it that
 * scale pixels within the network.
 */
export function turnedEarly(model: OnnxModel): OnnxModel {
  return model.inputs.reduce((made, input) => (input.dims?.length === 4 ? turned(made, input.name) : made), model);
}

function turned(model: OnnxModel, input: string): OnnxModel {
  const between: OnnxNode[] = [];
  let value = input;
  let node = onlyReader(model, value);
  for (; node && !isTurn(node); node = onlyReader(model, value)) {
    const others = node.inputs.filter((name) => name !== value && name !== "");
    const known = others.every((name) => constantDims(model, name) !== null);
    if (node.domain !== "" || !ELEMENTWISE.has(node.op) || node.outputs.length !== 1 || !known) return model;
    if (between.length === FUNCTIONS_MAX) return model;
    between.push(node);
    [value] = node.outputs;
  }
  if (!node || between.length === 0) return model;
  const [result] = node.outputs;
  const w = written({ node });
  let made = w.node("Transpose", [input], Object.fromEntries(node.attributes));
  let before = input;
  for (const one of between) {
    const inputs = one.inputs.map((name) => {
      if (name === before) return made;
      return name === "" ? "" : turnedConstant(w, model, name);
    });
    made = w.node(one.op, inputs, Object.fromEntries(one.attributes), one === between.at(-1) ? result : undefined);
    [before] = one.outputs;
  }
  const [first] = between;
  const gone = new Set([node, ...between]);
  const nodes = model.nodes.flatMap((one) => [...(one === first ? w.nodes : []), ...(gone.has(one) ? [] : [one])]);
  return { ...model, nodes, constants: new Map([...model.constants, ...w.constants]) };
}

/** A constant that meets (batch, rows, columns, channels), as it meets them with their channels first. */
function turnedConstant(w: Written, model: OnnxModel, name: string): string {
  const dims = constantDims(model, name)!;
  if (dims.every((n) => n === 1)) return name;
  const whole = w.node("Reshape", [name, listed(w, ...new Array<number>(4 - dims.length).fill(1), ...dims)]);
  return w.node("Transpose", [whole], { perm: asInts(...CHANNELS_FIRST) });
}

/** The dimensions of a constant of at most 4; null for other values. */
function constantDims({ constants, nodes }: OnnxModel, name: string): readonly number[] | null {
  const node = nodes.find(({ outputs }) => outputs.includes(name));
  const attribute = node?.op === "Constant" ? node.attributes.get("value") : undefined;
  const value = constants.get(name) ?? (attribute?.type === "tensor" ? attribute.value : null);
  return value && value.dims.length <= 4 ? value.dims : null;
}

/** The node that alone reads a value, which is no output; null where there is none. */
function onlyReader({ nodes, outputs }: OnnxModel, value: string): OnnxNode | null {
  const readers = nodes.filter(({ inputs }) => inputs.includes(value));
  const [node] = readers;
  const once = readers.length === 1 && node.inputs.filter((name) => name === value).length === 1;
  return once && !outputs.includes(value) ? node : null;
}

function isTurn({ op, domain, attributes }: OnnxNode): boolean {
  const perm = attributes.get("perm");
  return op === "Transpose" && domain === "" && perm?.type === "ints" && perm.value.join() === CHANNELS_FIRST.join();
}
