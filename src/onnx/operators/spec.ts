// spec.ts: what an attribute of an operator may be: its type, its legal values, and what stands for one that is absent.
import { ShiftwiseError } from "../../base/index.js";
import type { Attribute, AttributeType, Branch } from "../attributes.js";
import type { Value } from "../tensor.js";
import { type Bare, optional, unsupported } from "./call.js";

interface Options<V> {
  /** The only values that are done; all if absent. */
  readonly legal?: readonly V[];
  /** The input, by its place, that has the attribute's part in later versions of the operator. */
  readonly input?: number;
}

export interface Spec<T> extends Options<number | string> {
  readonly type: AttributeType;
  readonly otherwise: T;
  /** The value; undefined for an attribute of another type. */
  parse(attribute: Attribute): T | undefined;
  /** The value where a constant input gives it; undefined for one without elements. */
  ofInput(value: Value): T | undefined;
}

export type Specs = Readonly<Record<string, Spec<unknown>>>;
/** The attributes that an operator's functions receive: a value for each. */
export type ValuesOf<S extends Specs> = { readonly [K in keyof S]: S[K] extends Spec<infer T> ? T : never };

const first = ({ data }: Value): number | undefined => data[0];
const none = (): undefined => undefined;

export function int<T extends number | null>(otherwise: T, options: Options<number> = {}): Spec<number | T> {
  const parse = (a: Attribute) => (a.type === "int" ? a.value : undefined);
  return { type: "int", otherwise, parse, ofInput: first, ...options };
}

/** An int that stands for true where it is not 0. */
export function flag(otherwise: boolean): Spec<boolean> {
  return { type: "int", otherwise, parse: (a) => (a.type === "int" ? a.value !== 0 : undefined), ofInput: none };
}

export function float<T extends number | null>(otherwise: T, options: Options<number> = {}): Spec<number | T> {
  const parse = (a: Attribute) => (a.type === "float" ? a.value : undefined);
  return { type: "float", otherwise, parse, ofInput: first, ...options };
}

/** One of some texts, the first where the attribute is absent. */
export function choice<const V extends string>(...legal: readonly V[]): Spec<V> {
  const parse = (a: Attribute) => (a.type === "string" ? legal.find((text) => text === a.value) : undefined);
  return { type: "string", legal, otherwise: legal[0], parse, ofInput: none };
}

/** Any text. */
export function text(otherwise: string): Spec<string> {
  return { type: "string", otherwise, parse: (a) => (a.type === "string" ? a.value : undefined), ofInput: none };
}

/** A list of texts, or null where it is absent. */
export function texts(): Spec<readonly string[] | null> {
  const parse = (a: Attribute) => (a.type === "strings" ? a.value : undefined);
  return { type: "strings", otherwise: null, parse, ofInput: none };
}

/** A list of integers, or null where it is absent. */
export function ints(options: Options<number> = {}): Spec<readonly number[] | null> {
  const parse = (a: Attribute) => (a.type === "ints" ? a.value : undefined);
  return { type: "ints", otherwise: null, parse, ofInput: ({ data }) => [...data], ...options };
}

/** A list of numbers, or null where it is absent. */
export function floats(options: Options<number> = {}): Spec<readonly number[] | null> {
  const parse = (a: Attribute) => (a.type === "floats" ? a.value : undefined);
  return { type: "floats", otherwise: null, parse, ofInput: ({ data }) => [...data], ...options };
}

/** A tensor, or null where it is absent. */
export function tensor(): Spec<Value | null> {
  const parse = (a: Attribute) => (a.type === "tensor" ? a.value : undefined);
  return { type: "tensor", otherwise: null, parse, ofInput: (value) => value };
}

/** A graph, or null where it is absent. */
export function graph(): Spec<Branch | null> {
  const parse = (a: Attribute) => (a.type === "graph" ? a.value : undefined);
  return { type: "graph", otherwise: null, parse, ofInput: none };
}

/**
 * Says in a short text what is wrong with an attribute; null where nothing is.
 * @param where the node, for error messages
 * @throws BAD_GRAPH for an attribute of the wrong type
 */
export function attributeProblem(specs: Specs, name: string, attribute: Attribute, where: string): string | null {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (!spec) return name;
  if (spec.type !== attribute.type) {
    const details = { where: `${where}.${name}`, expected: spec.type, found: attribute.type };
    throw new ShiftwiseError("BAD_GRAPH", "attribute of the wrong type", details);
  }
  const { value } = attribute;
  const known = !spec.legal || ((typeof value === "number" || typeof value === "string") && spec.legal.includes(value));
  return known ? null : `${name} = ${String(value)}`;
}

/** The values of all attributes of a call's node. @throws BAD_GRAPH, UNSUPPORTED for one that is wrong or not done */
export function readSpecs<S extends Specs>(specs: S, call: Bare): ValuesOf<S> {
  const { attributes, where } = call.node;
  for (const [name, attribute] of attributes) {
    const problem = attributeProblem(specs, name, attribute, where);
    if (problem !== null) throw unsupported(call.node, `attribute ${problem}`);
  }
  const values = Object.entries(specs).map(([name, spec]) => {
    const attribute = attributes.get(name);
    const input = attribute || spec.input === undefined ? null : optional(call, spec.input);
    const value = attribute ? spec.parse(attribute) : input ? spec.ofInput(input) : undefined;
    return [name, value ?? spec.otherwise];
  });
  return Object.fromEntries(values) as ValuesOf<S>;
}
