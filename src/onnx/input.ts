// input.ts: the inputs of the network: which of the model's they are, their sizes, their batch and how pixels become them.

import { ShiftwiseError, shellWord } from "../base/index.js";
import { fields } from "../format/index.js";
import type { Normalization, Shape } from "../ops/index.js";
import { type Activation, type Draft, shapeFor } from "./draft.js";
import type { OnnxInput, OnnxModel } from "./model.js";
import { shown } from "./names.js";
import { AXIS_MAX } from "./operators/call.js";
import type { Remark } from "./surroundings.js";
import { castNumber, createValue, isFloatType, type Value } from "./tensor.js";

const { at } = fields;

/** Sizes of an input that the file leaves open, with or without the batch; of several inputs by name. */
export type InputShape = readonly number[] | Readonly<Record<string, readonly number[]>>;

/** @throws BAD_OPTION for a shape without a name where there are several inputs, and for normalizations of none */
export function checkByInput(
  inputs: readonly OnnxInput[],
  shape: InputShape | undefined,
  normalization: InputNormalization | undefined,
  where: string,
): void {
  const names = inputs.map(({ name }) => name);
  const named = shape === undefined || !isList(shape) || names.length === 1;
  fields.expect(named, at(where, "inputShape"), `sizes by name, for ${names.join(", ")}`, shape, "BAD_OPTION");
  if (!normalization || isNormalization(normalization)) return;
  const foreign = Object.keys(normalization).find((name) => !names.includes(name));
  fields.expect(foreign === undefined, at(where, "normalization"), names.join(", "), foreign, "BAD_OPTION");
}

/** The model with some inputs made constants. @throws BAD_OPTION for an unknown name, or numbers that are not as many as its elements */
export function withConstants(
  model: OnnxModel,
  constants: Readonly<Record<string, number | readonly number[]>>,
  where: string,
): OnnxModel {
  checkInputs(model, Object.keys(constants), where);
  const given = Object.entries(constants).map(([name, numbers]): [string, Value] => {
    const input = model.inputs.find((one) => one.name === name)!;
    const list = typeof numbers === "number" ? [numbers] : numbers;
    const dims = (input.dims ?? []).map((n) => n ?? 1);
    const count = dims.reduce((a, b) => a * b, 1);
    const ok = list.length === count || list.length === 1;
    fields.expect(ok, at(where, `constant ${name}`), `${count} numbers`, list.length, "BAD_OPTION");
    const value = createValue(input.type, dims, at(where, `constant ${name}`));
    // one number stands for all elements
    for (let i = 0; i < count; i++) value.data[i] = castNumber(list[list.length === 1 ? 0 : i], input.type);
    return [name, value];
  });
  const inputs = model.inputs.filter(({ name }) => !Object.hasOwn(constants, name));
  return { ...model, inputs, constants: new Map([...model.constants, ...given]) };
}

/** @throws BAD_OPTION naming all that are no inputs */
function checkInputs({ inputs }: OnnxModel, names: readonly string[], where: string): void {
  const known = inputs.map((input) => input.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const details = { where, expected: known.join(", "), found: unknown.join(", ") };
  throw new ShiftwiseError("BAD_OPTION", "no such input", details);
}

/**
 * The inputs that something reads.
 * @param remark called with each input that nothing reads
 * @throws UNSUPPORTED for none
 */
export function readInputs(model: OnnxModel, where: string, remark: Remark): readonly OnnxInput[] {
  const read = new Set([...model.nodes.flatMap(({ inputs }) => inputs), ...model.outputs]);
  const inputs = model.inputs.filter(({ name }) => read.has(name));
  for (const { name } of model.inputs)
    if (!read.has(name)) remark("note", at(where, `input ${shown(name)}`), "nothing reads it");
  if (inputs.length > 0) return inputs;
  const place = at(where, `output ${shown(model.outputs[0])}`);
  throw new ShiftwiseError("UNSUPPORTED", "no output depends on an input", { where: place });
}

/**
 * The batch that stands in the file, which is read as 1: the first size of all inputs. Where they differ, or the outputs
 * are known not to begin with it, it is no batch, and 1 stands for it.
 */
export function batchOf({ outputs, outputDims }: OnnxModel, inputs: readonly OnnxInput[]): number {
  const [first, ...others] = inputs.flatMap(({ dims }) => (dims && dims.length > 1 ? [dims[0]] : []));
  if (first === undefined || first === null || first === 1 || others.some((other) => other !== first)) return 1;
  const begins = outputs.every((name) => {
    const known = outputDims.get(name);
    return !known || (known.length > 0 && (known[0] === null || known[0] === first));
  });
  return begins ? first : 1;
}

/** Sizes as the file has them, the batch being 1. */
function declaredDims(dims: OnnxInput["dims"], batch: number): OnnxInput["dims"] {
  const isBatch = (n: number | null, i: number): boolean => i === 0 && dims!.length > 1 && (n === null || n === batch);
  return dims?.map((n, i) => (isBatch(n, i) ? 1 : n)) ?? null;
}

/** Whether the file has all sizes of an input. */
const isWhole = ({ dims }: OnnxInput, batch: number): boolean =>
  declaredDims(dims, batch)?.every((n) => n !== null) ?? false;

/** Picks, of sizes by input, those of the inputs that the file leaves open. */
export function sizesOfOpen(
  inputs: readonly OnnxInput[],
  sizes: Readonly<Record<string, readonly number[]>>,
  batch: number,
): InputShape {
  const open = inputs.filter((input) => !isWhole(input, batch) && Object.hasOwn(sizes, input.name));
  return Object.fromEntries(open.map(({ name }) => [name, sizes[name]]));
}

/** @throws BAD_OPTION naming all inputs with sizes that the file leaves open and no option gives, and what to write */
export function checkOpen(
  model: OnnxModel,
  inputs: readonly OnnxInput[],
  option: InputShape | undefined,
  batch: number,
  where: string,
): void {
  const forms = inputs.flatMap((input) => {
    const { name, dims } = input;
    if (shapeOption(model, name, option, at(where, `input ${shown(name)}`)) || isWhole(input, batch)) return [];
    const declared = declaredDims(dims, batch);
    // the batch may be left out
    const sizes = declared && declared.length > 1 && declared[0] === 1 ? declared.slice(1) : declared;
    return [{ name, form: sizes ? sizes.map((n) => n ?? "N").join("x") : "NxNxN" }];
  });
  if (forms.length === 0) return;
  const several = inputs.length > 1;
  const words = forms.map(({ name, form }) => `--input-shape ${several ? shellWord(`${name}=${form}`) : form}`);
  const unknown = inputs.some(({ name, dims }) => dims === null && forms.some((one) => one.name === name));
  const message =
    "the file leaves sizes open: give inputShape, on the command line " +
    `${words.join(" ")} with a number for each N${unknown ? ", and as many as the network reads" : ""}`;
  const names = forms.map(({ name }) => shown(name)).join(", ");
  const place = `${forms.length > 1 ? "inputs" : "input"} ${names}`;
  throw new ShiftwiseError("BAD_OPTION", message, { where: at(where, place) });
}

/** Sizes of an input, the batch being 1, none of which is open. @throws BAD_OPTION for a shape that does not fit */
export function inputDims(
  model: OnnxModel,
  { name, dims }: OnnxInput,
  option: InputShape | undefined,
  batch: number,
  where: string,
): number[] {
  const given = shapeOption(model, name, option, where);
  const declared = declaredDims(dims, batch);
  if (declared === null) return given!.length >= 4 ? [...given!] : [1, ...given!];
  const { length } = declared;
  const fits = !given || given.length === length || (given.length === length - 1 && declared[0] === 1);
  fields.expect(
    fits,
    where,
    `a shape of ${Math.max(length - 1, 1)} or ${length} sizes`,
    given?.join("x"),
    "BAD_OPTION",
  );
  return declared.map((n, i) => {
    const wanted = given?.[i - length + given.length];
    const size = n ?? wanted!;
    fields.expect(wanted === undefined || wanted === size, `${where}.dims[${i}]`, `${size}`, wanted, "BAD_OPTION");
    return size;
  });
}

function shapeOption(
  model: OnnxModel,
  name: string,
  option: InputShape | undefined,
  where: string,
): readonly number[] | undefined {
  let given: readonly number[] | undefined;
  if (isList(option)) given = option;
  else if (option) {
    checkInputs(model, Object.keys(option), where);
    given = Object.hasOwn(option, name) ? option[name] : undefined;
  }
  const ok = !given || (given.length > 0 && given.every((n) => Number.isInteger(n) && n >= 1));
  fields.expect(ok, `${where}: inputShape`, "positive integers", given, "BAD_OPTION");
  return given;
}

function isList(option: InputShape | undefined): option is readonly number[] {
  return Array.isArray(option);
}

/** The normalization of pixels for every input, or for inputs by name. */
export type InputNormalization = Normalization | Readonly<Record<string, Normalization>>;

/** Whether it is one for all inputs: of an input called `mean` it would be an object, too. */
export function isNormalization(given: InputNormalization): given is Normalization {
  return Array.isArray((given as Partial<Normalization>).mean);
}

/** Channels of pictures at most. */
const CHANNELS_MAX = 4;

/**
 * Adds the input's node: channels first where one node alone reads it, a transpose from (batch, rows, columns, channels).
 * A uint8 picture takes pixels as they are unless a normalization says otherwise.
 */
export function addInput(
  draft: Draft,
  { name, type }: OnnxInput,
  dims: readonly number[],
  channelsLast: boolean,
  given: InputNormalization | undefined,
  where: string,
): Activation {
  if (dims.some((n) => n > AXIS_MAX)) {
    throw new ShiftwiseError("OVERFLOW", "an input is too large", { where, found: dims.join("x") });
  }
  const [a, b, c] = shapeFor(dims);
  const shape: Shape = channelsLast ? [c, a, b] : [a, b, c];
  const all = (value: number): number[] => new Array<number>(shape[0]).fill(value);
  const isPicture = type === "uint8" && shape[0] <= CHANNELS_MAX;
  const wanted = given && (isNormalization(given) ? given : Object.hasOwn(given, name) ? given[name] : undefined);
  const normalization = wanted ?? (isPicture ? { mean: all(0), std: all(1 / 255) } : undefined);
  const node = draft.add(name, { op: "input", shape, ...(normalization && { normalization }) }, shape);
  return { node, dims, ...(!isFloatType(type) && { type }) };
}
