// is.ts: kinds of values, from which every public function says what it takes; each refuses all others with its place.
import { ShiftwiseError } from "./error.js";
import { arrayKind, ownView } from "./kinds.js";

/** Throws unless a value is of the kind. `where` is the argument, with the field inside it. */
export type Kind = (value: unknown, where: string) => void;

/** The error for a value of another kind. */
export function refused(where: string, expected: string, value: unknown): ShiftwiseError {
  // what is missing has to be said, too
  const found = value === undefined ? "nothing" : value;
  return new ShiftwiseError("BAD_OPTION", "a value that is not taken here", { where, expected, found });
}

/** A kind by a test. */
export function kind(expected: string, ok: (value: unknown) => boolean): Kind {
  return (value, where) => {
    if (!ok(value)) throw refused(where, expected, value);
  };
}

export const anything: Kind = () => {};
export const text = /* @__PURE__ */ kind("a text", (value) => typeof value === "string");
export const boolean = /* @__PURE__ */ kind("true or false", (value) => typeof value === "boolean");
export const number = /* @__PURE__ */ kind("a number", (value) => typeof value === "number");
export const callback = /* @__PURE__ */ kind("a function", (value) => typeof value === "function");
export const bytes = /* @__PURE__ */ array("Uint8Array");
export const floats = /* @__PURE__ */ array("Float32Array");

/** An AbortSignal of any realm. */
export const signal = /* @__PURE__ */ kind("an AbortSignal", (value) => {
  return isObject(value) && "aborted" in value && typeof (value as AbortSignal).addEventListener === "function";
});

/** A value that `for` or, with `await`, can go through. */
export const iterable = /* @__PURE__ */ kind("what can be gone through with for await", (value) => {
  const given = Object(value) as { [Symbol.iterator]?: unknown; [Symbol.asyncIterator]?: unknown };
  const ways = [given[Symbol.iterator], given[Symbol.asyncIterator]];
  return isObject(value) && arrayKind(value) === undefined && ways.some((way) => typeof way === "function");
});

/** Numbers in a plain or a typed array. */
export const numbers: Kind = (value, where) => {
  const type = arrayKind(value);
  if (type === undefined || type.startsWith("Big")) list(number)(value, where);
  else array(type)(value, where);
};

export function integer(low: number, high = Number.MAX_SAFE_INTEGER): Kind {
  const range = high === Number.MAX_SAFE_INTEGER ? `of ${low} or more` : `in ${low}..${high}`;
  return kind(
    `an integer ${range}`,
    (value) => Number.isInteger(value) && Number(value) >= low && Number(value) <= high,
  );
}

/** A finite number from `low` to `high`. */
export function within(low: number, high = Number.MAX_VALUE): Kind {
  const range = high === Number.MAX_VALUE ? `of ${low} or more` : `in ${low}..${high}`;
  return kind(`a number ${range}`, (value) => typeof value === "number" && value >= low && value <= high);
}

export const positive = /* @__PURE__ */ kind("a number above 0", (value) => {
  return typeof value === "number" && value > 0 && value <= Number.MAX_VALUE;
});

export function oneOf(...choices: readonly (string | number)[]): Kind {
  return kind(`one of ${choices.join(", ")}`, (value) => choices.includes(value as string));
}

/** A typed array of any realm whose memory is here. */
export function array(...kinds: readonly string[]): Kind {
  return kind(`a ${kinds.join(" or ")}`, (value) => {
    const type = arrayKind(value);
    return type !== undefined && kinds.includes(type) && ownView(value as Uint8Array) !== null;
  });
}

/** A plain array without holes. */
export function list(of: Kind, length?: number): Kind {
  return (value, where) => {
    const expected = length === undefined ? "an array" : `an array of ${length}`;
    if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
      throw refused(where, expected, value);
    }
    for (let i = 0; i < value.length; i++) of(value[i], `${where}[${i}]`);
  };
}

/** A Map of any realm. */
export function map(values: Kind, keys: Kind = text): Kind {
  return (value, where) => {
    if (Object.prototype.toString.call(value) !== "[object Map]") throw refused(where, "a Map", value);
    for (const [key, entry] of value as Map<unknown, unknown>) {
      keys(key, `${where}: a key`);
      values(entry, `${where}: ${String(key)}`);
    }
  };
}

/** An object with fields of these kinds; others are not looked at. */
export function record<T extends object>(fields: { readonly [K in keyof T]-?: Kind }): Kind {
  return (value, where) => {
    if (!isObject(value) || Array.isArray(value)) throw refused(where || "options", "an object", value);
    for (const name of Object.keys(fields) as (keyof T & string)[]) {
      fields[name]((value as T)[name], where ? `${where}.${name}` : name);
    }
  };
}

/** A record that has no other fields. */
export function exactly<T extends object>(fields: { readonly [K in keyof T]-?: Kind }): Kind {
  const known = record<T>(fields);
  return (value, where) => {
    known(value, where);
    const other = Object.keys(value as T).find((name) => !Object.hasOwn(fields, name));
    if (other === undefined) return;
    throw refused(where ? `${where}.${other}` : other, `one of ${Object.keys(fields).join(", ")}`, other);
  };
}

/** An object whose fields are all of a kind. */
export function dictionary(of: Kind): Kind {
  return (value, where) => {
    if (!isObject(value) || Array.isArray(value)) throw refused(where || "options", "an object", value);
    for (const [name, entry] of Object.entries(value)) of(entry, where ? `${where}.${name}` : name);
  };
}

export function optional(of: Kind): Kind {
  return (value, where) => {
    if (value !== undefined) of(value, where);
  };
}

export function nullable(of: Kind): Kind {
  return (value, where) => {
    if (value !== null) of(value, where);
  };
}

/** The first kind where the test holds, else the second. */
export function either(test: (value: unknown) => boolean, first: Kind, second: Kind): Kind {
  return (value, where) => (test(value) ? first : second)(value, where);
}

/** Both kinds, one after the other. */
export function both(first: Kind, second: Kind): Kind {
  return (value, where) => {
    first(value, where);
    second(value, where);
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
