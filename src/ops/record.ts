// record.ts: layers and nodes by their fields: read from JSON, written to it, names and parameters found.
import { fields as json, type StoredTensor, type TensorSource } from "../format/index.js";
import type { Field, Place, Reading, Tensor, Writing } from "./field.js";
import type { Shape } from "./tensor.js";
import { writeWeights } from "./weights-write.js";

type Fields = Readonly<Record<string, Field<unknown>>>;
type Owner = Readonly<Record<string, unknown>>;

/** The fields that a layer or node has, with their values, in the order of the record. */
function entriesOf(fields: object, owner: object): [name: string, field: Field<unknown>, value: unknown][] {
  // loops: every pass over a network asks for this, of every node
  const found: [string, Field<unknown>, unknown][] = [];
  for (const name of Object.keys(fields)) {
    const value = (owner as Owner)[name];
    if (value !== undefined) found.push([name, (fields as Fields)[name], value]);
  }
  return found;
}

/** The tensors that a layer or node names in its fields. */
export function namesOf(fields: object, owner: object): readonly string[] {
  const found: string[] = [];
  for (const [, field, value] of entriesOf(fields, owner))
    for (const name of field.names?.(value) ?? []) found.push(name);
  return found;
}

/** The parameters among the fields. */
export function parametersOf(fields: object, owner: object): [field: string, tensor: Tensor][] {
  return entriesOf(fields, owner).flatMap(([name, field, value]) => {
    const parameter = field.parameter?.(value);
    return parameter ? [[name, parameter] as [string, Tensor]] : [];
  });
}

/** A layer or node that names other tensors. */
export function renamed<T extends object>(fields: object, owner: T, to: (name: string) => string): T {
  const made = { ...owner } as Record<string, unknown>;
  for (const [name, field, value] of entriesOf(fields, owner)) if (field.renamed) made[name] = field.renamed(value, to);
  return made as T;
}

/** The sources that the fields of a layer or node are read from. */
export interface RecordSource {
  readonly source: TensorSource;
  readonly shapeOf: (tensor: string) => Shape;
}

/** An entry of a table of kinds, as reading needs it: fields, and since when. */
interface Kind {
  readonly since: number;
  readonly fields: object;
}

/**
 * Reads a layer or node: a JSON object with `op`, the common fields, and those that its kind has.
 * @param common fields that every kind has, read first
 * @param version of the file: kinds and fields that are younger are refused
 * @throws BAD_FILE naming the field
 */
export function readRecord<T>(
  kinds: Readonly<Record<string, Kind>>,
  common: readonly string[],
  value: unknown,
  where: string,
  { source, shapeOf }: RecordSource,
  version: number,
): T {
  const ops = Object.keys(kinds).filter((op) => kinds[op].since <= version);
  const op = json.oneOf(json.text(json.dictionary(value, where).op, `${where}.op`), `${where}.op`, ops);
  const fields = Object.entries(kinds[op].fields as Fields).filter(([, { since = 1 }]) => since <= version);
  const keysOf = (given: readonly [string, Field<unknown>][]): string[] =>
    given.flatMap(([name, { key = name }]) => (key === null ? [] : [key]));
  const [required, rest] = [false, true].map((lacking) => fields.filter(([, f]) => (f.optional ?? false) === lacking));
  const given = json.record(value, where, ["op", ...common, ...keysOf(required)], keysOf(rest));
  const sofar: Record<string, unknown> = { op };
  for (const name of common) sofar[name] = json.identifier(given[name], `${where}.${name}`);
  const reading: Reading = { where, name: sofar.name as string, sofar, source, shapeOf };
  for (const [name, field] of fields) {
    const key = field.key === undefined ? name : field.key;
    const found = key === null ? undefined : given[key];
    if (field.optional && found === undefined) continue;
    const place = `${where}.${key ?? name}`;
    sofar[name] = field.read(found, place, reading);
    const since = field.sinceOf?.(sofar[name]) ?? 1;
    json.expect(
      since <= version,
      place,
      `a value of version ${version} of the format`,
      `${nameOf(found)}, of version ${since}`,
    );
  }
  return sofar as T;
}

/** The name of a value that not all versions have: a word, or an object of a kind. */
const nameOf = (value: unknown): unknown => (value as { readonly kind?: string } | undefined)?.kind ?? value;

/** Stored tensors on their way into a file, by the place where they are to lie. */
export type Store = readonly { readonly name: string; readonly tensor: StoredTensor; readonly place: Place }[];

/**
 * Writes a layer or node as the JSON that `readRecord` reads: one value, one text.
 * @returns its JSON and the tensors stored beside it
 */
export function writeRecord(
  { fields }: Kind,
  common: readonly string[],
  owner: object,
  shapeOf: (tensor: string) => Shape,
): { readonly json: object; readonly store: Store } {
  const { op, name } = owner as { op: string; name: string };
  const store: { name: string; tensor: StoredTensor; place: Place }[] = [];
  const add: Writing["store"] = (suffix, tensor, place = "first") =>
    store.push({ name: `${name}.${suffix}`, tensor, place });
  const writing: Writing = {
    owner: owner as Owner,
    shapeOf,
    store: add,
    storeWeights: (weights, shape) => writeWeights(weights, shape, add),
  };
  const known = ["op", ...common, ...Object.keys(fields)];
  const odd = Object.keys(owner).find((field) => !known.includes(field));
  json.expect(odd === undefined, name, "no field besides those of its kind", odd);
  const written = entriesOf(fields, owner).flatMap(([field, { key = field, write }, value]) => {
    const text = write(value, writing);
    return key === null ? [] : [[key, text]];
  });
  const heads = common.map((field) => [field, (owner as Owner)[field]]);
  return { json: Object.fromEntries([["op", op], ...heads, ...written]), store };
}

/** The lowest version of the format that has the kind, all fields that are there, and their values. */
export function versionOf({ since, fields }: Kind, owner: object): number {
  return Math.max(
    since,
    ...entriesOf(fields, owner).flatMap(([, field, value]) => [field.since ?? 1, field.sinceOf?.(value) ?? 1]),
  );
}

/**
 * Stored tensors of all layers as they lie in a file: those with the place "last" behind all others, the rest layer by
 * layer, each layer's "first" before its "second".
 */
export function orderStores(stores: readonly Store[]): Map<string, StoredTensor> {
  const at = (store: Store, place: Place): Store => store.filter((entry) => entry.place === place);
  const early = stores.flatMap((store) => [...at(store, "first"), ...at(store, "second")]);
  const all = [...early, ...stores.flatMap((store) => at(store, "last"))];
  return new Map(all.map(({ name, tensor }) => [name, tensor]));
}
