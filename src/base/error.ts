// error.ts: the one error class of shiftwise, and the codes it may carry.

/** A stable word for the kind of an error, which programs may switch on. */
export type ErrorCode =
  | "ABORTED" // stopped by an AbortSignal or Ctrl-C
  | "BAD_DATA" // a data set whose bytes, labels or values are wrong
  | "BAD_FILE" // not a shiftwise file: magic, structure or version
  | "BAD_GRAPH" // a network or model whose layers do not fit together
  | "BAD_OPTION" // an argument or option outside its range
  | "CHECKSUM" // the bytes are not the ones that were written
  | "DIVERGED" // the loss is not finite or rose tenfold
  | "DISPOSED" // use after dispose()
  | "IO" // the operating system refused to read or write
  | "NETWORK" // a download that failed or was cut
  | "OVERFLOW" // sums or memory that would not fit their lane or limit
  | "TRUNCATED" // fewer bytes than the file declares
  | "UNSUPPORTED"; // well formed, but nothing here runs it

/** The place of an error, the value that was found there and what was expected. */
export interface ErrorDetails {
  /** The value that was found. */
  found?: unknown;
  /** The values that are accepted in its place. */
  expected?: unknown;
  /** File, layer, tensor or field. */
  where?: string;
  cause?: unknown;
}

/** A value as an error carries it: primitives as they are, everything else as a short text. */
export type ErrorValue = string | number | boolean | null | undefined;

/**
 * The only error that shiftwise throws on purpose. The message names code, place, found and expected. Nothing in it is
 * large, whatever was found: it can be logged, shown and sent to another thread.
 */
export class ShiftwiseError extends Error {
  readonly code: ErrorCode;
  readonly found: ErrorValue;
  readonly expected: ErrorValue;
  readonly where: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const found = shown(details.found);
    const expected = shown(details.expected);
    const { where: place } = details;
    const where =
      place === undefined ? undefined : shortened(typeof place === "string" ? place : described(place), WHERE_LIMIT);
    const parts = [message];
    if (expected !== undefined) parts.push(`expected ${expected}`);
    if (found !== undefined) parts.push(`found ${found}`);
    super(`${where ? `${where}: ` : ""}${parts.join("; ")}`, { cause: details.cause });
    this.name = "ShiftwiseError";
    this.code = code;
    this.found = found;
    this.expected = expected;
    this.where = where;
  }
}

/**
 * Does work on what may be anything, though its type says otherwise.
 * @throws ShiftwiseErrors of the work as they are; OVERFLOW for sizes that do not fit; the error for everything else
 */
export function guarded<T>(work: () => T, code: ErrorCode, message: string, details: ErrorDetails): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof ShiftwiseError) throw cause;
    throw new ShiftwiseError(cause instanceof RangeError ? "OVERFLOW" : code, message, { ...details, cause });
  }
}

const TEXT_LIMIT = 120;
const WHERE_LIMIT = 300;
/** Elements of an array and fields of an object that are shown, and how deep. */
const ITEMS = 12;
const DEPTH = 2;

/** A text cut in the middle: of a path the end tells most, of an address the beginning. */
function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = Math.ceil((limit - 3) / 2);
  return `${text.slice(0, head)}...${text.slice(head + 3 - limit)}`;
}

function shown(value: unknown): ErrorValue {
  if (Object.is(value, -0)) return "-0";
  if (value === null || ["undefined", "number", "boolean"].includes(typeof value)) return value as ErrorValue;
  const text = typeof value === "string" ? value : described(value);
  return text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT - 3)}...` : text;
}

/** A short text for any value at all: it never throws, and looks at a few parts only. */
export function described(value: unknown): string {
  try {
    return print(value, DEPTH);
  } catch {
    return "an object that cannot be read";
  }
}

function print(value: unknown, depth: number): string {
  if (typeof value === "string") return JSON.stringify(shortened(value, TEXT_LIMIT));
  if (typeof value === "bigint") return `${shortened(String(value), TEXT_LIMIT)}n`;
  if (typeof value === "function") return `function ${value.name}`.trimEnd();
  if (typeof value !== "object" || value === null) return String(value);
  // "[object Float32Array]", of any realm
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (ArrayBuffer.isView(value)) return `${kind} of ${"length" in value ? value.length : value.byteLength}`;
  if (Array.isArray(value)) {
    if (depth === 0) return `an array of ${value.length}`;
    const items = value.slice(0, ITEMS).map((item) => print(item, depth - 1));
    return `[${[...items, ...(value.length > ITEMS ? ["..."] : [])].join()}]`;
  }
  if (kind !== "Object" || depth === 0) return kind;
  const fields: string[] = [];
  for (const key in value) {
    if (fields.length === ITEMS) {
      fields.push("...");
      break;
    }
    fields.push(`${print(key, 0)}:${print((value as Record<string, unknown>)[key], depth - 1)}`);
  }
  return `{${fields.join()}}`;
}
