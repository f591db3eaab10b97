// packed.ts: reads a packed file: a model file whose header and codes are entropy-coded. It is loaded when a file is one.
//
// A packed file is a container of the kind "packed" with two tensors:
//
//     floats  ┌──────────────────┬──────────────────┬───
//     F32     │ 1st F32 tensor   │ 2nd F32 tensor   │ …        as in the file inside
//             └──────────────────┴──────────────────┴───
//     packed  ┌──────────────────┬──────────────────┬───
//     U8      │ index            │ 1st U8 tensor    │ …        as they are, or as a stream of digits
//             └──────────────────┴──────────────────┴───
//
// The index is JSON, coded bit by bit: version and graph of the file inside, and a list of its tensors.
//
// A stream of digits is drawn in digits.ts.
//
// Nothing of the entry but types is imported: a file that the entry and a part loaded later share would be cut off from the entry by bundlers.
import type { OpenedFile } from "./container.js";
import { DIGIT_FORMS, readDigits } from "./digits.js";
import type { Expect, Json } from "./fields.js";
import { LETTERS_A_BYTE, LETTERS_MOST, readText } from "./index-text.js";
import type { parseJson, StoredTensor } from "./safetensors.js";

/**
 * Opens the model file that a packed one holds.
 * @param packed the packed file, opened
 * @param limit most bytes that its tensors may take
 * @param parse `parseJson`, and `check` is `expect`
 * @throws BAD_FILE; OVERFLOW beyond the limit
 */
export function unpackFile(
  { version: coding, graph, tensors }: OpenedFile,
  where: string,
  limit: number,
  parse: typeof parseJson,
  check: Expect,
): OpenedFile {
  const at = (place: string): string => (where ? `${where}: ${place}` : place);
  const [floats, packed] = PARTS.map(([name, dtype]) => partOf(tensors.get(name), dtype, at(`tensor ${name}`), check));
  check(tensors.size === PARTS.length, at("tensors"), "floats and packed", [...tensors.keys()]);

  const place = at("index");
  const { index: sizes, ...others } = Object(graph) as Json;
  const [letters, size] = integers(sizes, 2, place, check);
  check(Object.keys(others).length === 0, at("graph"), "the field index and no other", graph);
  const most = Math.min(size * LETTERS_A_BYTE, LETTERS_MOST);
  check(letters <= most, place, `at most ${LETTERS_A_BYTE} letters a byte, and ${LETTERS_MOST}`, [letters, size]);
  const text = readText(packed.take(size), letters, place, check);
  const index = parse(text, place) as Json;
  const isIndex =
    text[0] === BRACE &&
    Object.keys(Object(index)).sort().join() === "graph,tensors,version" &&
    Array.isArray(index.tensors);
  check(isIndex, place, "graph, tensors and version", index);
  const version = index.version as number;
  check([1, 2, 4].includes(version), `${place}.version`, "1, 2 or 4", version);

  const list: [string, StoredTensor][] = [];
  let room = 0;
  for (const [i, entry] of (index.tensors as unknown[]).entries()) {
    const p = `${place}.tensors[${i}]`;
    const [name, extent, ...coded] = Array.isArray(entry) ? entry : [];
    check(typeof name === "string", p, "a name", entry);
    const isFloat = Array.isArray(extent);
    const shape = integers(isFloat ? extent : [extent], isFloat ? extent.length : 1, p, check);
    const length = shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, isFloat ? 4 : 1);
    room += length;
    check(room <= limit, where, `at most ${limit} bytes of tensors, or a higher memoryLimit`, room, "OVERFLOW");
    check(!isFloat || coded.length === 0, p, "a name and a shape", entry);
    if (coded.length === 0) {
      list.push([name, { dtype: isFloat ? "F32" : "U8", shape, bytes: (isFloat ? floats : packed).take(length) }]);
      continue;
    }
    const [bytes, form, chooser] = integers(coded, coding > 1 && coded.length > 2 ? 3 : 2, p, check);
    check(form < DIGIT_FORMS.length, p, `a form below ${DIGIT_FORMS.length}`, form);
    const tables = chooser === undefined ? undefined : list[chooser]?.[1];
    const isChosen = chooser === undefined || (tables?.dtype === "U8" && tables.bytes.length > 0);
    check(isChosen, p, "the place of an earlier U8 tensor that is not empty", chooser);
    const stream = packed.take(bytes);
    const digits = readDigits(stream, length, DIGIT_FORMS[form], at(`tensor ${name}`), check, tables?.bytes);
    list.push([name, { dtype: "U8", shape, bytes: digits }]);
  }
  const inside = new Map(list);
  check(inside.size === list.length, `${place}.tensors`, "names that differ", [...inside.keys()]);
  floats.end();
  packed.end();
  return { kind: "model", version, graph: index.graph, tensors: inside };
}

/** The code of {. */
const BRACE = 0x7b;

/** The tensors of a packed file. */
const PARTS = [
  ["floats", "F32"],
  ["packed", "U8"],
] as const;

/** A list of so many integers from 0 on. */
function integers(value: unknown, length: number, where: string, check: Expect): number[] {
  const isList = Array.isArray(value) && value.length === length;
  const isOk = isList && value.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 31 && !Object.is(n, -0));
  check(isOk, where, `${length} integers in 0..${2 ** 31 - 1}`, value);
  return value;
}

/** A tensor that is taken piece by piece. */
function partOf(
  tensor: StoredTensor | undefined,
  dtype: string,
  where: string,
  check: Expect,
): { take(length: number): Uint8Array; end(): void } {
  check(tensor !== undefined, where, "the tensor", "none");
  const { bytes, shape } = tensor;
  check(tensor.dtype === dtype && shape.length === 1, where, `${dtype} of one dimension`, [tensor.dtype, shape]);
  let from = 0;
  return {
    take(length) {
      check(length <= bytes.length - from, where, `${length} bytes more from ${from} on`, bytes.length - from);
      from += length;
      return bytes.subarray(from - length, from);
    },
    end: () => check(from === bytes.length, where, `${from} bytes`, bytes.length),
  };
}
