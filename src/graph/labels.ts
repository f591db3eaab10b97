// labels.ts: the names of a network's classes, from the text of a file: lines, JSON, or a dict as Python prints it.
import { given, is, ShiftwiseError } from "../base/index.js";
import { fields } from "../format/index.js";
import type { Network } from "./network.js";
import { inferShapes } from "./shapes.js";

/** Most names, more than any classifier has classes. */
const NAMES_MOST = 65536;
/** Fields under which files of settings keep the names. */
const FIELDS = ["id2label", "names", "labels", "classes", "class_names"] as const;
const EXPECTED = 'one name a line, a JSON list of names, or an object such as {"0": "cat", "1": "dog"}';

/**
 * Reads the names of classes from a text: one name a line; a list or an object of names by number in JSON or as Python prints it,
 * `{0: 'cat', 1: 'dog'}`; an object of numbers by name; or an object with such a list as `id2label`, `names`, `labels`, `classes` or
 * `class_names`. The last text of a list stands for it, as in `{"0": ["n02123045", "tabby"]}`.
 * @param where file name for error messages
 * @throws BAD_FILE for no names, a number without a name, or a name of no or more than 200 characters
 */
export function parseLabels(text: string, where = "labels"): string[] {
  given({ text, where }, { text: is.text, where: is.text });
  const whole = text.replace(/^\ufeff/, "").trim();
  const names = /^[[{(]/.test(whole) ? namesIn(structure(whole, where), where) : whole.split(/\r?\n/);
  const found = names.length === 1 && names[0] === "" ? "an empty file" : `${names.length} names`;
  fields.expect(found !== "an empty file" && names.length > 0, where, EXPECTED, found);
  fields.expect(names.length <= NAMES_MOST, where, `at most ${NAMES_MOST} names`, names.length);
  return names.map((name, i) => fields.identifier(name.trim(), `${where}: name ${i}`));
}

function structure(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return JSON.parse(fromPython(text));
    } catch (cause) {
      throw new ShiftwiseError("BAD_FILE", "no list of names", { where, expected: EXPECTED, cause });
    }
  }
}

/** A dict, list or tuple of texts and numbers as Python prints it, in JSON. */
function fromPython(text: string): string {
  const tokens = text.match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s'"[\](){},:]+|[[\](){},:]/g) ?? [];
  return tokens
    .map((token, i) => {
      if (token === "(") return "[";
      if (token === ")") return "]";
      const next = tokens[i + 1] ?? "";
      if (token === "," && ")]}".includes(next)) return "";
      const [, body] = /^['"](.*)['"]$/s.exec(token) ?? [];
      if (body !== undefined) return JSON.stringify(body.replace(/\\(.)/gs, "$1"));
      return next === ":" ? JSON.stringify(token) : token;
    })
    .join("");
}

function namesIn(value: unknown, where: string): string[] {
  if (Array.isArray(value)) return value.map((one, i) => nameOf(one, `${where}: name ${i}`));
  const object = fields.dictionary(value, where);
  const field = FIELDS.find((name) => typeof object[name] === "object" && object[name] !== null);
  if (field) return namesIn(object[field], `${where}: ${field}`);
  const entries = Object.entries(object);
  const byName = entries.length > 0 && entries.every(([, number]) => typeof number === "number");
  const numbered = byName ? entries.map(([name, number]) => [String(number), name] as const) : entries;
  const names = new Map(numbered);
  return numbered.map((_, i) => {
    fields.expect(names.has(String(i)), where, `names for the numbers 0 to ${numbered.length - 1}`, `none for ${i}`);
    return nameOf(names.get(String(i)), `${where}: name ${i}`);
  });
}

/** A text, a number, or the last of a list of them. */
function nameOf(value: unknown, where: string): string {
  const one = Array.isArray(value) ? value.at(-1) : value;
  fields.expect(typeof one === "string" || typeof one === "number", where, "a name", one);
  return String(one);
}

/**
 * Counts what a network tells apart: the values of its one output, where that is a vector.
 * @returns null for any other network
 * @internal
 */
export function classCount(network: Network): number | null {
  const [output, ...more] = network.outputs;
  const [classes, height, width] = inferShapes(network).get(output)!;
  return more.length === 0 && classes > 1 && height * width === 1 ? classes : null;
}

/**
 * The network with these names of its classes.
 * @param where the file that they are from, for error messages
 * @throws BAD_DATA where it tells another number of classes apart
 * @internal
 */
export function withLabels(network: Network, labels: readonly string[], where: string): Network {
  const classes = classCount(network);
  if (classes === null || classes === labels.length) return { ...network, labels };
  const off = classes === labels.length + 1 ? "; class 0 may be a background, which needs a name of its own" : "";
  throw new ShiftwiseError("BAD_DATA", "names for another number of classes", {
    where,
    expected: `${classes} names, one for each value of the output${off}`,
    found: `${labels.length} names`,
  });
}
