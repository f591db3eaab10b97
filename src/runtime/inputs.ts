// inputs.ts: what a run is given, checked before anything is drawn, copied or handed over.
import { arrayKind, described, isArray, ownView, ShiftwiseError } from "../base/index.js";
import type { InputValues } from "../model/index.js";
import { elements, type Normalization, type Shape } from "../ops/index.js";
import { checkPicture, isPicture, type Picture } from "./pictures.js";
import { addressOf, isBlob } from "./source.js";

/** One input of a model: its name, its shape (channels, rows, columns), and how pixels become its values. */
export interface InputInfo {
  readonly name: string;
  readonly shape: Shape;
  /** Sizes as ONNX has them: values are handed in in their order. */
  readonly dims: readonly number[];
  /** Whether that order is (row, column, channel). */
  readonly channelsLast: boolean;
  readonly normalization?: Normalization;
  /** Length that the shorter side of a picture gets before its middle is cut out, where the model says so. */
  readonly resize?: number;
  /** Order of a picture's channels where the model says that it is another than red, green, blue. */
  readonly channels?: "bgr";
}

/** Values, or a picture that is brought to the input's size. */
export type Input = InputValues | Picture;
/** A picture that has to be decoded first: a file, or an address of one. Browsers take it. */
export type PictureFile = Blob | URL | string;
/** Inputs of which some are files: one alone, or several by name. */
export type PictureInputs = PictureFile | { readonly [name: string]: Input | PictureFile };
/** One input alone, or several by name. */
export type Inputs = Input | { readonly [name: string]: Input };
/** Every input of a model by name, checked: arrays of this realm that fit, and pictures that have pixels. */
export type Given = { readonly [name: string]: Input };
/** The same with files and whole addresses among them. */
export type GivenFiles = { readonly [name: string]: Input | Blob | string };

const ARRAYS = ["Float32Array", "Uint8Array", "Uint8ClampedArray"] as const;

/**
 * Makes the check that stands before every run.
 * @returns a function that throws BAD_DATA for an input that is missing or unknown, of another kind or length, or of
 * pixels where the model says nothing about them
 */
export function createInputCheck(ports: readonly InputInfo[]): InputCheck {
  const names = ports.map(({ name }) => name);
  return (inputs, files = false) => {
    const named = byName(inputs, names);
    const given = Object.fromEntries(
      ports.map((port) => [port.name, checkInput(ownField(named, port.name), port, files)]),
    );
    for (const name of Object.keys(named)) {
      if (!Object.hasOwn(given, name)) throw badInput("no such input", `input ${name}`, names.join(", "), name);
    }
    return given;
  };
}

export function isValues(value: unknown): value is InputValues {
  return isArray(value, ...ARRAYS);
}

/** The file or whole address that a value stands for, null for what is none. @throws NETWORK for a text that is no address */
function fileOf(value: unknown): Blob | string | null {
  if (typeof value === "string") return addressOf(value);
  if (typeof value !== "object" || value === null) return null;
  if ("href" in value) return addressOf(String(value.href));
  return isBlob(value) ? value : null;
}

/** @param files whether pictures in files and at addresses may be among the inputs */
export type InputCheck = (inputs: unknown, files?: boolean) => GivenFiles;

/** Whether one of the inputs has to be decoded first. */
export function hasFiles(given: GivenFiles): boolean {
  return Object.values(given).some((input) => typeof input === "string" || isBlob(input));
}

function byName(inputs: unknown, names: readonly string[]): object {
  // "[object Object]" is neither an array nor a buffer, Map or Promise
  const isNamed = Object.prototype.toString.call(inputs) === "[object Object]" && !isPicture(inputs);
  if (isNamed) return inputs as object;
  if (names.length === 1) return { [names[0]]: inputs };
  throw badInput("several inputs are wanted", "inputs", `an object of ${names.join(", ")}`, inputs);
}

function ownField(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
}

function checkInput(
  value: unknown,
  { name, shape, dims, normalization }: InputInfo,
  files: boolean,
): Input | Blob | string {
  const where = `input ${name}`;
  const file = files ? fileOf(value) : null;
  const isPixels = isArray(value, "Uint8Array", "Uint8ClampedArray") || isPicture(value) || file !== null;
  if (isPixels && !normalization) {
    const found = arrayKind(value) ?? described(value);
    throw badInput("this model says nothing about pixels", where, "a Float32Array of network values", found);
  }
  if (file !== null) return file;
  if (isPicture(value)) {
    checkPicture(value, shape, where);
    return value;
  }
  const pixels = normalization ? ", a Uint8Array of pixels 0..255, or a picture" : "";
  if (!isValues(value)) throw badInput("wrong input", where, `a Float32Array of network values${pixels}`, value);
  const view = ownView(value);
  if (view?.length === elements(shape)) return view;
  const expected = `${elements(shape)} values (${dims.join(", ")})`;
  throw badInput("wrong input", where, expected, view ? `${view.length} values` : "an array that was handed over");
}

function badInput(message: string, where: string, expected: string, value: unknown): ShiftwiseError {
  const found = typeof value === "string" || value === undefined ? (value ?? "none") : described(value);
  return new ShiftwiseError("BAD_DATA", message, { where, expected, found });
}
